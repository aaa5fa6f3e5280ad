// Files in the thread: one recording plays at a time, and goes on when its bubble is drawn anew; photos open large.
import { all, find } from "./page.js";
import { light } from "./spot.js";

const SPEEDS = [1, 1.5, 2];
const player = new Audio();
let playing = "", speed = Number(localStorage.getItem("speed")) || 1;

const boxes = () => all(".aud[data-audio]");
const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
const known = () => Number.isFinite(player.duration) && player.duration > 0;

function show() {
  for (const box of boxes()) {
    const mine = box.dataset.audio === playing, on = mine && !player.paused, length = find(".len", box);
    const button = find("[data-play]", box), seek = find(".seek", box), share = mine && known() ? player.currentTime / player.duration : 0;
    button.setAttribute("aria-pressed", on);
    if (document.activeElement !== seek || on) seek.value = 1000 * share;
    seek.style.setProperty("--played", `${100 * share}%`);
    length.textContent = mine && (on || player.currentTime) ? clock(player.currentTime) : length.dataset.length;
    find("[data-speed]", box).textContent = `${String(speed).replace(".", document.documentElement.lang.startsWith("en") ? "." : ",")}×`;
  }
}

/** Nothing else sounds while this does. */
function quiet(except) {
  for (const video of all("video")) if (video !== except) video.pause();
  if (except !== player) player.pause();
}

function take(box) {
  if (playing === box.dataset.audio) return;
  playing = box.dataset.audio;
  player.src = playing;
  player.playbackRate = player.defaultPlaybackRate = speed;
}

function toggle(box) {
  const mine = playing === box.dataset.audio;
  if (mine && !player.paused) return player.pause();
  take(box);
  quiet(player);
  player.play().catch(show);
}

function seek(box, share) {
  take(box);
  const go = () => { if (known()) player.currentTime = share * player.duration; };
  if (known()) go();
  else player.addEventListener("loadedmetadata", go, { once: true });
}

function look(link) {
  const box = document.createElement("dialog"), picture = new Image();
  box.className = "look";
  box.setAttribute("aria-label", find("img", link).alt);
  picture.src = link.dataset.look;
  picture.alt = "";
  box.append(picture);
  document.body.append(box);
  box.addEventListener("click", () => box.close());
  box.addEventListener("close", () => { box.remove(); link.focus(); });
  box.showModal();
}

/** The original of a quote, where it is shown already; else its link leads to the page that shows it. */
function jump(event, link) {
  if (light(document.getElementById(link.dataset.quote))) event.preventDefault();
}

document.addEventListener("click", (event) => {
  const { target } = event, box = target.closest?.(".aud[data-audio]"), link = target.closest?.("[data-look], [data-quote]");
  if (box && target.closest("[data-play]")) toggle(box);
  if (box && target.closest("[data-speed]")) {
    speed = SPEEDS[(SPEEDS.indexOf(speed) + 1) % SPEEDS.length];
    localStorage.setItem("speed", speed);
    player.playbackRate = player.defaultPlaybackRate = speed;
    show();
  }
  if (link?.dataset.quote) jump(event, link);
  if (link?.dataset.look && !event.ctrlKey && !event.metaKey) { event.preventDefault(); look(link); }
});
document.addEventListener("input", ({ target }) => {
  if (target.matches?.(".aud .seek")) seek(target.closest(".aud"), target.value / 1000);
});
document.addEventListener("play", ({ target }) => quiet(target), true);
for (const name of ["play", "pause", "ended", "timeupdate", "loadedmetadata"]) player.addEventListener(name, show);
document.addEventListener("htmx:after:swap", show);
document.documentElement.classList.add("plays");
show();
