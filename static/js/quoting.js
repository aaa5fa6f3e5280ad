// Quoting: what somebody said goes into the reply the way WhatsApp shows a quote, where it can still be shortened.
import * as composer from "./composer.js";
import { all, chat, find } from "./page.js";

const LONGEST = 240, LINES = 3;
let over = null;

function cut(text) {
  const short = text.trim().split("\n").filter(Boolean).slice(0, LINES).join("\n");
  return short.length > LONGEST ? `${short.slice(0, LONGEST).trimEnd()}…` : short;
}

/** What is marked of a bubble, else all of it. */
function said(bubble) {
  const marked = getSelection(), text = find(".tx", bubble);
  return marked && !marked.isCollapsed && bubble.contains(marked.anchorNode) ? marked.toString() : text.innerText;
}

function quote(bubble) {
  const field = find("#message");
  if (!field || !bubble || !find(".tx", bubble)) return;
  const lines = cut(said(bubble)).split("\n").map((line) => `> ${line}\n`).join("");
  composer.reply();
  const before = field.value.slice(0, field.selectionStart), start = before.lastIndexOf("\n") + 1;
  field.setRangeText(lines, start, start, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

/** One button for all bubbles: right beside the one under the pointer, so that the way to it leads over nothing else. */
function offer(bubble) {
  const button = find("#quoter");
  over = bubble;
  if (!button) return;
  button.hidden = !bubble || !find("#message");
  if (button.hidden) return;
  const box = bubble.getBoundingClientRect(), place = chat().getBoundingClientRect(), mine = !bubble.matches(".in");
  button.style.top = `${Math.max(box.top, find("#tail").getBoundingClientRect().top) - place.top + 2}px`;
  button.style.left = `${(mine ? box.left - button.offsetWidth : box.right) - place.left}px`;
}

document.addEventListener("pointerover", ({ target }) => {
  if (target.closest?.("#quoter")) return;
  const bubble = target.closest?.("#tail .m:not(.note)");
  if (bubble !== over) offer(bubble && find(".tx", bubble) ? bubble : null);
});
/** What was drawn anew may stand elsewhere; the button stays with what is pointed at. */
document.addEventListener("htmx:after:swap", () => {
  const here = over?.id && find(`#${CSS.escape(over.id)}`);
  offer(here && (here.matches(":hover") || find("#quoter")?.matches(":hover")) ? here : null);
});
document.addEventListener("scroll", ({ target }) => { if (target.id === "tail") offer(null); }, true);
document.addEventListener("click", ({ target }) => { if (target.closest("#quoter")) quote(over); });
/** By the keyboard: what is marked in the thread, else what the customer said last. */
document.addEventListener("console:quote", () => {
  const marked = getSelection()?.anchorNode?.parentElement?.closest("#tail .m");
  quote(marked ?? all("#bubbles .m.in").at(-1));
});
