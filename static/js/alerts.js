// What calls somebody who looks elsewhere: tones, and a notification. Loaded when first needed.
import { callers, find, place, toast, visit, words } from "./page.js";

const SECOND = 1000, REMIND_EVERY = 30000, MOST_REMINDERS = 5;
let audio, said = false, calledAt = Date.now(), reminders = 0;

/** Whoever is on break, or off, is not called. */
const resting = () => (document.body.dataset.presence ?? "available") !== "available";
const silent = () => document.body.dataset.sound === "off" || resting();

/** A browser lets a page sound once somebody has touched it. */
export function unlock() {
  audio ??= new AudioContext();
  return audio.resume();
}

function tone(pitch, from, length, volume) {
  const at = audio.currentTime + from, source = audio.createOscillator(), level = audio.createGain();
  source.frequency.value = pitch;
  level.gain.setValueAtTime(0, at);
  level.gain.linearRampToValueAtTime(volume, at + 0.02);
  level.gain.exponentialRampToValueAtTime(0.001, at + length);
  source.connect(level).connect(audio.destination);
  source.start(at);
  source.stop(at + length);
}

async function play(tones) {
  audio ??= new AudioContext();
  if (audio.state !== "running") await Promise.race([audio.resume(), new Promise((done) => setTimeout(done, 200))]);
  if (audio.state !== "running") return blocked();
  for (const one of tones) tone(...one);
  document.body.dataset.sounded = Number(document.body.dataset.sounded ?? 0) + 1;
}

function blocked() {
  if (!said) toast(words("muted"));
  said = true;
}

const CALL = [[660, 0, 0.2, 0.2], [880, 0.2, 0.2, 0.2]], TICK = [[1175, 0, 0.08, 0.06]];

/** Whoever asks to hear it hears it. */
export const sample = () => play(CALL);

function call() {
  calledAt = Date.now();
  if (!silent()) play(CALL);
}

/** Names nobody's words, and nobody where names are hidden. A chat has one notification: the newest. */
export async function notify(title, name, id, follow) {
  const told = {
    body: document.body.dataset.hide === "on" ? "" : name,
    tag: id,
    icon: find("link[rel=apple-touch-icon]").href,
    lang: document.documentElement.lang,
  };
  try {
    const note = new Notification(title, told);
    note.onclick = () => {
      focus();
      follow?.();
      note.close();
    };
  } catch {  // phones let a service worker notify, and no page
    const registration = await navigator.serviceWorker?.getRegistration("/operator/");
    await registration?.showNotification(title, { ...told, data: { url: follow ? `/operator/c/${id}/` : location.pathname } });
  }
}

function elsewhere(title, name, id) {
  if (resting() || !document.hidden || globalThis.Notification?.permission !== "granted") return;
  notify(title, name, id, () => visit(place(id, "")));
}

/** Somebody new waits, or is offered to me: two tones, and a notification for whoever looks at something else. */
export function arrived(id, name, what) {
  reminders = 0;
  call();
  elsewhere(words(what), name, id);
}

/** A colleague's note is for me. */
export function named(id, name, title) {
  call();
  elsewhere(title, name, id);
}

/** A customer of mine wrote where I do not look. */
export function written(id, name) {
  if (!silent()) play(TICK);
  elsewhere(words("written"), name, id);
}

/** While somebody waits for longer than their queue lets them, the call is repeated, but not for ever. */
export function remind() {
  const late = callers().some((row) => {
    const { since, bad } = find("[data-since]", row)?.dataset ?? {};
    return since && Date.now() - Date.parse(since) > bad * SECOND;
  });
  if (!late) return void (reminders = 0);
  if (silent() || reminders >= MOST_REMINDERS || Date.now() - calledAt < REMIND_EVERY) return;
  reminders += 1;
  call();
}

/** Only ever after a click: browsers refuse the question otherwise, and people too. */
export async function permit() {
  const answer = await Notification.requestPermission();
  if (answer !== "granted") return;
  toast(words("notified"));
  if (document.body.dataset.push) await import("./push.js").then((push) => push.subscribe());
}
