// Keeps the page current. The stream tells what changed: what is drawn already is put in place, the rest is asked for.
// While no stream is open, the page asks by the clock. Every answer is idempotent by id or by seq: late or twice, it
// does no harm.
import { apply, atBottom, chat, conversation, csrf, find, setClock, shown, user } from "./page.js";

const LIST = 2000, THREAD = 1500, HIDDEN = 10000, SAFETY = 30000, OFFLINE = 5000, GIVE_UP = 15000, AGAIN = 1000;
const SPREAD = 80, SILENCE = 40000, RETRY = 2000;
const tags = new Map();
let lost = 0, expired = false, told = "";

// Asking ----------------------------------------------------------------------------------------

export async function ask(name, url, fits = () => true, answered = () => {}) {
  const headers = { "HX-Request": "true" };
  if (tags.has(name)) headers["If-None-Match"] = tags.get(name);
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(GIVE_UP) });
  setClock(response.headers.get("Date"));
  if (response.ok || response.status === 304) answered(response);
  if (response.status === 304) return reached();
  const text = await response.text();
  if (response.status === 401) expired = true;
  else if (!response.ok) return reached();
  else reached();
  if (!expired && !fits(response)) return;
  await apply(text);
  if (response.headers.get("ETag")) tags.set(name, response.headers.get("ETag"));
}

/** Something else has changed the page: what a validator vouched for is no longer what is shown. */
export const forget = () => tags.clear();

/** Asks now, and by itself again. What is wanted while it asks is asked for right after. ``always``: also while the
 *  stream is open, which tells nothing of it. */
export function repeat(period, work, always = false) {
  let timer, busy = false, again = false;
  return async function run() {
    clearTimeout(timer);
    if (expired) return;
    if (busy) return void (again = true);
    busy = true;
    try {
      await work();
    } catch {
      unreached();
    } finally {
      busy = false;
      timer = setTimeout(run, again ? 0 : streaming() && !always ? SAFETY : document.hidden ? HIDDEN : period);
      again = false;
    }
  };
}

let listedAt = -AGAIN, listing, rows = 0;
export const list = repeat(LIST, () => {
  const queue = find("#queue");
  listedAt = performance.now();
  if (!queue) return;
  const told = new URLSearchParams({ open: conversation(), show: queue.dataset.show, sort: queue.dataset.sort });
  const before = rows;
  return ask("list", `${queue.dataset.url}?${told}`).then(() => {
    if (rows > before) listSoon();  // a row that came while it was asked may be newer than the answer
    seen();
  });
});

/** Once in a second, and not everybody at the same moment; a hidden tab at once, since its timers sleep. */
function listSoon() {
  const wait = Math.max(listedAt + AGAIN - performance.now(), document.hidden ? 0 : Math.random() * SPREAD);
  if (wait <= 0) return list();
  listing ??= setTimeout(() => { listing = undefined; list(); }, wait);
}

export const thread = repeat(THREAD, () => {
  const id = conversation();
  if (!id) return;
  const url = `${chat().dataset.url}thread?${new URLSearchParams(shown())}`;
  // An answer made before what is shown now (a send overtook it), or for a chat left meanwhile, is dropped.
  const fits = (response) => conversation() === id && Number(response.headers.get("X-Seq")) >= seq();
  return ask(`thread ${url}`, url, fits).then(seen);
});

function reached() {
  if (lost) reconnect();
  lost = 0;
  if (!expired) find("#netbar").replaceChildren();
}

function unreached() {
  lost ||= performance.now();
  setTimeout(bar, Math.max(0, lost + OFFLINE - performance.now()));
}

function bar() {
  if (!lost || performance.now() - lost < OFFLINE - 50 || find("#netbar").childElementCount) return;
  find("#netbar").append(find("template#offline").content.cloneNode(true));
}

// Being told ------------------------------------------------------------------------------------

