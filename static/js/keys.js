// Keys: what the page's keymap names is done here. Single keys rest while somebody writes, while a dialog is open, and
// for whoever has switched them off.
import * as composer from "./composer.js";
import { all, find, toBottom } from "./page.js";

const { keymap, keys: wanted, team } = document.body.dataset;
const BOUND = new Map(keymap.split(" ").map((pair) => pair.split("=")));
const PATIENCE = 1500;
const MENUS = "details:is(.menu, .pill, .choices)[open]";

const typing = (element) => element.matches("input:not([type=radio]), textarea, select, [contenteditable]");
const press = (...places) => places.map((place) => find(place)).find(Boolean)?.click();

// The list: what was found while a search stands above it ---------------------------------------

const rows = () => all(find("#results .hits") ? "#results .row" : "#queue .row");

function step(by) {
  const found = rows(), at = found.indexOf(document.activeElement.closest("li")?.querySelector(".row"));
  if (by < 0 && at === 0 && find("#results .hits")) return find("#q").focus();
  const from = at >= 0 ? at : found.findIndex((row) => row.ariaCurrent);
  found[Math.min(found.length - 1, Math.max(0, from + by))]?.focus();
}

function search() {
  const field = find("#q");
  if (!field) return press(".rail a");
  field.focus();
  field.select();
}

function unsearch() {
  const field = find("#q");
  field.value = "";
  find("#results").replaceChildren();
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

function list() {
  if (!find("#scroll")) return press(".rail a");
  if (find("#results .hits")) unsearch();
  (find("#queue .row[aria-current]") ?? find("#queue .row") ?? find("#scroll")).focus();
}

// The chat --------------------------------------------------------------------------------------

function summary() {
  const box = find("#context details");
  box.open = !box.open;
  find("summary", box).focus();
}

/** Beside the thread where there is room for it; else it comes over it, and goes again. */
function contact() {
  const side = find("#side");
  if (side.checkVisibility() && side.matches(":target")) return press("#side .shut");
  if (!side.checkVisibility()) press("#chead .info");
  side.focus();
}

/** A menu, what is written in, the search, the panel over the thread: whichever is nearest. */
function leave() {
  if (find(":popover-open")) return;  // it goes by itself
  const { activeElement: here } = document, open = all(MENUS), back = () => (find("#queue .row[aria-current]") ?? find("#tail") ?? find("#scroll"))?.focus();
  for (const menu of open) {
    if (menu.contains(here)) find("summary", menu).focus();
    menu.open = false;
  }
  if (["message", "note-text"].includes(here.id)) back();
  else if (here.closest("#search, #results") && find("#results")) { unsearch(); back(); }
  else if (!open.length && find("#side:target") && find("#side .shut").checkVisibility()) press("#side .shut");
}

function confirm() {
  (find("dialog:modal [data-confirm]") ?? find("[data-confirm]"))?.requestSubmit();
}

/** It is there at once, so that nothing that is typed goes elsewhere; what it offers is loaded when it is first used. */
function command() {
  find("#command").showModal();
  import("./command.js").then((bar) => bar.opened());
}

const ACTS = {
  take: () => press("#claim", "#take-next"),
  next: () => step(1),
  previous: () => step(-1),
  search, list, summary, contact, confirm, leave, command,
  reply: composer.reply,
  note: () => composer.write("note"),
  quote: () => document.dispatchEvent(new Event("console:quote")),
  toggle: composer.toggle,
  transfer: () => press("#transfer"),
  finish: () => press("#finish"),
  unread: () => press("#unread"),
  newest: toBottom,
  team: () => location.assign(team),
  work: () => press("[data-work]"),
  sheet: () => press("[data-sheet]"),
};

/** What has to be on the page for it. */
const NEEDS = {
  take: "#claim, #take-next", next: "#scroll", previous: "#scroll", reply: "#message", note: "#noter", quote: "#message", transfer: "#transfer",
  finish: "#finish", summary: "#context details", contact: "#side", unread: "#unread", newest: "#tail", work: "[data-work]",
};
export const possible = (act) => !NEEDS[act] || Boolean(find(NEEDS[act]));
export const act = (name) => ACTS[name]();

// What was pressed ------------------------------------------------------------------------------

let before = "", at = 0;

/** The name of what is pressed, after what was pressed right before it: ``g+f``. */
function spoken(event) {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.ctrlKey || event.metaKey) return event.altKey ? "" : `Ctrl+${key}`;
  if (event.altKey) return `Alt+${key}`;
  const first = performance.now() - at < PATIENCE ? before : "";
  before = "";
  if (first && BOUND.has(`${first}+${key}`)) return `${first}+${key}`;
  return key;
}

/** Whether it is pressed by somebody who does something else with it. */
function busy(event, name) {
  const { target } = event, modal = find("dialog:modal");
  if (modal || target.closest("[data-confirm]")) return name !== "Ctrl+Enter";
  if (name === "Ctrl+Enter") return true;
  if (name === "Escape" || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (typing(target) || (wanted === "off" && event.key.length === 1)) return true;
  return name.startsWith("Arrow") && !target.closest("#scroll");
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.keyCode === 229 || event.defaultPrevented) return;
  const name = spoken(event);
  if (busy(event, name)) return;
  if (name.length === 1 && keymap.includes(` ${name}+`)) {
    [before, at] = [name, performance.now()];
    return;
  }
  const what = BOUND.get(name);
  if (!what) return;
  if (name !== "Escape") event.preventDefault();
  if (possible(what)) act(what);
});
document.addEventListener("click", ({ target }) => {
  for (const menu of all(MENUS)) if (!menu.contains(target)) menu.open = false;
});
