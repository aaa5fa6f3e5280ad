// Being called while no console is open: the service worker, and this browser's address at its push service.
import { csrf, find, visit } from "./page.js";

const WORKER = "/operator/sw.js", SCOPE = "/operator/", SAY = "/operator/push/";
const key = () => document.body.dataset.push;

export const able = () => Boolean(key() && "serviceWorker" in navigator && globalThis.PushManager && globalThis.Notification);

const headers = () => ({ "HX-Request": "true", ...csrf() });
const post = (url, values) => fetch(url, { method: "POST", headers: headers(), body: new URLSearchParams(values) });

/** The subscription of this browser, or null; the worker is not installed in order to find that out. */
export async function current() {
  const registration = able() && await navigator.serviceWorker.getRegistration(SCOPE);
  return registration ? registration.pushManager.getSubscription() : null;
}

const bytes = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (letter) => letter.charCodeAt(0));
const same = (held, wanted) => held && held.byteLength === wanted.length && new Uint8Array(held).every((byte, at) => byte === wanted[at]);

/** From here on the product may call this browser. False when the browser, or the product, does not take it. */
export async function subscribe() {
  if (!able() || Notification.permission !== "granted") return false;
  try {
    await navigator.serviceWorker.register(WORKER, { scope: SCOPE });
    const { pushManager } = await navigator.serviceWorker.ready, applicationServerKey = bytes(key());
    let held = await pushManager.getSubscription();
    if (held && !same(held.options.applicationServerKey, applicationServerKey)) {
      await held.unsubscribe();  // it was allowed to another installation, or before the key was changed
      held = null;
    }
    return await tell(held ?? await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey }));
  } catch {
    return false;  // no push service, or none that can be reached from here
  }
}

async function tell(subscription) {
  const { endpoint, keys } = subscription.toJSON();
  return (await post(`${SAY}subscribe`, { endpoint, ...keys })).ok;
}

export async function unsubscribe() {
  const subscription = await current();
  if (!subscription) return;
  await post(`${SAY}unsubscribe`, { endpoint: subscription.endpoint });
  await subscription.unsubscribe();
}

/** Each page says that this browser is still there, and whose: whoever signed out in it is called here no more. */
export async function start() {
  navigator.serviceWorker?.addEventListener("message", ({ data }) => {
    if (data?.open) visit(data.open);
  });
  navigator.serviceWorker?.startMessages?.();
  if (location.hash === "#take-next") find("#take-next")?.focus();
  if (await current()) await subscribe();
}