const seq = () => Number(find("#bubbles")?.dataset.seq);
const part = (target, swap, html) => apply(`<hx-partial hx-target='${target}' hx-swap="${swap}">${html}</hx-partial>`);
const isNew = ({ kind }) => kind === "message.received" || kind === "message.accepted";

async function changed(frame) {
  document.dispatchEvent(new CustomEvent("console:changed", { detail: frame }));
  if (!frame.conversation) {  // what it was is not for us, but it may have been in our list
    listSoon();
    return thread();
  }
  await Promise.all([showRow(frame), frame.conversation === conversation() && showBubble(frame)]);
}

async function showRow(frame) {
  const row = () => find(`#row-${CSS.escape(frame.conversation)}`), here = row();
  if (!here || !frame.row) {
    const counts = !frame.kind.startsWith("message.") || frame.first === 1 || find("#queue")?.dataset.show === "bot";
    if (here || counts) listSoon();
    return;
  }
  tags.delete("list");
  rows += 1;
  await part(`#row-${CSS.escape(frame.conversation)}`, "outerMorph", frame.row);
  const list = row()?.parentElement;
  if (!list) return;
  if (frame.conversation === conversation()) find(".row", row()).setAttribute("aria-current", "page");
  if (list.id !== "mine") return;
  if (isNew(frame) && !find("#queue").dataset.sort && list.firstElementChild !== row()) first(list, row());
  if (frame.kind === "message.received") document.dispatchEvent(new CustomEvent("console:written", { detail: frame }));
}

/** Moved, a focused row stays focused; where a browser cannot do that, it stays where it is. */
function first(list, row) {
  if (list.moveBefore) list.moveBefore(row, list.firstElementChild);
  else if (!row.contains(document.activeElement)) list.prepend(row);
}

/** A bubble that follows what is shown, or one that is shown and has changed. Whatever else happened is asked for. */
async function showBubble(frame) {
  const before = seq(), { message, bubble } = frame;
  if (frame.seq <= before) return;
  // Our own words are on their way to here with the answer to their form.
  if (frame.kind === "message.accepted" && find("#pending").childElementCount) return later(frame.seq);
  const dock = find("#dock").dataset.dock, reopened = frame.until && (dock === "closed" || dock === "stopped");
  if (!bubble || reopened || frame.first > before + 1 || find(`#f-${message}`)) return thread();
  const target = `#chat[data-conversation="${frame.conversation}"] `, known = find(`#m-${message}`);
  if (known) await part(`${target}#m-${message}`, "outerMorph", bubble);
  else if (isNew(frame)) await part(`${target}#bubbles`, "beforeend", bubble);
  if (conversation() !== frame.conversation || frame.seq <= seq()) return;
  find("#bubbles").dataset.seq = frame.seq;
  const chip = find("#chead [data-until]");
  if (chip && frame.until) chip.dataset.until = frame.until;
  if (turned(frame)) return thread();
  seen();
}

/** Whether it is the other side's turn now, which the time beside the box tells. */
function turned({ kind }) {
  const due = find("#due"), told = due?.childElementCount > 0;
  return Boolean(due) && ((kind === "message.received" && !told) || (kind === "message.accepted" && told));
}

/** As long as our own words are on their way with their answer, asking would show them twice; but not for ever. */
function later(wanted, looks = GIVE_UP / AGAIN) {
  setTimeout(() => {
    if (seq() >= wanted) return;
    if (looks > 0 && find("#pending")?.childElementCount) return later(wanted, looks - 1);
    thread();
  }, AGAIN);
}

