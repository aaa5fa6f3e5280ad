// The thread: where it stands, what came while somebody read further up, and how long it gets.
import { all, atBottom, conversation, find, toBottom, words } from "./page.js";

const MOST = 200, KEPT = 120;
let kept = null, newest = 0;

export function beforeSwap() {
  const box = find("#bubbles");
  kept = box && !atBottom() ? { id: conversation(), height: box.offsetHeight } : null;
}

/** ``refresh`` draws the thread anew, from where it is told to begin. */
export function afterSwap(refresh) {
  if (kept && kept.id === conversation()) find("#tail").scrollTop -= find("#bubbles").offsetHeight - kept.height;
  kept = null;
  stands(refresh);
}

/** Opened: at the first new message if it is out of sight, else at the newest. */
export function arrive(refresh) {
  toBottom();
  newest = Number(find("#bubbles")?.dataset.new ?? Math.max(0, ...said().map(seq)));
  const divider = find("#new"), box = find("#tail");
  if (divider && divider.getBoundingClientRect().top < box.getBoundingClientRect().top) divider.scrollIntoView({ block: "center" });
  stands(refresh);
}

const seq = (bubble) => Number(bubble.dataset.seq);
const said = () => all("#bubbles .m");

/** After whatever moves it. At its foot everything has been seen, and what is far above is let go. */
export function stands(refresh) {
  const jump = find("#jump");
  if (!jump) return;
  jump.hidden = atBottom();
  if (atBottom()) {
    newest = Math.max(0, ...said().slice(-5).map(seq));
    trim(refresh);
  }
  const fresh = all("#bubbles .m.in").filter((bubble) => seq(bubble) > newest).length;
  find("span", jump).textContent = fresh ? words(fresh === 1 ? "below" : "below-more").replace("{n}", fresh) : jump.dataset.label;
  jump.classList.toggle("p", fresh > 0);
}

/** The server draws the rest again when somebody asks for it. */
function trim(refresh) {
  const bubbles = said(), older = find("#older");
  if (bubbles.length + all(".m", older).length <= MOST) return;
  const box = find("#bubbles"), first = bubbles.length > KEPT && seq(bubbles.at(-KEPT));
  if (first) box.dataset.after = first - 1;
  const link = find("template#older-again").content.firstElementChild.cloneNode(true), from = Number(box.dataset.after) + 1;
  for (const name of ["href", "hx-get"]) link.setAttribute(name, link.getAttribute(name).replace(/before=\d+/, `before=${from}`));
  older.replaceChildren(link);
  htmx.process(older);
  if (first) refresh();
}
