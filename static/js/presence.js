// Who is there: the beat of this panel, what its operator looks at and writes, and what is told of the others.
import { all, conversation, csrf, find, user, words } from "./page.js";

const BEAT = 25000, HIDDEN = 5000, STILL = 5000, TOUCH = 1000;
const touchedAt = `touched:${user}`, chosen = `presence:${user}`;
const menu = find("#presence");
let beaten = 0, looking = "", typedAt = 0, typing = false, gone = false, hiddenSince = document.hidden ? 0 : Infinity;
let typedIn = "", replying = false, team = null, viewers = {};

// The beat --------------------------------------------------------------------------------------

function touched() {
  try {
    return Number(localStorage.getItem(touchedAt)) || Date.now();
  } catch {
    return Date.now();
  }
}

let noted = 0;
function touch() {
  if (Date.now() - noted < TOUCH) return;
  noted = Date.now();
  const away = noted - touched() > 60000;
  try {
    localStorage.setItem(touchedAt, noted);
  } catch {
    // Without a store, this tab counts as touched whenever it beats.
  }
  if (away) beat();  // back at the desk: at once, not with the next beat
}

const seen = () => (Date.now() - hiddenSince > HIDDEN ? "" : conversation());

async function post(values) {
  const body = new URLSearchParams(values);
  try {
    return await fetch(document.body.dataset.presenceUrl, { method: "POST", keepalive: true, headers: { "HX-Request": "true", ...csrf() }, body });
  } catch {
    return null;  // offline: the next beat says it
  }
}

function beat() {
  beaten = Date.now();
  const here = seen(), left = looking && looking !== here ? looking : "";
  looking = here;
  const idle = Math.max(0, Math.round((Date.now() - touched()) / 1000));
  const writes = typing && here;
  return post({ idle, conversation: here, typing: writes ? "1" : "", reply: writes && replying ? "1" : "", ...(left && { left }) });
}

/** What changed is said at once; timers of hidden tabs sleep, so every word of the stream is a chance as well. */
function look() {
  if (gone) return;
  const text = find("#message")?.value || find("#note-text")?.value;
  const writes = Boolean(text) && Date.now() - typedAt < STILL && typedIn === conversation();
  const now = Date.now() - beaten;
  if (writes !== typing) {
    typing = writes;
    return beat();
  }
  if (seen() !== looking || now >= BEAT || (typing && now >= STILL)) beat();
}

document.addEventListener("input", ({ target }) => {
  if (target.id !== "message" && target.id !== "note-text") return;
  typedAt = Date.now();
  replying = target.id === "message";
  typedIn = conversation();
  look();
});
for (const gesture of ["keydown", "pointerdown"]) addEventListener(gesture, touch, { capture: true, passive: true });
document.addEventListener("visibilitychange", () => {
  hiddenSince = document.hidden ? Date.now() : Infinity;
  if (document.hidden) setTimeout(look, HIDDEN + 100);
  else look();
});
addEventListener("pagehide", () => {
  gone = true;  // or the clock would find that the chat is not told of, and tell it once more
  if (looking) post({ idle: Math.round((Date.now() - touched()) / 1000), conversation: "", typing: "", left: looking });
  looking = "";
});
addEventListener("pageshow", () => {
  gone = false;
  look();
});

// What I chose ----------------------------------------------------------------------------------

let choosing = 0;
function show(status) {
  document.body.dataset.presence = status;
  if (!menu) return;
  find("#presence-now").textContent = find(`[value=${status}]`, menu).textContent.trim();
  for (const button of all("button[name=status]", menu)) button.ariaPressed = String(button.value === status);
  dots();
}

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  if (submitter?.name !== "status" || !menu?.contains(form)) return;
  event.preventDefault();
  menu.open = false;
  find("summary", menu).focus();
  const before = document.body.dataset.presence;
  show(submitter.value);
  choosing += 1;
  post({ status: submitter.value }).then((answer) => {
    choosing -= 1;
    if (!answer?.ok) return show(before);
    try {
      localStorage.setItem(chosen, submitter.value);
    } catch {
      // the other tabs hear of it with their next page
    }
  });
});
addEventListener("storage", ({ key, newValue }) => { if (key === chosen && newValue) show(newValue); });

// What is told of the others --------------------------------------------------------------------

function dots() {
  const mine = document.body.dataset.presence;
  for (const dot of all("[data-operator]")) {
    const who = dot.dataset.operator;
    const state = who === user ? (team?.[who] === "away" && mine === "available" ? "away" : mine) : team && (team[who] ?? "offline");
    if (state && dot.dataset.presence !== state) dot.dataset.presence = state;
  }
}

function said() {
  const others = viewers[conversation()] ?? [], writing = others.filter((other) => other.typing);
  const those = writing.length ? writing : others;
  if (!those.length) return "";
  const text = words(those.length > 1 ? (writing.length ? "writing-more" : "viewing-more") : writing.length ? "writing" : "viewing");
  return text.replace("{name}", those[0].name.split(" ")[0]).replace("{n}", those.length - 1);
}

function draw() {
  const text = said();
  for (const line of all(".viewers")) if (line.textContent !== text) line.textContent = text;
  dots();
}

document.addEventListener("console:presence", ({ detail }) => {
  ({ team, viewers } = detail);
  // A supervisor, or I at another machine, may have said where I am.
  const mine = team?.[user];
  if (mine && mine !== "away" && mine !== document.body.dataset.presence && !choosing) show(mine);
  draw();
});
document.addEventListener("console:heard", look);
document.addEventListener("htmx:after:swap", () => { look(); draw(); });
setInterval(look, 1000);
look();
draw();
