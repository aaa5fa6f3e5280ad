// For supervisors, on every page of the console: what went wrong by itself is said at once. On the team's page: the
// board, kept current.
import { ask, repeat } from "./live.js";
import { apply, fade, find } from "./page.js";

const ALERTS = ["handoff.overdue", "handoff.requeued", "handoff.offer_expired"];
const BOARD = 5000, TROUBLES = 5000, AGAIN = 1000;

/** Which of them is an alert, and what it says, the server knows. */
async function tell({ conversation, seq, kind }) {
  if (!conversation || !ALERTS.includes(kind) || find(`#told-${CSS.escape(conversation)}-${seq}`)) return;
  const url = `${document.body.dataset.team}c/${conversation}/alert?seq=${seq}`;
  const response = await fetch(url, { headers: { "HX-Request": "true" } });
  if (response.status !== 200) return;
  await apply(await response.text());
  fade();
}

/** Whoever is gone because their time ran out is told late or not at all: it is asked for in between as well. */
const board = repeat(BOARD, () => {
  const place = find("#board");
  if (place) return ask("board", place.dataset.url);
}, true);

/** Once in a second, however much happens. */
let asked = -AGAIN, soon;
function boardSoon() {
  if (!find("#board") || soon) return;
  soon = setTimeout(() => {
    soon = undefined;
    asked = performance.now();
    board();
  }, Math.max(0, asked + AGAIN - performance.now()));
}

document.addEventListener("console:changed", ({ detail }) => {
  tell(detail).catch(() => {});  // it stands among the alerts of the page as well
  if (detail.kind !== "message.status") boardSoon();
});

/** Why a number is paused stands above every page. The stream tells that it has changed; without it, the clock. */
const troubles = repeat(TROUBLES, () => ask("troubles", find("#troubles").dataset.url));
let paused = find("#troubles").childElementCount ? "" : "[]";
document.addEventListener("console:presence", ({ detail }) => {
  const now = JSON.stringify(detail.troubles ?? []);
  if (now === paused) return;
  paused = now;
  troubles();
});
setTimeout(troubles, TROUBLES);

if (find("#board")) {
  for (const what of ["console:behind", "console:presence"]) document.addEventListener(what, boardSoon);
  // What was done may have taken away what it was asked from.
  let from = "";
  document.addEventListener("click", ({ target }) => { from = target.closest("[id^=person-]")?.id ?? from; });
  document.addEventListener("console:done", () => setTimeout(() => {
    if (document.activeElement !== document.body) return;
    (find(`#${CSS.escape(from)} h3`) ?? find("#team")).focus();
  }));
  document.addEventListener("change", ({ target }) => { if (target.id === "narrow-queue") target.form.requestSubmit(); });
  board();
}
