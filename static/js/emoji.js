// A few emoji beside the system's own picker: a grid to walk through by the arrows, those used last in its first row.
import { box, insert } from "./composer.js";
import { all, find } from "./page.js";

const COLUMNS = 10, RECENT = "emoji";
const ALL = [..."😀😄😁😅😂🙂😉😊😍🥰😘😎🤗🤔😐🙄😬😴😕😟😢😭😤😡😱😳🙈🙏👍👎👌✌🤝👏🙌💪👋🫶🎉🎂🎁🔥✨⭐💯✅❌⚠❓❗💡📎📦🚚💳📞"]
  .map((sign) => (/[✌⚠❗❓⭐✨✅❌]/u.test(sign) ? `${sign}\uFE0F` : sign));
const HEARTS = ["❤️", "💚", "💙", "💛"];

function recent() {
  try {
    return JSON.parse(localStorage.getItem(RECENT)) ?? [];
  } catch {
    return [];
  }
}

function used(sign) {
  try {
    localStorage.setItem(RECENT, JSON.stringify([sign, ...recent().filter((other) => other !== sign)].slice(0, COLUMNS)));
  } catch {
    // Not remembered, then.
  }
}

const panel = () => find("#emoji");
const opener = () => find("[data-emoji]");
const said = (what) => find("template#emoji-words").content.querySelector(`[data-${what}]`).textContent;
const keys = () => (/Mac|iPhone|iPad/.test(navigator.platform) ? "⌃ ⌘ ␣" : /Win/.test(navigator.platform) ? "⊞ ." : "Ctrl .");

function part(tag, values, ...inside) {
  const element = Object.assign(document.createElement(tag), values);
  element.append(...inside);
  return element;
}

function grid(signs, name) {
  const rows = [];
  for (let at = 0; at < signs.length; at += COLUMNS) {
    const cells = signs.slice(at, at + COLUMNS).map((sign) => {
      const cell = part("button", { type: "button", role: "gridcell", tabIndex: -1, textContent: sign });
      cell.dataset.sign = sign;
      return cell;
    });
    rows.push(part("div", { role: "row" }, ...cells));
  }
  const made = part("div", { role: "grid" }, ...rows);
  made.setAttribute("aria-label", name);
  return made;
}

export function toggle() {
  if (panel()) return close();
  const last = recent(), made = part("div", { id: "emoji", className: "pop", role: "dialog" });
  made.setAttribute("aria-label", said("name"));
  if (last.length) made.append(part("p", { textContent: said("recent") }), grid(last, said("recent")));
  made.append(grid([...ALL.slice(0, 40), ...HEARTS, ...ALL.slice(40)], said("name")));
  made.append(part("p", { className: "only-d" }, `${said("hint")} `, part("kbd", { textContent: keys() })));
  find("#dock").append(made);
  opener().ariaExpanded = "true";
  enter(find("button", made));
}

function enter(cell) {
  for (const other of all("button[tabindex='0']", panel())) other.tabIndex = -1;
  cell.tabIndex = 0;
  cell.focus();
}

function close(back = true) {
  panel()?.remove();
  opener()?.setAttribute("aria-expanded", "false");
  if (back) box()?.focus();
}

function walk(key, cell) {
  const row = cell.parentElement, rows = all("[role=row]", panel()), column = [...row.children].indexOf(cell);
  const beside = rows[rows.indexOf(row) + { ArrowUp: -1, ArrowDown: 1 }[key]];
  const cells = all("button", panel()), at = cells.indexOf(cell);
  const to = {
    ArrowRight: () => cells[at + 1],
    ArrowLeft: () => cells[at - 1],
    ArrowUp: () => beside?.children[Math.min(column, beside.children.length - 1)],
    ArrowDown: () => beside?.children[Math.min(column, beside.children.length - 1)],
    Home: () => row.firstElementChild,
    End: () => row.lastElementChild,
  }[key];
  if (to?.()) enter(to());
  return Boolean(to);
}

document.addEventListener("keydown", (event) => {
  const cell = event.target.closest?.("#emoji button");
  if (!cell || event.isComposing) return;
  if (event.key === "Escape" || event.key === "Tab") close();
  else if (!walk(event.key, cell)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
document.addEventListener("click", ({ target }) => {
  const cell = target.closest("#emoji button");
  if (cell) {
    used(cell.dataset.sign);
    close();
    insert(cell.dataset.sign);
  } else if (panel() && !target.closest("#emoji, [data-emoji]")) close(false);
});
document.addEventListener("htmx:after:swap", () => { if (panel() && !box()) close(false); });
