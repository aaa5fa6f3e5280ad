// What was sent and is not answered yet: one line for each chat, in this browser's store until the server has said yes
// or no. What the network loses goes again under the same key, so nothing is said twice; nothing overtakes what was
// written before it; and what the server refuses comes back into the box, with all that was waiting behind it.
import { around, pending, read as typed, restore, see, seen, store, tell } from "./composer.js";
import { forget, list } from "./live.js";
import { all, apply, conversation, csrf, find, place, toast, user, words } from "./page.js";

const AGAIN = 3000, LONGEST = 15000, GIVE_UP = 60000;
const AWAY = [0, 429, 502, 503, 504], SIGNED_OUT = [401, 403];
const prefix = `outbox:${user}:`, forbidden = new Map();
const busy = new Map(), stuck = new Map(), holds = new Map();
let stopped = false;

const name = (id) => prefix + id;

function read(id) {
  try {
    return JSON.parse(localStorage.getItem(name(id))) ?? forbidden.get(id) ?? [];
  } catch {
    return forbidden.get(id) ?? [];
  }
}

function write(id, line) {
  forbidden.delete(id);
  try {
    if (line.length) localStorage.setItem(name(id), JSON.stringify(line));
    else localStorage.removeItem(name(id));
  } catch {
    forbidden.set(id, line);  // no store: it lasts as long as this page
  }
  show();
}

/** The chats in which something waits. */
export function chats() {
  try {
    const kept = Object.keys(localStorage).filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
    return [...new Set([...kept, ...forbidden.keys()])];
  } catch {
    return [...forbidden.keys()];
  }
}

export const waits = (id) => read(id).length > 0;

/** Whether what waits has failed to get through. */
export const isStuck = (id) => waits(id) && (stuck.has(id) || !navigator.onLine);

/** Nothing of this chat leaves before that. */
export function hold(id, until) {
  holds.set(id, until);
  until.finally(() => { if (holds.get(id) === until) holds.delete(id); });
}

/** When nothing of this chat is on its way any more, because all is said, or because nothing gets through. */
export const settled = (id) => busy.get(id) ?? Promise.resolve();

export function send(sent) {
  write(sent.id, [...read(sent.id), sent]);
  return flush(sent.id);
}

/** One at a time, in this page and in all others. */
export function flush(id) {
  if (stopped || busy.has(id) || !waits(id)) return settled(id);
  const drained = drain(id).finally(() => {
    busy.delete(id);
    if (waits(id) && !stuck.has(id)) flush(id);
  });
  busy.set(id, drained);
  return drained;
}

async function drain(id) {
  clearTimeout(stuck.get(id)?.timer);
  await holds.get(id);
  const empty = async () => { while (waits(id) && await next(id, read(id)[0])); };
  if (navigator.locks) await navigator.locks.request(name(id), empty);
  else await empty();
}

/** Whether to go on with the one behind it. */
async function next(id, sent) {
  let status = 0, text = "";
  try {
    const headers = { "HX-Request": "true", ...csrf() };
    const answer = await fetch(place(id, "send"), { method: "POST", headers, body: form(sent), signal: AbortSignal.timeout(GIVE_UP) });
    status = answer.status;
    text = await answer.text();
  } catch {
    status = 0;
  }
  if (SIGNED_OUT.includes(status)) return signedOut(id, status, text);
  if (AWAY.includes(status)) return later(id);
  stuck.delete(id);
  if (status < 400) return accepted(id, sent, text);
  return refused(id, status, text);
}

function form(sent) {
  const { id, text, key, epoch, draft, buttons } = sent;
  const body = new URLSearchParams({ body: text, client_key: key, epoch, draft, ...around(id) });
  for (const title of buttons) body.append("button", title);
  return body;
}

async function accepted(id, sent, text) {
  write(id, read(id).filter((other) => other.key !== sent.key));
  said(id, sent.draft);
  forget();
  await apply(text);
  return true;
}

/** The server's draft went with it. */
export function said(id, draft) {
  if (draft && seen(id, "reply") === draft) {
    see(id, "reply", draft + 1);
    if (!typed(id).text) store(id, "reply", { text: "", seen: draft + 1, dirty: false });
  }
  document.dispatchEvent(new CustomEvent("console:accepted", { detail: { id, kind: "reply" } }));
}

async function refused(id, status, text) {
  const line = read(id);
  write(id, []);
  restore(line, status >= 500);
  if (status >= 500 || id !== conversation()) tell(id);
  else if (status === 404) toast(words("failed"));
  if (status < 500) await apply(text);
  return false;
}

/** It stays, and goes once somebody has signed in again. */
async function signedOut(id, status, text) {
  stopped = true;
  if (status === 401) await apply(text);
  else {
    toast(words("failed"));
    list();  // says whether it was the session
  }
  return false;
}

function later(id) {
  const pause = Math.min(LONGEST, (stuck.get(id)?.pause ?? AGAIN / 2) * 2);
  stuck.set(id, { pause, timer: setTimeout(() => flush(id), pause) });
  return false;
}

let tried = 0;
function again() {
  tried = performance.now();
  for (const id of chats()) flush(id);
}

/** The bubbles of what waits in the open chat. */
function show() {
  const box = find("#pending");
  if (!box) return;
  const line = read(conversation()), shown = new Map(all("[data-key]", box).map((bubble) => [bubble.dataset.key, bubble]));
  for (const [key, bubble] of shown) if (!line.some((sent) => sent.key === key)) bubble.remove();
  for (const sent of line) if (!shown.has(sent.key)) pending(sent.text).dataset.key = sent.key;
}

/** Before signing out: what has not left becomes a draft again. */
export async function takeBack() {
  stopped = true;
  await Promise.all(busy.values());
  if (!stopped) return;  // that took so long that they stay
  for (const id of chats()) {
    const line = read(id);
    write(id, []);
    restore(line);
  }
}

/** They stay after all. */
export function goOn() {
  stopped = false;
  again();
}

document.addEventListener("htmx:after:swap", show);
addEventListener("storage", ({ key }) => { if (key?.startsWith(prefix)) show(); });
addEventListener("online", again);
document.addEventListener("console:heard", () => { if (stuck.size && performance.now() - tried > AGAIN) again(); });
show();
again();
