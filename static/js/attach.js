// What goes along with a message: chosen, pasted, dropped or recorded; looked at before it is sent, and shown on its way.
import "./canned.js";  // it asks first whether something was left to fill in
import { around, complain, depart, pending, restore, tell } from "./composer.js";
import * as outbox from "./outbox.js";
import { apply, conversation, csrf, find, words } from "./page.js";

const MEGABYTE = 1024 * 1024, LARGEST = 16, LARGEST_PICTURE = 5;
const RECORDED = ["audio/ogg;codecs=opus", "audio/mp4;codecs=mp4a.40.2"], WEBM = "audio/webm;codecs=opus";
const chosen = new Map();
const SAYS_WHY = [401, 409, 422];
let recording = null, asking = false;

const form = () => find("#composer");
const part = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

// Choosing --------------------------------------------------------------------------------------

function choose(file) {
  const id = conversation(), most = file.type.startsWith("image/") ? LARGEST_PICTURE : LARGEST;
  if (!id || !form()) return;
  find("#notice").replaceChildren();
  if (file.size > most * MEGABYTE) return complain(words("file-large").replace("{limit}", most));
  if (!file.size) return complain(words("file-empty"));
  drop(id);
  chosen.set(id, { file, url: URL.createObjectURL(file) });
  show();
  find("#message").focus();
}

function drop(id) {
  const was = chosen.get(id);
  if (was) URL.revokeObjectURL(was.url);
  chosen.delete(id);
}

function show() {
  const box = find("#attached"), here = chosen.get(conversation());
  if (!box || recording) return;
  find("#file").value = "";
  box.hidden = !here;
  if (!here) return box.replaceChildren();
  if (box.dataset.shown === here.url && box.childElementCount) return;
  box.dataset.shown = here.url;
  const off = part("button", "btn sm q", words("file-remove"));
  off.type = "button";
  off.dataset.detach = "";
  box.replaceChildren(preview(here), part("b", "", here.file.name), part("span", "", size(here.file.size)), off);
}

function preview({ file, url }) {
  const family = file.type.split("/")[0];
  if (family === "image") return Object.assign(new Image(), { src: url, alt: "" });
  if (family === "audio") return Object.assign(new Audio(url), { controls: true });
  return find("template#file-icon").content.firstElementChild.cloneNode(true);
}

const size = (bytes) => bytes < MEGABYTE
  ? `${Math.ceil(bytes / 1024)} KB`
  : `${(bytes / MEGABYTE).toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 })} MB`;

// Sending ---------------------------------------------------------------------------------------

/** With a file: after what is on its way already, and before what is said later. */
function submit(event) {
  const id = conversation(), along = chosen.get(id);
  if (event.target.id !== "composer" || !along) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  if (!navigator.onLine || outbox.isStuck(id)) return complain(words("file-offline"));
  const body = new FormData(event.target), url = event.target.action;
  body.set("file", along.file, along.file.name);
  chosen.delete(id);
  show();
  const sent = depart(body);
  body.set("draft", sent.draft);
  sent.bubble = pending(sent.text);
  inside(sent.bubble, along);
  outbox.hold(id, outbox.settled(id).then(() => (outbox.waits(id) ? back(sent, along, 0) : send(url, body, sent, along))));
}

/** It was not accepted: with its words into the box again. */
function back(sent, along, status) {
  sent.bubble.remove();
  restore([sent], !status || status >= 500);
  if (!chosen.has(sent.id)) chosen.set(sent.id, along);
  if (!status || status >= 500) tell(sent.id, words("file-offline"));
  else if (!SAYS_WHY.includes(status) || conversation() !== sent.id) tell(sent.id, words("file-refused"));
  show();
}

function inside(bubble, along) {
  const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
  bar.setAttribute("aria-label", words("file-sending"));
  bubble.prepend(preview(along), part("small", "", along.file.name), bar);
}