/** Read means: open, visible, and at its newest message. */
let reading;
export function seen() {
  const id = conversation(), row = id && find(`#row-${CSS.escape(id)} .row.un`);
  clearTimeout(reading);
  if (!row || document.hidden || !atBottom()) return;
  reading = setTimeout(async () => {
    const upTo = seq();
    if (conversation() !== id || document.hidden || !atBottom() || told === `${id} ${upTo}`) return;
    told = `${id} ${upTo}`;
    const body = new URLSearchParams({ seq: upTo });
    try {
      const { ok } = await fetch(`${chat().dataset.url}seen`, { method: "POST", headers: { "HX-Request": "true", ...csrf() }, body });
      if (!ok) throw new Error("not taken");
      list();
      bus.postMessage({ event: "seen" });
    } catch {
      told = "";  // offline, or in trouble: say it when list or thread are next asked for
    }
  }, 1000);
}

// One stream for all tabs of a browser: one of them leads, and passes on what it hears -------------------------

const wire = find("#live"), bus = new BroadcastChannel(`console-${user}`);
let open = false, heard = 0, leads = false;

/** Whether this tab has the stream: it also is the one that makes sounds. */
export const leading = () => leads;
const streaming = () => open && performance.now() - heard < SILENCE;

function askAll() {
  list();
  thread();
  document.dispatchEvent(new CustomEvent("console:behind"));
}

let work = Promise.resolve(), people = "";
function take({ event, data }) {
  if (event === "seen") return listSoon();  // said by another tab, not by the stream
  heard = performance.now();
  document.dispatchEvent(new Event("console:heard"));
  const opened = !open && event !== "down";
  open = event !== "down";
  // One frame after the other, in the order they came.
  if (event === "changed") work = work.then(() => changed(JSON.parse(data))).catch(askAll);
  else if (event === "presence") {
    people = data;
    document.dispatchEvent(new CustomEvent("console:presence", { detail: JSON.parse(data) }));
  } else if (event !== "ping") askAll();
  if (opened) askAll();
}

function pass(message) {
  bus.postMessage(message);
  take(message);
}

const down = () => { if (open) pass({ event: "down" }); };
const connection = () => wire._htmx?.sse;
const reconnect = () => connection()?.delayCanceller?.();

/** A tab that has just come asks whether somebody leads already. */
function greet({ event }) {
  if (event === "hello" && leads && open) {
    bus.postMessage({ event: "ping" });
    if (people) bus.postMessage({ event: "presence", data: people });
  }
  return event === "hello";
}

function connect() {
  if (!expired && !connection()) htmx.process(wire);
}

function lead() {
  leads = true;
  down();  // whoever led before is gone, and what came since then was told to nobody
  for (const event of ["ping", "changed", "presence", "resync"]) {
    wire.addEventListener(event, ({ detail: { data } }) => pass({ event, data }));
  }
  wire.addEventListener("htmx:sse:error", down);
  wire.addEventListener("htmx:sse:before:connection", (event) => { if (expired) event.preventDefault(); });
  // A first connection that fails is nobody's to repeat but ours.
  const again = () => setTimeout(connect, RETRY * (1 + Math.random()));
  wire.addEventListener("htmx:error", again);
  wire.addEventListener("htmx:response:error", again);
  wire.addEventListener("htmx:sse:close", again);
  setInterval(() => {
    if (!open || streaming()) return;
    down();  // no end and no sign of life either: the other side is gone
    connection()?.reader?.cancel();
  }, RETRY);
  wire.setAttribute("hx-sse:connect", wire.dataset.url);
  connect();
}

export function start() {
  bus.onmessage = ({ data }) => greet(data) || take(data);
  addEventListener("online", () => { reconnect(); askAll(); });
  addEventListener("offline", () => { down(); unreached(); });
  document.addEventListener("visibilitychange", () => { if (!document.hidden) askAll(); });
  if (!wire) return;
  // Held until this tab closes; without locks (plain http from another machine) every tab is its own leader.
  if (navigator.locks) navigator.locks.request(`console-${user}`, () => new Promise(lead));
  else lead();
  bus.postMessage({ event: "hello" });
  // The page is fresh: it asks as soon as the stream is open, and only if that takes long by itself.
  setTimeout(() => { if (!open) askAll(); }, LIST);
}
