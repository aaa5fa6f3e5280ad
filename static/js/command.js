// The command bar: what can be done now, by its name. The actions come with the page's keymap, the rest from the server.
import { act, possible } from "./keys.js";
import { all, chat, conversation, find, folded, toast, words } from "./page.js";
import { visit } from "./search.js";

const WAIT = 200, SHORTEST = 2;
const box = find("#command"), field = find("#command-q"), list = find("#command-list");
const options = () => all("[role=option]:not([hidden])", list);
let active = null, soon;

async function ask(told) {
  const response = await fetch(`${field.dataset.url}?${new URLSearchParams(told)}`, { headers: { "HX-Request": "true" } });
  if (!response.ok) throw new Error(response.status);
  return response.text();
}

export async function opened() {
  try {
    list.innerHTML = await ask({ open: conversation() });
  } catch {
    shut();
    return toast(words("failed"));
  }
  for (const option of all("[data-act]", list)) if (!possible(option.dataset.act)) option.remove();
  for (const option of all("[data-press]", list)) if (find(option.dataset.press)?.ariaPressed !== "false" && !option.matches("#command-out")) option.remove();
  look();
}

function choose(option) {
  active?.setAttribute("aria-selected", "false");
  active = option ?? null;
  active?.setAttribute("aria-selected", "true");
  active?.scrollIntoView({ block: "nearest" });
  if (active) field.setAttribute("aria-activedescendant", active.id);
  else field.removeAttribute("aria-activedescendant");
}

/** Those whose words begin with all that was typed. */
function narrow() {
  const sought = folded(field.value).split(/\s+/).filter(Boolean);
  for (const option of all("[data-static] [role=option]", list)) {
    const name = ` ${folded(option.querySelector("span:not(.caps, .av)").textContent)}`.replace(/[:,]/g, "");
    option.hidden = !sought.every((word) => name.includes(` ${word}`));
  }
  for (const group of all("[role=group]", list)) group.hidden = !find("[role=option]:not([hidden])", group);
  tell();
}

function tell() {
  const shown = options(), said = find("#command-said");
  if (!shown.includes(active)) choose(shown[0]);
  find("#command-none").hidden = shown.length > 0;
  said.textContent = (shown.length === 1 ? said.dataset.one : said.dataset.many).replace("{n}", shown.length);
}

function look() {
  narrow();
  clearTimeout(soon);
  const typed = field.value.trim(), found = find("#command-found");
  if (typed.length < SHORTEST) return void found?.replaceChildren(), narrow();
  soon = setTimeout(async () => {
    const text = await ask({ q: typed }).catch(() => "");
    const group = find("#command-found");
    if (!group || field.value.trim() !== typed) return;
    group.innerHTML = text;
    group.hidden = !find("[role=option]", group);
    tell();
  }, WAIT);
}

/** Whoever opened it has the focus again. Where nobody had it, the next key is for the page at once. */
function shut() {
  box.close();
  if (box.contains(document.activeElement)) document.activeElement.blur();
}

function run(option) {
  const { act: name, press, go, open, to } = option.dataset;
  shut();
  if (name) act(name);
  else if (press) find(press).click();
  else if (go) location.assign(go);
  else if (open) visit(open);
  else if (to) htmx.ajax("GET", `${chat().dataset.url}transfer?${new URLSearchParams({ to })}`, { target: "#dialog", swap: "innerHTML" });
}

field.addEventListener("input", look);
field.addEventListener("keydown", (event) => {
  const { key } = event, shown = options(), at = shown.indexOf(active);
  if (event.isComposing || event.keyCode === 229) return;
  if (key === "ArrowDown") choose(shown[(at + 1) % shown.length]);
  else if (key === "ArrowUp") choose(shown.at(at - 1));
  else if (key === "Enter" && active) run(active);
  else if (key === "Escape") shut();
  else return;
  event.preventDefault();
});
list.addEventListener("click", ({ target }) => {
  const option = target.closest("[role=option]");
  if (option) run(option);
});
box.addEventListener("click", ({ target }) => { if (target === box) shut(); });
box.addEventListener("close", () => {
  clearTimeout(soon);
  field.value = "";
  choose(null);
  list.replaceChildren();
});