function send(url, body, sent, along) {
  return new Promise((done) => {
    const call = new XMLHttpRequest();
    const end = (status) => {
      if (!status || status >= 400) back(sent, along, status);
      else {
        sent.bubble.remove();
        outbox.said(sent.id, sent.draft);
        setTimeout(() => URL.revokeObjectURL(along.url), 1000);
      }
      if (call.responseText && status) apply(call.responseText).then(show, show);
      else show();
      done();
    };
    call.upload.addEventListener("progress", ({ loaded, total }) => {
      const bar = find("progress", sent.bubble);
      if (bar && total) bar.value = loaded / total;
    });
    call.addEventListener("load", () => end(call.status));
    for (const name of ["error", "timeout", "abort"]) call.addEventListener(name, () => end(0));
    call.open("POST", url);
    call.timeout = 120000;
    for (const [field, value] of Object.entries(around(sent.id))) body.set(field, value);
    call.setRequestHeader("HX-Request", "true");
    for (const [name, value] of Object.entries(csrf())) call.setRequestHeader(name, value);
    call.send(body);
  });
}

// Recording -------------------------------------------------------------------------------------

async function record() {
  if (recording) return stop(true);
  if (asking) return;
  const types = "webm" in form().dataset ? [RECORDED[0], WEBM, RECORDED[1]] : RECORDED;
  const type = window.MediaRecorder && types.find((one) => MediaRecorder.isTypeSupported(one));
  if (!navigator.mediaDevices?.getUserMedia) return complain(words("voice-insecure"));
  if (!type) return complain(words("voice-unable"));
  let stream;
  asking = true;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    return complain(words("voice-refused"));
  } finally {
    asking = false;
  }
  const pieces = [], recorder = new MediaRecorder(stream, { mimeType: type });
  recorder.addEventListener("dataavailable", ({ data }) => pieces.push(data));
  recorder.addEventListener("stop", () => finish(stream, pieces, type));
  recording = { id: conversation(), recorder, began: Date.now(), keep: false };
  recorder.start();
  meter();
}

function meter() {
  const box = find("#attached");
  if (!recording) return;
  if (!box || conversation() !== recording.id) return stop(false);
  const seconds = Math.floor((Date.now() - recording.began) / 1000);
  if (!box.matches(".live")) {
    const cancel = part("button", "btn sm q", words("voice-cancel")), keep = part("button", "btn sm p", words("voice-keep"));
    cancel.type = keep.type = "button";
    cancel.dataset.cancel = keep.dataset.keep = "";
    box.classList.add("live");
    box.hidden = false;
    box.replaceChildren(part("i", "rec"), part("b", "", words("voice-recording")), part("time", ""), cancel, keep);
  }
  find("time", box).textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  setTimeout(meter, 250);
}

function stop(keep) {
  recording.keep = keep;
  recording.recorder.stop();
}

function finish(stream, pieces, type) {
  const { keep, id } = recording;
  recording = null;
  for (const track of stream.getTracks()) track.stop();
  const box = find("#attached");
  box?.classList.remove("live");
  box?.replaceChildren();
  const bare = type.split(";")[0];
  if (keep && conversation() === id) choose(new File(pieces, `audio.${bare.split("/")[1]}`, { type: bare }));
  else show();
}

// Where it comes from ---------------------------------------------------------------------------

addEventListener("submit", submit, true);  // before the composer, which sends words only
document.addEventListener("click", ({ target }) => {
  if (target.closest?.("[data-attach]")) find("#file").click();
  if (target.closest?.("[data-record]")) record();
  if (target.closest?.("[data-detach]")) { drop(conversation()); show(); find("#message").focus(); }
  if (target.closest?.("[data-cancel]") && recording) stop(false);
  if (target.closest?.("[data-keep]") && recording) stop(true);
});
document.addEventListener("change", ({ target }) => { if (target.id === "file" && target.files[0]) choose(target.files[0]); });
document.addEventListener("paste", (event) => {
  const file = event.target.id === "message" && event.clipboardData.files[0];
  if (!file) return;
  event.preventDefault();
  choose(file);
});
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    const here = event.target.closest?.("#chat");
    if (!here || !form() || !event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    here.classList.toggle("dropping", name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) choose(event.dataTransfer.files[0]);
  });
}
document.addEventListener("htmx:after:swap", show);
document.documentElement.classList.add("attaches");
show();
