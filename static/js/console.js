// The console: keys, focus, the dialog, and what follows a swap.
import * as composer from "./composer.js";
import * as live from "./live.js";
import { all, chat, conversation, fade, find, shown, toast, touch, words } from "./page.js";

const dialog = find("#dialog");
let open = "";

// After every swap ------------------------------------------------------------------------------

function follow() {
  const queue = find("#queue");
  if (conversation() !== open) {
    open = conversation();
    live.opened();
    for (const row of all("#queue .row")) mark(row, row.closest("li").id === `row-${open}`);
    live.thread();
  }
  composer.opened();
  composer.rows();
  announce();
  fade();
  if (!queue) return;
  const calls = Number(queue.dataset.calls), what = chat()?.dataset.name ?? find("h1").textContent;
  document.title = `${calls ? `(${calls}) ` : ""}${what} · ${document.body.dataset.app}`;
  const icon = find("link[rel=icon]");
  icon.dataset.calm ??= icon.href;
  const wanted = calls ? icon.dataset.alert : icon.dataset.calm;
  if (icon.getAttribute("href") !== wanted) icon.href = wanted;
}

let known = null;
/** Say who has just joined the queue; what was there on arrival is no news. */
function announce() {
  const waiting = all("#waiting li");
  for (const row of waiting) {
    if (known && !known.has(row.id)) toast(`${words("arrived")}: ${find(".nm", row).textContent}`);
  }
  known = new Set(waiting.map((row) => row.id));
}

function mark(row, current) {
  if (current) row.setAttribute("aria-current", "page");
  else row.removeAttribute("aria-current");
}

const ANSWERS = [200, 401, 409, 422];
document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  if (ANSWERS.includes(ctx.response.status)) return;
  event.preventDefault();  // an error page is not a part of this one
  if (!ctx.sent) toast(words("failed"));
});
document.addEventListener("htmx:before:swap", () => live.beforeSwap());
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  live.afterSwap();
  if (ctx.response) live.forget();
  if (ctx.target === dialog && dialog.childElementCount && !dialog.open) dialog.showModal();
  const { sourceElement: from, sourceEvent: why } = ctx;
  const before = open;
  follow();
  const taken = from?.matches?.("#next, #claim, .take, .lock .btn");
  if (taken || (open !== before && why?.detail > 0)) composer.focus();
});
document.addEventListener("htmx:error", ({ detail: { ctx } }) => { if (ctx && !ctx.sent) toast(words("failed")); });

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  const { sourceElement: from, request } = ctx;
  if (from.hasAttribute("data-seen")) request.body.set("seen", find("#bubbles").dataset.seq);
  if (from.id !== "composer" && (request.method === "POST" || from.closest("#bubbles, #chead"))) {
    for (const [field, value] of Object.entries(shown())) request.body.set(field, value);
  }
  const queue = find("#queue");
  if (queue?.dataset.show) {
    const place = new URL(request.action, location.href);
    place.searchParams.set("show", queue.dataset.show);
    request.action = place.pathname + place.search;
  }
});

// The dialog ------------------------------------------------------------------------------------

dialog.addEventListener("close", () => dialog.replaceChildren());
dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); });
document.addEventListener("console:refused", () => dialog.close());
document.addEventListener("console:done", () => {
  if (!dialog.open) return;
  dialog.close();
  setTimeout(composer.focus);
});
document.addEventListener("console:closed", () => {
  dialog.close();
  setTimeout(() => (find("#mine .row.un") ?? find("#take-next"))?.focus());
});

// Clicks ----------------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const { target } = event;
  if (target.closest("[data-close]") && dialog.open) {
    event.preventDefault();
    dialog.close();
  }
  const fold = target.closest("a.fold");
  if (fold) {
    event.preventDefault();
    find("#queue").dataset.show = fold.dataset.show;
    live.forget();
    live.list();
  }
  if (target.closest("[data-again]")) { live.list(); live.thread(); }
  if (target.closest("#jump")) live.toBottom();
  for (const menu of all("details.menu[open]")) if (!menu.contains(target)) menu.open = false;
});
document.addEventListener("submit", ({ target }) => {
  if (target.next) target.next.value = location.pathname;
});

// Keys ------------------------------------------------------------------------------------------

const typing = (element) => element.matches("input:not([type=radio]), textarea, select, [contenteditable]");

function step(by) {
  const rows = all("#queue .row");
  const at = rows.indexOf(document.activeElement.closest("li")?.querySelector(".row"));
  const from = at >= 0 ? at : rows.findIndex((row) => row.ariaCurrent);
  rows[Math.min(rows.length - 1, Math.max(0, from + by))]?.focus();
}

const KEYS = {
  a: () => (find("#claim") ?? find("#take-next"))?.click(),
  j: () => step(1),
  k: () => step(-1),
  r: () => find("#message")?.focus(),
  f: () => find("#finish")?.click(),
};

function leave() {
  for (const menu of all("details.menu[open]")) menu.open = false;
  if (document.activeElement.id === "message") (find("#queue .row[aria-current]") ?? find("#tail")).focus();
}

document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.isComposing) return;
  if (dialog.open || target.closest("[data-confirm]")) {
    if (key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
    event.preventDefault();  // or a focused link would be followed as well
    find("[data-confirm]").requestSubmit();
    return;
  }
  if (key === "Escape") return leave();
  if (event.ctrlKey || event.metaKey || event.altKey || typing(target)) return;
  const inList = target.closest("#scroll") && { ArrowDown: "j", ArrowUp: "k" }[key];
  const act = KEYS[inList || key.toLowerCase()];
  if (!act) return;
  event.preventDefault();
  act();
});

document.documentElement.classList.add("scripted");
live.start();
composer.start();
follow();
