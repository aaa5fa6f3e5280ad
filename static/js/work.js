// The work page keeps itself current by the clock: a backlog is nobody's event. Ages run on here, so an answer that
// has nothing new is a 304. Paused means paused: no question is asked until somebody wants one.
import { ask, repeat } from "./live.js";
import { all, find } from "./page.js";

const PERIOD = 2000;
const board = find("#ops"), button = find("#pause"), pulse = find("#pulse");
let paused = button.value === "0", offset = 0, lost = false;

// Times ---------------------------------------------------------------------------------------------------------------

const two = (number) => String(number).padStart(2, "0");

/** As operators/views/work/moments.py spells it. */
function spelt(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000)), hours = Math.floor(seconds / 3600);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return hours < 48 ? `${hours} h ${two(Math.floor(seconds / 60) % 60)} min` : `${Math.floor(hours / 24)} d`;
}

function run() {
  const now = Date.now() + offset;
  const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  for (const element of all("#work-board [data-ago]")) write(element, spelt(now - Date.parse(element.dateTime)));
  for (const element of all("#work-board [data-in]")) write(element, spelt(Date.parse(element.dateTime) - now));
}

// Asking --------------------------------------------------------------------------------------------------------------

function show() {
  const state = paused ? "paused" : lost ? "lost" : "live";
  pulse.textContent = pulse.dataset[state];
  pulse.className = `chip js ${{ paused: "", lost: "warn", live: "ok" }[state]}`;
  button.textContent = paused ? button.dataset.resume : button.dataset.pause;
  button.value = paused ? "0" : "1";
}

function answered(response) {
  const at = Date.parse(response.headers.get("Date"));
  lost = false;
  if (!at) return;
  offset = at - Date.now();
  find("#at").textContent = new Date(at).toLocaleTimeString(document.documentElement.lang, { hour12: false });
}

const refresh = repeat(PERIOD, async () => {
  if (paused) return;
  try {
    await ask("work", board.dataset.url, () => !paused, answered);
  } catch (error) {
    lost = true;
    throw error;
  } finally {
    show();
  }
}, PERIOD);

button.addEventListener("click", (event) => {
  event.preventDefault();
  paused = !paused;
  history.replaceState(null, "", paused ? "?paused=1" : location.pathname);
  show();
  if (!paused) refresh();
});
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
// A decision takes away the button it was made with.
for (const end of ["console:done", "console:refused"]) {
  document.addEventListener(end, () => setTimeout(() => {
    if (document.activeElement === document.body) find("#sends").focus();
  }));
}
setInterval(() => { if (!paused) run(); }, 1000);
show();
refresh();
