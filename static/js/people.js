// Colleagues and contacts: the list behind an @, the list of tags, and what one is told of a mention or a whisper. Comes
// after the page.
import { all, chat, conversation, csrf, fade, find, folded } from "./page.js";
import * as live from "./live.js";

const sheet = Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL("../css/people.css", import.meta.url) });
document.head.append(sheet);


// A list to choose from by keyboard: the field keeps the focus, the list says which is meant ------------------------

const options = (list) => all("[role=option]:not([hidden])", list);
const active = (list) => find("[aria-selected=true]:not([hidden])", list);

function narrow(list, text) {
  const words = folded(text).split(/\s+/).filter(Boolean);
  for (const option of all("[role=option]", list)) {
    const names = folded(option.dataset.find).split(/[\s.]+/);
    option.hidden = !words.every((word) => names.some((name) => name.startsWith(word)));
  }
  return options(list).length;
}

function mean(list, field, option) {
  for (const other of all("[aria-selected=true]", list)) other.ariaSelected = "false";
  if (!option) return void field.removeAttribute("aria-activedescendant");
  option.ariaSelected = "true";
  field.setAttribute("aria-activedescendant", option.id);
  option.scrollIntoView({ block: "nearest" });
}

function step(list, field, by) {
  const shown = options(list), at = shown.indexOf(active(list));
  mean(list, field, shown[(at + by + shown.length) % shown.length]);
}

// Mentions: @ in a note ------------------------------------------------------------------------------------------

const TYPED = /(?:^|[^\p{L}\p{M}\d_@.])@([\p{L}\p{M}\d_.]*(?: [\p{L}\p{M}\d_.]+)?)$/u;
let team = { id: "", at: 0, html: "" }, refused;

const note = () => find("#note-text");
const atList = () => find("#at-list");
const typed = (field) => TYPED.exec(field.value.slice(0, field.selectionStart))?.[1];

async function colleagues() {
  const id = conversation();
  if (team.id === id && Date.now() - team.at < 60000) return team.html;
  const response = await fetch(`${chat().dataset.url}colleagues`, { headers: { "HX-Request": "true" } });
  if (!response.ok) return "";
  team = { id, at: Date.now(), html: await response.text() };
  return team.html;
}

function close() {
  const list = atList();
  if (!list || list.hidden) return;
  list.hidden = true;
  for (const name of ["aria-controls", "aria-activedescendant", "aria-autocomplete"]) note()?.removeAttribute(name);
}

function opened(field) {
  const form = field.form, list = atList() ?? document.createElement("ul");
  Object.assign(list, { id: "at-list", className: "picks", role: "listbox", ariaLabel: find("template#colleagues").content.textContent.trim() });
  if (list.parentElement !== form) form.append(list);
  return list;
}

async function suggest(field) {
  const said = typed(field);
  if (said === undefined || field.form.dataset.writing !== "note" || said === refused) return close();
  refused = undefined;
  const html = await colleagues().catch(() => "");
  if (!field.isConnected || typed(field) !== said) return;
  const list = opened(field);
  if (list.dataset.of !== `${team.id} ${team.at}`) {
    list.dataset.of = `${team.id} ${team.at}`;
    list.innerHTML = html;
  }
  if (!narrow(list, said)) return close();
  list.hidden = false;
  field.setAttribute("aria-controls", list.id);
  field.setAttribute("aria-autocomplete", "list");
  mean(list, field, options(list)[0]);
}

function insert(option) {
  const field = note(), caret = field.selectionStart, said = typed(field) ?? "";
  field.setRangeText(`${option.dataset.pick} `, caret - said.length, caret, "end");
  close();
  field.focus();
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

// Tags -----------------------------------------------------------------------------------------------------------

const tagger = find("#tagger");

function offer() {
  const place = find("#tag").getBoundingClientRect();
  tagger.showPopover();
  const { offsetWidth: wide, offsetHeight: high } = tagger;
  tagger.style.left = `${Math.max(8, Math.min(place.left, innerWidth - wide - 8))}px`;
  tagger.style.top = `${Math.max(8, Math.min(place.bottom + 6, innerHeight - high - 8))}px`;
  const field = find("#tag-find", tagger);
  (field ?? find(".none", tagger)).focus();
  if (field) mean(find("#tag-list"), field, options(find("#tag-list"))[0]);
}

function give(option) {
  const form = find("#tag-form");
  form.tag.value = option.dataset.pick;
  form.requestSubmit();
  tagger.hidePopover();
  find("#tag")?.focus();
}

document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  if (tagger && ctx.target === tagger && tagger.childElementCount) offer();
  readHere();
});

