// The console: focus, the dialog, and what follows a swap.
import "./keys.js";
import * as composer from "./composer.js";
import { all, chat, conversation, fade, find, folded, shown, tick, toast, toBottom, touch, words } from "./page.js";
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
  called();
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

/** The lines of the dialog whose words are all in the name; marks and capitals make no difference. */
function filter({ value, dataset }) {
  const words = folded(value).split(/\s+/), list = find(`#${dataset.filter}`);
  for (const line of all("label", list)) {
    const name = folded(find(".nm", line).textContent);
    line.hidden = !words.every((word) => name.includes(word));
  }
  find(".none", list).hidden = all("label:not([hidden])", list).length > 0;
}
document.addEventListener("input", ({ target }) => { if (target.matches("[data-filter]")) filter(target); });
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (!target.matches("[data-filter]") || key !== "Enter" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();  // it looks for somebody, and sends nothing yet
  find("label:not([hidden]) input:enabled", find(`#${target.dataset.filter}`))?.click();
});

/** A template's preview follows its fields; what was wrong with one counts no longer once it is written in. */
function follows(field) {
  const { value, dataset } = field;
  for (const mark of all(`[data-fills="${dataset.gap}"]`)) {
    mark.textContent = value.trim() || mark.dataset.label;
    mark.classList.toggle("no", !value.trim());
  }
  field.removeAttribute("aria-invalid");
  field.nextElementSibling?.remove();
}
/** Whoever is written to first is called by the name that has just been typed. */
function called() {
  const name = find("#new-name")?.value.trim().split(/\s+/)[0];
  for (const field of name ? all("[data-gap][data-person]") : []) {
    if (field.value && field.value !== field.dataset.called) continue;
    field.value = field.dataset.called = name;
    follows(field);
  }
}
document.addEventListener("input", ({ target }) => {
  if (target.matches("[data-gap]")) follows(target);
  if (target.id === "new-name") called();
});

dialog.addEventListener("close", () => dialog.replaceChildren());
dialog.addEventListener("click", ({ target }) => { if (target === dialog) dialog.close(); });
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
const LATER = ["calling", "presence", "media", "attach", "outbox", "drafts", "notes", "canned", "quoting", "people", "search"];
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
