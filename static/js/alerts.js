// What calls somebody who looks elsewhere: tones, and a notification. Loaded when first needed.
import { all, find, toast, words } from "./page.js";

const REMIND_AFTER = 300000, REMIND_EVERY = 30000, MOST_REMINDERS = 5;
let audio, said = false, calledAt = 0, reminders = 0;

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
  if (silent()) return;
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

const call = () => {
  calledAt = Date.now();
  return play([[660, 0, 0.2, 0.2], [880, 0.2, 0.2, 0.2]]);
};

/** Somebody new waits, or is offered to me: two tones, and a notification for whoever looks at something else. It names nobody's words. */
export function arrived(id, name, what) {
  reminders = 0;
  call();
  if (resting() || !document.hidden || !("Notification" in window) || Notification.permission !== "granted") return;
  const note = new Notification(words(what), { body: name, tag: id, icon: find("link[rel=icon]").dataset.calm });
  note.onclick = () => {
    focus();
    find(`#row-${CSS.escape(id)} .row`)?.click();
    note.close();
  };
}

/** A customer of mine wrote where I do not look. */
export const written = () => play([[1175, 0, 0.08, 0.06]]);

/** While somebody waits for too long, the call is repeated, but not for ever. */
setInterval(() => {
  const since = all("#waiting [data-since]").map((element) => Date.parse(element.dataset.since));
  if (!since.length) return void (reminders = 0);
  const late = Date.now() - Math.min(...since) > REMIND_AFTER;
  if (!late || !calledAt || reminders >= MOST_REMINDERS || Date.now() - calledAt < REMIND_EVERY) return;
  reminders += 1;
  call();
}, 1000);

/** Only ever after a click: browsers refuse the question otherwise, and people too. */
export async function permit() {
  const answer = await Notification.requestPermission();
  if (answer === "granted") toast(words("notified"));
}
