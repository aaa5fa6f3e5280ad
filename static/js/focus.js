// Where the focus goes when what had it is gone.
import { box } from "./composer.js";
import { all, find } from "./page.js";

const rows = () => all("#queue .row");
let at = -1;

document.addEventListener("htmx:before:swap", () => {
  at = rows().indexOf(document.activeElement.closest("#queue li")?.querySelector(".row"));
});
/** A row that a colleague took: the one that has come into its place, or what the list stands in. */
document.addEventListener("htmx:after:swap", () => {
  if (at < 0 || document.activeElement !== document.body) return;
  const left = rows();
  (left[Math.min(at, left.length - 1)] ?? find("#scroll")).focus();
  at = -1;
});
document.addEventListener("click", (event) => {
  const foot = event.target.matches(".skip") && (box() ?? find("#dock :is(button, a)"));
  if (!foot) return;
  event.preventDefault();
  foot.focus();
});
