// Notes: a form of their own beside the reply, and a draft of its own for each kind.
import { begun, box, keep, read, see, seen, served, showKept, store } from "./composer.js";
import { all, conversation, find, user } from "./page.js";

const noter = () => find("#noter"), noteBox = () => find("#note-text");
const noting = () => noter() && !noter().hidden;
const REFUSED = [409, 422];
let mode = { id: "", kind: "" }, left = null;

/** What is written from here on: a reply (""), a note, or a whisper where somebody may. */
export function write(kind) {
  if (!noter()) return;
  mode = { id: conversation(), kind };
  show(kind);
  if (kind) noteBox().focus();
  else (box() ?? find(".lock [data-write], #claim"))?.focus();
}

function show(kind) {
  const form = noter(), whisper = form.elements.whisper_to;
  if (kind && (form.hidden || "early" in form.dataset || form.dataset.writing !== kind || !("filled" in form.dataset))) fill(form, kind);
  form.hidden = !kind;
  if (find("#composer")) find("#composer").hidden = Boolean(kind);
  if (whisper) whisper.disabled = kind !== "whisper";
  for (const tab of all("#dock .kinds [data-write]")) tab.ariaPressed = String(tab.dataset.write === kind);
}

function fill(form, kind) {
  const early = "early" in form.dataset ? noteBox().value : "";  // typed before this was here
  delete form.dataset.early;
  form.dataset.writing = kind;
  form.dataset.filled = "";
  noteBox().value = begun(conversation(), kind) + early;
  if (early) keep(conversation(), noteBox().value, kind);
}

/** Where somebody was writing a note, so that a new card at the foot does not stop them. */
function remember() {
  const field = document.activeElement;
  left = field?.id === "note-text" ? { id: conversation(), from: field.selectionStart, to: field.selectionEnd } : null;
}

function reopen() {
  const id = conversation();
  if (gone()) return rescue();
  if (noting() && mode.id !== id) mode = { id, kind: noter().dataset.writing };
  if (!noter() || mode.id !== id || !mode.kind) return;
  if (mode.kind === "whisper" && !noter().elements.whisper_to) {
    // Nobody is left to whisper to: it must not become a note for everybody.
    mode = { id, kind: "" };
    return showKept(read(id, "whisper").text);
  }
  if (noter().hidden) show(mode.kind);
  if (left?.id !== id || document.activeElement === noteBox() || document.activeElement !== document.body) return;
  noteBox().focus();
  noteBox().setSelectionRange(left.from, left.to);
}

const gone = () => find("#dock")?.dataset.dock === "gone";

/** Who may no longer see a chat keeps what they were writing in it: a note as well. */
function rescue() {
  const { id, kind } = mode;
  if (id !== conversation() || !kind) return;
  mode = { id: "", kind: "" };
  showKept([find("#kept-text").value, begun(id, kind)].filter(Boolean).join("\n\n"));
}

// Saved once: one key until the server has said yes or no, also after a reload ------------------------------------

const keys = new Map(), name = ({ id, kind }) => `note:${user}:${id}:${kind}`;
const random = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

function key(note) {
  let kept = keys.get(name(note)) ?? random();
  try {
    kept = sessionStorage.getItem(name(note)) ?? kept;
    sessionStorage.setItem(name(note), kept);
  } catch {
    keys.set(name(note), kept);  // no store: it lasts as long as this page
  }
  return kept;
}

function answered(note) {
  keys.delete(name(note));
  try {
    sessionStorage.removeItem(name(note));
  } catch {
    // There is none.
  }
}

/** Nobody knows whether it was saved: said beside the note, and not that the page has to be loaded anew. */
function unsure(event) {
  const { ctx } = event.detail, { note, response } = ctx ?? {};
  if (!note || note.ended || (event.type === "htmx:before:response" && response.status < 500)) return;
  if (conversation() !== note.id || !noter()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const line = Object.assign(document.createElement("p"), { className: "notice" });
  line.append(find("template#unsaved").content.cloneNode(true));
  find("#note-notice").replaceChildren(line);
}

function begin(event) {
  const { ctx } = event.detail, { body } = ctx.request, text = body.get("body") ?? "";
  if (!text.trim()) return event.preventDefault();
  const id = conversation(), kind = noter().dataset.writing;
  body.set("draft", seen(id, kind));
  ctx.note = { id, kind, text, draft: seen(id, kind) };
  body.set("client_key", key(ctx.note));
}

function end({ note, response }) {
  if (!note || note.ended || !response) return;
  if (response.status < 400 || REFUSED.includes(response.status)) answered(note);
  if (response.status >= 400) return;
  note.ended = true;
  const here = conversation() === note.id && noter()?.dataset.writing === note.kind;
  const typed = here ? noteBox().value : read(note.id, note.kind).text;
  // What was typed while it was being saved stays.
  const rest = typed.startsWith(note.text) ? typed.slice(note.text.length).trimStart() : typed;
  if (here) noteBox().value = rest;
  if (note.draft) see(note.id, note.kind, note.draft + 1);
  if (rest) keep(note.id, rest, note.kind);
  else store(note.id, note.kind, { text: "", seen: seen(note.id, note.kind), dirty: false });
  document.dispatchEvent(new CustomEvent("console:accepted", { detail: { id: note.id, kind: note.kind } }));
  find("#note-notice")?.replaceChildren();
}

document.addEventListener("htmx:before:swap", remember);
document.addEventListener("htmx:after:swap", reopen);
document.addEventListener("htmx:config:request", (event) => {
  if (event.detail.ctx.sourceElement.id === "noter") begin(event);
});
for (const event of ["htmx:before:response", "htmx:error"]) document.addEventListener(event, unsure, true);
document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => end(ctx));
document.addEventListener("input", ({ target }) => {
  if (target.id === "note-text" && !("early" in noter().dataset)) keep(conversation(), target.value, noter().dataset.writing);
});
if (noting() && !("early" in noter().dataset)) {
  // A page that came with the note open: what was typed here before goes into it, unless it brought a text back.
  mode = { id: conversation(), kind: noter().dataset.writing };
  if ([noteBox().value, served(mode.kind).text].every((text) => text === noteBox().defaultValue)) fill(noter(), mode.kind);
}
