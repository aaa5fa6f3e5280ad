// What the page shows, for the modules that keep it current.
export const find = (selector, within = document) => within.querySelector(selector);
export const all = (selector, within = document) => [...within.querySelectorAll(selector)];
export const user = document.body.dataset.user;

export const chat = () => find("#chat[data-conversation]");
export const conversation = () => chat()?.dataset.conversation ?? "";
export const touch = () => matchMedia("(pointer: coarse)").matches;

/** What is on screen of the open chat: the server answers relative to it. */
export function shown() {
  const { after = "", new: divider = "" } = find("#bubbles")?.dataset ?? {};
  return { after, new: divider, dock: find("#dock")?.dataset.dock ?? "" };
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

/** Toasts leave by themselves, but not from under a pointer. */
export function fade() {
  for (const card of all("#toasts .toast:not([data-leaving])")) {
    card.dataset.leaving = "";
    const leave = () => (card.matches(":hover") ? setTimeout(leave, 2000) : card.remove());
    setTimeout(leave, 8000);
  }
}
