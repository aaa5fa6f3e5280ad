// Canned replies: a list over the reply box, opened by / at the start of a line, narrowed by what follows it.
// What a text leaves open in braces is pointed out before it is sent.
import { box, complain, insert } from "./composer.js";
import { all, conversation, find, place, words } from "./page.js";

const PAUSE = 80;
const GAP = /\{ *[\p{L}_](?:[\p{L}\p{N}_ -]{0,38}[\p{L}\p{N}_-])? *\}/u;
let timer, asked = 0, from = -1, pointed = "";

const list = () => find("#canned");
const options = () => all("[role=option]", list() ?? document.createElement("i"));
const current = () => options().find((option) => option.ariaSelected === "true");

/** Where the line begins that starts with /, if the caret stands in one. */
function slash() {
  const { value, selectionStart, selectionEnd } = box();
  const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
  return selectionStart === selectionEnd && value[start] === "/" && selectionStart > start ? start : -1;
}

/** After every word that is typed. */
export function look() {
  clearTimeout(timer);
  if (!box() || slash() < 0) return close();
  timer = setTimeout(() => ask(box().value.slice(slash() + 1, box().selectionStart)), PAUSE);
}

/** By its button: a / of its own line, and the list of all. */
export function open() {
  if (list()) return close();
  const { value, selectionStart } = box();
  box().focus();
  if (slash() < 0) insert(selectionStart && value[selectionStart - 1] !== "\n" ? "\n/" : "/");
  look();
}

async function ask(search) {
  const id = conversation(), number = ++asked;
  let text;
  try {
    const answer = await fetch(`${place(id, "canned")}?${new URLSearchParams({ q: search })}`, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return close();
    text = await answer.text();
  } catch {
    return close();  // offline: what is typed stays what it is
  }
  if (number !== asked || id !== conversation() || !box() || slash() < 0) return;
  from = slash();
  list()?.remove();
  const holder = document.createElement("template");
  holder.innerHTML = text;
  find("#dock").append(holder.content);
  if (!options().length && search.includes(" ")) return close();  // a sentence, not a search
  const field = box();
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-controls", "canned");
  choose(options()[0]);
}

function choose(option) {
  for (const other of options()) other.ariaSelected = String(other === option);
  if (!option) return box().removeAttribute("aria-activedescendant");
  box().setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function close() {
  asked += 1;
  clearTimeout(timer);
  list()?.remove();
  for (const name of ["aria-autocomplete", "aria-controls", "aria-activedescendant"]) box()?.removeAttribute(name);
}

/** The words stand where the / and the search stood. */
function use(option) {
  const { text } = option.dataset;
  box().setSelectionRange(from, box().selectionStart);
  close();
  insert(text);
  point();
}

/** The first gap is selected: what is typed replaces it. */
function point() {
  const found = box().value.match(GAP);
  if (found) box().setSelectionRange(found.index, found.index + found[0].length);
  return found?.[0] ?? "";
}

function move(by) {
  const all = options(), at = all.indexOf(current());
  choose(all[(at + by + all.length) % all.length]);
}

const KEYS = {
  ArrowDown: () => move(1),
  ArrowUp: () => move(-1),
  Enter: () => use(current()),
  Tab: () => use(current()),
  Escape: close,
};

addEventListener("keydown", (event) => {
  if (event.target.id !== "message" || !list() || event.isComposing || event.keyCode === 229 || event.shiftKey) return;
  if (!KEYS[event.key] || (event.key !== "Escape" && !current())) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  KEYS[event.key]();
}, true);
document.addEventListener("mousedown", (event) => {
  const option = event.target.closest("#canned [role=option]");
  if (!option) return void (event.target.closest("#canned, #message") || close());
  event.preventDefault();  // the box keeps the focus
  use(option);
});
document.addEventListener("selectionchange", () => { if (list() && box() && slash() < 0) close(); });
document.addEventListener("htmx:after:swap", () => { if (list() && !box()) close(); });
document.addEventListener("focusout", ({ target, relatedTarget }) => { if (target.id === "message" && !relatedTarget?.closest("#canned")) close(); });
addEventListener("submit", (event) => {
  if (event.target.id !== "composer") return;
  const { value } = box(), gap = GAP.test(value) && value !== pointed;
  pointed = "";
  if (!gap) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  pointed = value;  // as it is, if it is sent once more
  complain(words("gaps").replace("{gaps}", point()));
}, true);
