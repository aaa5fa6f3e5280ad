// The console's service worker: it shows what a push says, and opens the chat when that is clicked. It keeps no page and
// answers no request: what is shown of customers stays with the server.
const HOME = "/operator/";

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("push", (event) => {
  const { title = "", body = "", tag = "", url = HOME, lang = "" } = event.data?.json() ?? {};
  const icon = "/static/icons/icon-192.png";
  event.waitUntil(registration.showNotification(title, { body, tag, lang, icon, renotify: Boolean(tag), data: { url } }));
});

addEventListener("notificationclick", (event) => {
  event.notification.close();
  event.waitUntil(open(event.notification.data?.url ?? HOME));
});

/** In a console that is open already, the one that shows this chat or the one looked at last; else in a new window. */
async function open(path) {
  const found = (await clients.matchAll({ type: "window" })).filter((page) => new URL(page.url).pathname.startsWith(HOME));
  const page = found.find((one) => new URL(one.url).pathname === path) ?? found[0];
  if (!page) return clients.openWindow(path);
  await page.focus().catch(() => {});  // a browser may refuse it; the chat is opened all the same
  page.postMessage({ open: path });
}