// Both lists ------------------------------------------------------------------------------------------------------

document.addEventListener("input", ({ target }) => {
  if (target.id === "note-text") suggest(target);
  if (target.id !== "tag-find") return;
  const list = find("#tag-list"), some = narrow(list, target.value);
  find(".none", tagger).hidden = some > 0;
  mean(list, target, options(list)[0]);
});

const KEYS = {
  ArrowDown: (list, field) => step(list, field, 1),
  ArrowUp: (list, field) => step(list, field, -1),
  Enter: (list) => choose(active(list)),
  Tab: (list, field) => field.id === "note-text" && choose(active(list)),
  Escape: (list, field) => field.id === "note-text" && (refused = typed(field), close(), true),
};

const choose = (option) => option && (option.closest("#at-list") ? insert(option) : give(option), true);

/** Before the composer hears of it, for which Enter saves the note. */
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  const list = target.id === "note-text" ? atList() : target.id === "tag-find" ? find("#tag-list") : null;
  if (!list || list.hidden || event.isComposing || !(key in KEYS)) return;
  if (KEYS[key](list, target) === false) return;
  event.preventDefault();
  event.stopPropagation();
}, true);

document.addEventListener("pointerdown", (event) => { if (event.target.closest(".picks")) event.preventDefault(); });
document.addEventListener("click", ({ target }) => {
  const option = target.closest(".picks [role=option]");
  if (option) choose(option);
  else if (target.id !== "note-text") close();
});

// Being mentioned -------------------------------------------------------------------------------------------------

const told = new Set();

/** Open and before one's eyes: it is read. */
let reading = false;
async function readHere() {
  const id = conversation();
  if (!id || document.hidden || reading || !find(`#row-${CSS.escape(id)} .cnt.at`)) return;
  reading = true;
  try {
    await fetch(`${chat().dataset.url}mentions`, { method: "POST", headers: { "HX-Request": "true", ...csrf() } });
    live.forget();
    live.list();
  } finally {
    setTimeout(() => { reading = false; }, 1000);
  }
}

async function tell() {
  const response = await fetch(find("#toasts").dataset.mentions, { headers: { "HX-Request": "true" } });
  if (response.status !== 200) return;
  const cards = document.createElement("template");
  cards.innerHTML = await response.text();
  const fresh = all(".toast", cards.content).filter((card) => !told.has(card.id) && !here(card));
  for (const card of all(".toast", cards.content)) told.add(card.id);
  for (const card of fresh) {
    if (document.hidden) card.dataset.leaving = card.dataset.unseen = "";  // it does not leave before somebody looks
    find("#toasts").append(card);
  }
  fade();
  if (!fresh.length || !live.leading()) return;
  const { place, name, title } = fresh.at(-1).dataset;
  import("./alerts.js").then((bell) => bell.named(place, name, title), () => {});  // offline: no sound
}

const here = ({ dataset }) => dataset.place === conversation() && !document.hidden;

/** What came while nobody looked. */
function look() {
  if (document.hidden) return;
  for (const card of all("#toasts [data-unseen]")) {
    delete card.dataset.unseen;
    if (here(card)) card.remove();
    else delete card.dataset.leaving;
  }
  fade();
}

document.addEventListener("console:changed", ({ detail }) => {
  if (detail.mention) tell().catch(() => {});  // it stands in the list as well, until it is read
});
document.addEventListener("visibilitychange", () => {
  look();
  readHere().catch(() => {});
});

// An address that leads to a place in the thread --------------------------------------------------------------------

const place = /^#[em]-[\w-]+$/.test(location.hash) && find(location.hash);
if (place) {
  const fold = place.closest("details");
  if (fold) fold.open = true;
  place.scrollIntoView({ block: "center" });
}
if (document.activeElement?.id === "note-text") suggest(document.activeElement);  // typed before this was here
