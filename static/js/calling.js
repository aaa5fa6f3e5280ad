// Who has just come, said to whoever looks elsewhere: a card, tones, a notification, the tab's title and icon, the badge.
import * as live from "./live.js";
import { all, callers, chat, conversation, fade, find, known, news, words } from "./page.js";

let mine = new Set(), listed = Boolean(find("#scroll"));

/** What makes a sound is loaded when something does. */
const alerts = (use) => import("./alerts.js").then(use, () => {});  // offline: no sound
const name = (row) => (row && find(".nm", row)?.textContent) ?? "";

/** Say who has just joined the queue or is offered to me; what I put there myself is no news to me. */
function announce() {
  if (find("#queue")?.dataset.waiting === undefined) return;  // a page without a list asks for it once the stream is open
  const waiting = callers();
  const fresh = waiting.filter((row) => listed && (!known.has(row.id) || (row.dataset.offer && !known.has(news(row)))));
  listed = true;
  for (const row of fresh.filter((one) => !mine.has(one.id))) {
    call(row);
    const what = row.dataset.offer ? "offered" : "arrived";
    if (live.leading()) alerts((bell) => bell.arrived(row.id.slice(4), name(row), what));
  }
  known.clear();
  for (const row of waiting) known.add(row.id).add(news(row));
  mine = new Set(all("#mine > li").map((row) => row.id));
  const shown = new Set(waiting.map(news));
  for (const card of all("#toasts [data-row]")) if (!shown.has(card.dataset.row)) card.remove();
}

/** A card with what the row says; it goes when the row does. */
function call(row) {
  const card = find("template#call").content.firstElementChild.cloneNode(true);
  const said = (part) => find(part, row).textContent.trim();
  card.dataset.row = news(row);
  if (row.dataset.offer) find("h3", card).textContent = words("offered");
  card.prepend(find(".av", row).cloneNode(true));
  find("p", card).textContent = `${said(".nm")} · ${said(".why")}: “${said(".pv")}”`;
  const take = find(".take", row).cloneNode(true);
  take.removeAttribute("data-htmx-powered");
  if (!find("#pane")) take.removeAttribute("hx-post");  // no room for the chat: it comes as a page
  take.classList.add("p");
  find(".a", card).prepend(take);
  find("#toasts").append(card);
  htmx.process(card);
  fade();
}

/** The console is called after the open chat, another page as it came. */
function titled() {
  if (!find("#scroll")) return document.title.replace(/^\(\d+\) /, "");
  return `${chat()?.dataset.name ?? find("h1").textContent} · ${document.body.dataset.app}`;
}

/** Those who wait, counted by the server, and those of mine who wrote, as the list shows them. */
function entitle() {
  const queue = find("#queue");
  if (!queue) return;
  const calls = Number(queue.dataset.waiting ?? 0) + all("#mine .row.un").length;
  document.title = `${calls ? `(${calls}) ` : ""}${titled()}`;
  const icon = find("link[rel=icon]");
  icon.dataset.calm ??= icon.href;
  const wanted = calls ? icon.dataset.alert : icon.dataset.calm;
  if (icon.getAttribute("href") !== wanted) icon.href = wanted;
  navigator.setAppBadge?.(calls).catch(() => {});
}

function look() {
  announce();
  entitle();
}

/** Notifications are offered as long as nobody has answered. */
function offer() {
  for (const button of all("[data-notify]")) button.hidden = globalThis.Notification?.permission !== "default";
}

document.addEventListener("htmx:after:swap", look);
document.addEventListener("console:written", ({ detail }) => {
  const id = detail.conversation;
  if (!live.leading() || (!document.hidden && id === conversation())) return;
  alerts((bell) => bell.written(id, name(find(`#row-${CSS.escape(id)}`))));
});
document.addEventListener("click", ({ target }) => {
  if (target.closest("[data-notify]")) alerts((bell) => bell.permit()).then(offer);
});
for (const gesture of ["pointerdown", "keydown"]) {
  addEventListener(gesture, () => alerts((bell) => bell.unlock()), { once: true });
}
setInterval(() => {
  if (live.leading() && callers().length) alerts((bell) => bell.remind());
}, 1000);
offer();
look();
if (document.body.dataset.push) import("./push.js").then((push) => push.start());
