// The search over the list: into its results and out again by keyboard, and from a hit to the message itself.
import { all, find } from "./page.js";
import { light } from "./spot.js";

const part = (place) => new URL(place, location.href).hash.slice(1);
const hits = () => all("#results .hit");

/** Where the server has opened the thread at. */
function land() {
  const chat = find("#chat[data-at]");
  if (!chat) return;
  light(document.getElementById(chat.dataset.at));
  delete chat.dataset.at;
}

/** A place in the console, from elsewhere than a link on it. */
export function visit(place) {
  if (part(place) && light(document.getElementById(part(place)))) return;
  if (!find("#pane")) return location.assign(place);
  htmx.ajax("GET", place, { source: document.body, target: document.body, swap: "none" });
}

// What is shown already need not be asked for: before htmx hears of it.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("#results .hit");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  for (const hit of hits()) hit.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  if (!part(link.href) || !light(document.getElementById(part(link.href)))) return;
  event.preventDefault();
  event.stopPropagation();
}, true);
document.addEventListener("keydown", (event) => {
  const { target, key } = event, [first] = hits();
  if (target.id !== "q" || event.isComposing || event.keyCode === 229) return;
  if (key === "ArrowDown" && first) first.focus();
  else if (key === "Enter" && first && find("#results .hits").dataset.query === target.value.trim()) first.click();
  else return;
  event.preventDefault();
});
document.addEventListener("htmx:after:swap", land);
document.head.append(find("template#later").content.cloneNode(true));
land();
