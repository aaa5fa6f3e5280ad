// The settings page: whether this browser may notify, and the button that tries it out.
import { csrf, find } from "./page.js";
import * as push from "./push.js";

const box = find("#here"), said = find("#here-said");
const say = (id) => { said.textContent = find(`template#${id}`).content.textContent.trim(); };
const alerts = (use) => import("./alerts.js").then(use);

/** What this browser says, in words and in the one button that fits. */
async function show() {
  const permission = globalThis.Notification?.permission ?? "unable";
  const state = permission !== "granted" ? permission : (await push.current()) ? "closed" : push.able() ? "open" : "granted";
  box.dataset.state = state;
  find("#here-state").textContent = find(`template#state-${state}`).content.textContent.trim();
}

async function allow() {
  if (globalThis.Notification?.permission === "default") await Notification.requestPermission();
  if (globalThis.Notification?.permission === "granted" && push.able() && !(await push.subscribe())) say("no-push");
  await show();
}

async function forget() {
  await push.unsubscribe();
  await show();
}

/** The tones; a notification of this page; and one through the push service, as it comes while no console is open. */
async function test() {
  await alerts((bell) => bell.sample());
  say("tried-sound");
  if (globalThis.Notification?.permission !== "granted") return;
  await alerts((bell) => bell.notify(find("template#test-title").content.textContent.trim(), "", "test-here"));
  say("tried-note");
  const subscription = await push.current();
  if (!subscription) return;
  const body = new URLSearchParams({ endpoint: subscription.endpoint });
  const answer = await fetch(box.dataset.test, { method: "POST", headers: { "HX-Request": "true", ...csrf() }, body });
  say(answer.ok ? "tried-push" : "no-push");
}

document.addEventListener("click", ({ target }) => {
  const act = { allow, forget, test }[target.closest("[data-here]")?.dataset.here];
  act?.();
});
show();
