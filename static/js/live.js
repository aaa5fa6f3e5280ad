// Keeps the page current by asking. Every answer is idempotent by id: a late or repeated one does no harm.
import { all, apply, chat, conversation, csrf, find, shown } from "./page.js";

const LIST = 2000, THREAD = 1500, HIDDEN = 10000, QUIET = 5000, GIVE_UP = 15000;
const tags = new Map();
let lost = 0, expired = false, offset = 0, told = "";

async function ask(name, url, fits = () => true) {
  const headers = { "HX-Request": "true" };
  if (tags.has(name)) headers["If-None-Match"] = tags.get(name);
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(GIVE_UP) });
  const date = Date.parse(response.headers.get("Date"));
  if (date) offset = date - Date.now();
  if (response.status === 304) return reached();
  const text = await response.text();
  if (response.status === 401) expired = true;
  else if (!response.ok) return reached();
  else reached();
  if (!expired && !fits(response)) return;
  await apply(text);
  if (response.headers.get("ETag")) tags.set(name, response.headers.get("ETag"));
}

/** Another answer has changed the page: what a validator vouched for is no longer what is shown. */
export const forget = () => tags.clear();

function repeat(period, work) {
  let timer, busy = false;
  return async function run() {
    if (busy || expired) return;
    busy = true;
    clearTimeout(timer);
    try {
      await work();
    } catch {
      unreached();
    } finally {
      busy = false;
      timer = setTimeout(run, document.hidden ? HIDDEN : period);
    }
  };
}

export const list = repeat(LIST, () => {
  const queue = find("#queue");
  if (!queue) return;
  const told = new URLSearchParams({ open: conversation(), show: queue.dataset.show });
  return ask("list", `${queue.dataset.url}?${told}`);
});

export const thread = repeat(THREAD, () => {
  const id = conversation();
  if (!id) return;
  const url = `${chat().dataset.url}thread?${new URLSearchParams(shown())}`;
  // An answer made before what is shown now (a send overtook it), or for a chat left meanwhile, is dropped.
  const fits = (response) =>
    conversation() === id && Number(response.headers.get("X-Seq")) >= Number(find("#bubbles").dataset.seq);
  return ask(`thread ${url}`, url, fits).then(seen);
});

function reached() {
  lost = 0;
  if (!expired) find("#netbar").replaceChildren();
}

function unreached() {
  lost ||= performance.now();
  if (performance.now() - lost < QUIET || find("#netbar").childElementCount) return;
  find("#netbar").append(find("template#offline").content.cloneNode(true));
}

/** Read means: open, visible, and at its newest message. */
let reading;
function seen() {
  const id = conversation(), row = id && find(`#row-${CSS.escape(id)} .row.un`);
  clearTimeout(reading);
  if (!row || document.hidden || !atBottom()) return;
  reading = setTimeout(async () => {
    const seq = find("#bubbles")?.dataset.seq;
    if (conversation() !== id || document.hidden || !atBottom() || told === `${id} ${seq}`) return;
    told = `${id} ${seq}`;
    const body = new URLSearchParams({ seq });
    try {
      await fetch(`${chat().dataset.url}seen`, { method: "POST", headers: { "HX-Request": "true", ...csrf() }, body });
      list();
    } catch {
      told = "";  // offline: say it when the thread is next asked for
    }
  }, 1000);
}

// The thread's box is reversed: 0 is its newest message, further up is negative.
const tail = () => find("#tail");
export const atBottom = () => !tail() || tail().scrollTop > -100;
export const toBottom = () => { if (tail()) tail().scrollTop = 0; };

let kept = null;
export function beforeSwap() {
  const box = find("#bubbles");
  kept = box && !atBottom() ? { id: conversation(), height: box.offsetHeight } : null;
}

export function afterSwap() {
  if (kept && kept.id === conversation()) tail().scrollTop -= find("#bubbles").offsetHeight - kept.height;
  else if (find("#jump")) find("#jump").hidden = true;
  kept = null;
}

export function opened() {
  toBottom();
  const divider = find("#new"), box = tail();
  if (!divider || !box) return;
  if (divider.getBoundingClientRect().top < box.getBoundingClientRect().top) divider.scrollIntoView({ block: "center" });
}

// One clock for the whole page.
const two = (number) => String(number).padStart(2, "0");
function tick() {
  const now = Date.now() + offset;
  for (const element of all("[data-since]")) {
    const seconds = Math.max(0, Math.floor((now - Date.parse(element.dataset.since)) / 1000));
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    element.textContent = hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
    element.closest(".chip").classList.toggle("warn", seconds >= 180 && seconds < 300);
    element.closest(".chip").classList.toggle("bad", seconds >= 300);
  }
  for (const element of all("[data-until]")) {
    const minutes = Math.max(0, Math.floor((Date.parse(element.dataset.until) - now) / 60000));
    element.textContent = minutes >= 60 ? `${Math.floor(minutes / 60)}h ${two(minutes % 60)}min` : `${minutes}min`;
    element.closest(".chip").classList.toggle("warn", minutes < 120);
  }
}

export function start() {
  setInterval(tick, 1000);
  addEventListener("online", () => { list(); thread(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) { list(); thread(); } });
  document.addEventListener("scroll", ({ target }) => {
    if (target.id !== "tail") return;
    find("#jump").hidden = atBottom();
    seen();
  }, true);
  list();
  thread();
}
