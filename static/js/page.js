// What the page shows, for the modules that keep it current.
export const find = (selector, within = document) => within.querySelector(selector);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];
/** Marks and capitals make no difference. */
export const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase().trim();
export const user = document.body.dataset.user;

export const chat = () => find("#chat[data-conversation]");
export const conversation = () => chat()?.dataset.conversation ?? "";
export const place = (id, what) => `/operator/c/${id}/${what}`;
export const touch = () => matchMedia("(pointer: coarse)").matches;

/** Who waited when the page came is no news. What is kept for a colleague calls nobody else. */
export const callers = () => all("#waiting li:has(.take)");
/** An offer is news of its own, even of a chat that was waiting already. */
export const news = (row) => row.id + (row.dataset.offer ?? "");
export const known = new Set(callers().flatMap((row) => [row.id, news(row)]));

/** A chat is opened here where there is room for it, and what is being written in another stays. */
export function visit(path) {
  const link = find("#pane") && find(`#queue a.row[href="${CSS.escape(path)}"]`);
  if (link) link.click();
  else if (location.pathname !== path) location.assign(path);
}

/** What is on screen of the open chat: the server answers relative to it. */
export function shown() {
  const { after = "", new: divider = "" } = find("#bubbles")?.dataset ?? {};
  return { after, new: divider, dock: find("#dock")?.dataset.card ?? "" };
}

/** Swap an answer that consists of partials only. */
export function apply(text) {
  return htmx.swap({ text, sourceElement: document.body, target: document.body, swap: "none" });
}

export function csrf() {
  return JSON.parse(document.body.getAttribute("hx-headers:inherited"));
}

export const words = (id) => find(`template#${id}`).content.textContent.trim();

export function toast(text) {
  const card = find("template#toast").content.cloneNode(true);
  find("p", card).textContent = text;
  find("#toasts").append(card);
  fade();
}

/** Toasts leave by themselves, but not from under a pointer or the focus. */
export function fade() {
  for (const card of all("#toasts .toast:not([data-leaving])")) {
    card.dataset.leaving = "";
    const leave = () => (card.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : card.remove());
    setTimeout(leave, 8000);
  }
}

// The thread's box is reversed: 0 is its newest message, further up is negative.
const tail = () => find("#tail");
export const atBottom = () => !tail() || tail().scrollTop > -100;
export const toBottom = () => { if (tail()) tail().scrollTop = 0; };

// One clock for the whole page, set by the server's.
let offset = 0;
export function setClock(date) {
  const at = Date.parse(date);
  if (at) offset = at - Date.now();
}

const HOUR = 3600000, MINUTE = 60000;
const two = (number) => String(number).padStart(2, "0");
function span(milliseconds) {
  const minutes = Math.max(0, Math.floor(milliseconds / 60000));
  return minutes >= 60 ? `${Math.floor(minutes / 60)}h ${two(minutes % 60)}min` : `${minutes}min`;
}

/** The last hour of the window is announced over the composer; at its end something else stands there. */
function closing(element, left) {
  const line = find("#closing");
  if (!line) return;
  line.hidden = left > HOUR;
  if (left > 0 || element.dataset.over === element.dataset.until) return;
  element.dataset.over = element.dataset.until;
  document.dispatchEvent(new Event("console:over"));
}

export function tick() {
  const now = Date.now() + offset;
  for (const element of all("[data-since]")) {
    const seconds = Math.max(0, Math.floor((now - Date.parse(element.dataset.since)) / 1000));
    const hours = Math.floor(seconds / 3600), minutes = Math.floor(seconds / 60) % 60;
    element.textContent = hours ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
    const { warn = 180, bad = 300 } = element.dataset, chip = element.closest(".chip");
    chip.classList.toggle("warn", seconds >= warn && !(seconds >= bad));
    chip.classList.toggle("bad", seconds >= bad);
  }
  for (const element of all("[data-for]")) element.textContent = span(now - Date.parse(element.dataset.for));
  for (const element of all("[data-left]")) {
    const seconds = Math.max(0, Math.ceil((Date.parse(element.dataset.left) - now) / 1000));
    element.textContent = `${Math.floor(seconds / 60)}:${two(seconds % 60)}`;
    element.closest(".chip").classList.toggle("bad", seconds <= 10);
  }
  for (const element of all("[data-reply]")) {
    const left = Math.max(0, Date.parse(element.dataset.reply) - now);
    element.textContent = left > MINUTE ? span(left) : `${Math.ceil(left / 1000)}s`;
    element.closest(".chip").classList.toggle("bad", left <= MINUTE);
  }
  for (const element of all("[data-until]")) {
    const left = Date.parse(element.dataset.until) - now;
    element.textContent = span(left);
    element.closest(".chip").classList.toggle("warn", left < 7200000);
    if (element.closest("#chead")) closing(element, left);
  }
}
