// The console: focus, the dialog, and what follows a swap.
import "./keys.js";
import * as composer from "./composer.js";
import { all, chat, conversation, fade, find, place, shown, tick, toast, toBottom, touch, words } from "./page.js";
import * as thread from "./thread.js";

const dialog = find("#dialog");
const wire = (element) => element?.id === "live";
let open = "", loaded = false;

/** What keeps the page current comes after the first load, and then asks for everything by itself. */
const live = (use) => loaded && import("./live.js").then(use);
const refresh = () => live((it) => it.thread());
const anew = () => live((it) => { it.forget(); it.list(); });

// After every swap ------------------------------------------------------------------------------

function follow() {
  if (conversation() !== open) {
    open = conversation();
    if (astray()) dialog.close();
    thread.arrive(refresh);
    for (const row of all("#queue .row")) mark(row, row.closest("li").id === `row-${open}`);
    refresh();
  }
  composer.opened();
  composer.rows();
  fade();
}

function mark(row, current) {
  if (current) row.setAttribute("aria-current", "page");
  else row.removeAttribute("aria-current");
}

const ANSWERS = [200, 401, 409, 422];
document.addEventListener("htmx:before:response", (event) => {
  const { ctx } = event.detail;
  if (wire(ctx.sourceElement)) return;
  if (ANSWERS.includes(ctx.response.status)) return;
  event.preventDefault();  // an error page is not a part of this one
  toast(words("failed"));
});
document.addEventListener("htmx:before:swap", thread.beforeSwap);
document.addEventListener("htmx:after:swap", ({ detail: { ctx } }) => {
  thread.afterSwap(refresh);
  if (ctx.response) live((it) => it.forget());
  if (ctx.target === dialog && astray()) dialog.replaceChildren();
  if (ctx.target === dialog && dialog.childElementCount && !dialog.open) {
    dialog.showModal();
    if (!touch()) find("[data-filter]", dialog)?.focus();  // else a keyboard would cover who there is
  }
  const { sourceEvent: why } = ctx;
  const before = open;
  follow();
  if (ctx.takes) composer.reply();
  if (ctx.takes || (open !== before && why?.detail > 0)) composer.focus();
  if (ctx.takes) composer.deliver();
});
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => { if (ctx.takes) composer.deliver(); });
document.addEventListener("htmx:error", ({ detail: { ctx } }) => {
  if (ctx && !wire(ctx.sourceElement)) toast(words("failed"));
});

document.addEventListener("htmx:config:request", ({ detail: { ctx } }) => {
  const { sourceElement: from, request } = ctx;
  if (wire(from)) return;
  // Asked now: the stream may have moved the row, and its button with it, before the answer is here.
  ctx.takes = from.matches("#next, #claim, .take, .lock button:not([formaction$=decline])");
  if (ctx.takes) composer.expect();
  // Parts go where they say; a row or card that leaves the page before its answer comes must not take it along.
  if (ctx.swap === "none") ctx.target = document.body;
  if (from.hasAttribute("data-seen")) request.body.set("seen", find("#bubbles").dataset.seq);
  if (request.method === "POST" || from.closest("#bubbles, #chead")) {
    for (const [field, value] of Object.entries(shown())) request.body.set(field, value);
  }
  const queue = find("#queue");
  if (queue?.dataset.show || queue?.dataset.sort) {
    const place = new URL(request.action, location.href);
    for (const name of ["show", "sort"]) if (queue.dataset[name]) place.searchParams.set(name, queue.dataset[name]);
    request.action = place.pathname + place.search;
  }
});

// The dialog ------------------------------------------------------------------------------------

/** About another chat than the one that is open: its answer came late, or the chat was left meanwhile. */
const astray = () => all("form[action^='/operator/c/']", dialog).some((form) => !form.getAttribute("action").startsWith(place(conversation(), "")));

dialog.addEventListener("close", () => dialog.replaceChildren());
document.addEventListener("console:refused", () => dialog.close());
document.addEventListener("console:done", () => {
  if (!dialog.open) return;
  dialog.close();
  setTimeout(composer.focus);
});
document.addEventListener("console:over", refresh);
document.addEventListener("console:moved", anew);
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
  const fold = target.closest("a.fold, #sort");
  if (fold) {
    event.preventDefault();
    const { show, sortBy } = fold.dataset;
    if (show !== undefined) find("#queue").dataset.show = show;
    else find("#queue").dataset.sort = sortBy;
    anew();
  }
  const step = target.closest("[data-step-to]");
  if (step) find("#tpl").dataset.step = step.dataset.stepTo;
  if (target.closest("[data-again]")) live((it) => { it.list(); it.thread(); });
  if (target.closest("[data-dismiss]")) target.closest(".toast").remove();
  if (target.closest("#jump")) toBottom();
});
document.addEventListener("submit", ({ target }) => {
  if (target.next) target.next.value = location.pathname;
});

document.addEventListener("scroll", ({ target }) => {
  if (target.id !== "tail") return;
  thread.stands(refresh);
  live((it) => it.seen());
}, true);
setInterval(tick, 1000);
document.documentElement.classList.add("scripted");
composer.start();
// Not part of the first load: nobody waits for it.
const LATER = ["calling", "presence", "media", "attach", "outbox", "drafts", "notes", "canned", "quoting", "people", "search", "dialog", "focus"];
const settled = () => {
  loaded = true;
  live((it) => it.start());
  return Promise.all(LATER.map((name) => import(`./${name}.js`)));
};
setTimeout(() => {  // measuring the page is a task of its own: what is typed meanwhile need not wait for both
  follow();
  if (document.readyState === "complete") settled();
  else addEventListener("load", settled);
});
