// What is typed: it is kept until the server has accepted it, and comes back when it was refused.
import { conversation, find, all, shown, toBottom, touch, user, words } from "./page.js";

const name = (id) => `draft:${user}:${id}`;
const box = () => find("#message");
const waiting = new Map();

function read(id) {
  try {
    return JSON.parse(localStorage.getItem(name(id))) ?? {};
  } catch {
    return {};
  }
}

function keep(id, text) {
  const unsent = waiting.get(id) ?? [];
  try {
    if (!text && !unsent.length) localStorage.removeItem(name(id));
    else localStorage.setItem(name(id), JSON.stringify({ text, unsent }));
  } catch {
    // A full or forbidden store costs the draft, not the console.
  }
}

/** The whole of a draft: what was on its way when an earlier page went, and what was typed after it. */
function draft(id) {
  const flying = new Set((waiting.get(id) ?? []).map((sent) => sent.key));
  const { text = "", unsent: stored = [] } = read(id), unsent = stored.filter((sent) => !flying.has(sent.key));
  const texts = [...unsent.map((sent) => sent.text), text].filter(Boolean);
  return { text: texts.join("\n"), key: unsent.length === 1 && !text ? unsent[0].key : "" };
}

function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  box().rows = Math.min(6, box().value.split("\n").length);
}

export function opened() {
  const id = conversation(), field = box();
  if (!id) return;
  if (noting() && mode.id !== id) mode = { id, kind: noter().dataset.writing };
  reopen(id);
  const { text, key: old } = draft(id);
  if (!field) return showKept(text);
  if ("filled" in field.dataset) return;
  field.dataset.filled = "";
  if (text && !field.value) {
    field.value = text;
    if (old) find("#composer").client_key.value = old;
  }
  grow();
}

/** The composer has given way to a card: what was typed stays readable. */
function showKept(text) {
  const kept = find("#kept");
  if (!kept || !text) return;
  find("textarea", kept).value = text;
  kept.hidden = false;
}

export const focus = () => { if (box() && !touch()) (noting() ? noteBox() : box()).focus(); };

// Notes: a form of their own beside the reply, and a draft of its own for each kind --------------

const noter = () => find("#noter"), noteBox = () => find("#note-text");
const noting = () => noter() && !noter().hidden;
const noteDraft = (id, kind) => `draft:${user}:${id}:${kind}`;
let mode = { id: "", kind: "" }, left = null;

/** What is written from here on: a reply (""), a note, or a whisper where somebody may. */
export function write(kind) {
  const form = noter();
  if (!form) return;
  mode = { id: conversation(), kind };
  show(kind);
  if (kind) noteBox().focus();
  else (box() ?? find(".lock [data-write], #claim"))?.focus();
}

export const toggle = () => write(noting() ? "" : "note");
export const reply = () => { if (box()) write(""); };

function show(kind) {
  const form = noter(), whisper = form.elements.whisper_to;
  if (kind && (form.hidden || form.dataset.writing !== kind || !("filled" in form.dataset))) fill(form, kind);
  form.hidden = !kind;
  if (find("#composer")) find("#composer").hidden = Boolean(kind);
  if (whisper) whisper.disabled = kind !== "whisper";
  for (const tab of all("#dock .kinds [data-write]")) tab.ariaPressed = String(tab.dataset.write === kind);
}

function fill(form, kind) {
  form.dataset.writing = kind;
  if (!("filled" in form.dataset) && noteBox().value) return void (form.dataset.filled = "");  // the server brought it back
  form.dataset.filled = "";
  noteBox().value = stored(noteDraft(conversation(), kind));
}

function stored(place) {
  try {
    return localStorage.getItem(place) ?? "";
  } catch {
    return "";
  }
}

function keepNote(id, kind, text) {
  try {
    if (text) localStorage.setItem(noteDraft(id, kind), text);
    else localStorage.removeItem(noteDraft(id, kind));
  } catch {
    // as above
  }
}

/** Before a swap: where somebody was writing a note, so that a new card at the foot does not stop them. */
export function remember() {
  const field = document.activeElement;
  left = field?.id === "note-text" ? { id: conversation(), from: field.selectionStart, to: field.selectionEnd } : null;
}

function reopen(id) {
  if (!noter() || mode.id !== id || !mode.kind) return;
  if (mode.kind === "whisper" && !noter().elements.whisper_to) {
    // Nobody is left to whisper to: it must not become a note for everybody.
    mode = { id, kind: "" };
    return showKept(stored(noteDraft(id, "whisper")));
  }
  if (noter().hidden) show(mode.kind);
  if (left?.id !== id || document.activeElement === noteBox() || document.activeElement !== document.body) return;
  noteBox().focus();
  noteBox().setSelectionRange(left.from, left.to);
}

function beginNote(event) {
  const { ctx } = event.detail, text = ctx.request.body.get("body") ?? "";
  if (!text.trim()) return event.preventDefault();
  ctx.note = { id: conversation(), kind: noter().dataset.writing, text };
}

function endNote({ note, response }) {
  if (!note || note.ended || !response || response.status >= 400) return;
  note.ended = true;
  const here = conversation() === note.id && noter()?.dataset.writing === note.kind;
  const typed = here ? noteBox().value : stored(noteDraft(note.id, note.kind));
  // What was typed while it was being saved stays.
  const rest = typed.startsWith(note.text) ? typed.slice(note.text.length).trimStart() : typed;
  if (here) noteBox().value = rest;
  keepNote(note.id, note.kind, rest);
  find("#note-notice")?.replaceChildren();
}

export function rows() {
  for (const row of all("#mine .row")) {
    const { text } = draft(row.closest("li").id.slice(4)), preview = find("[data-preview]", row);
    if (!text || row.ariaCurrent || !preview) continue;  // none once it waits again and is about to leave
    preview.replaceChildren(find("template#draft").content.cloneNode(true), ` ${text}`);
  }
}

function begin(event) {
  const { ctx } = event.detail, body = ctx.request.body;
  if (!(body.get("body") ?? "").trim()) return event.preventDefault();
  ctx.sent = depart(body);
}

/** What the form says is on its way: the box is free for the next. */
export function depart(body) {
  const text = body.get("body") ?? "";
  for (const [field, value] of Object.entries(shown())) body.set(field, value);
  body.delete("new");
  delete find("#bubbles").dataset.new;
  const id = conversation();
  const sent = { id, text, key: body.get("client_key"), bubble: pending(text), buttons: buttons().map((field) => field.value) };
  for (const field of buttons()) field.value = "";
  if (find("#choices")) find("#choices").open = false;
  waiting.set(id, [...(waiting.get(id) ?? []), sent]);
  box().value = "";
  find("#composer").client_key.value = key();
  find("#notice").replaceChildren();
  grow();
  keep(id, "");
  toBottom();
  return sent;
}

/** What the customer may answer with by pressing. */
const buttons = () => all("#choices input");

function pending(text) {
  const bubble = find("template#sending").content.firstElementChild.cloneNode(true);
  find(".tx", bubble).textContent = text;
  find("#pending").append(bubble);
  return bubble;
}

/** It was answered, or nobody answers: what was not accepted comes back into the box. */
export function arrive(sent, status) {
  if (!sent || sent.ended) return;
  sent.ended = true;
  sent.bubble.remove();
  waiting.set(sent.id, waiting.get(sent.id).filter((other) => other !== sent));
  const here = conversation() === sent.id && box();
  const typed = here ? box().value : read(sent.id).text ?? "";
  if (status && status < 400) return keep(sent.id, typed);
  const text = typed ? `${sent.text}\n${typed}` : sent.text;
  if (here) {
    box().value = text;
    buttons().forEach((field, place) => { field.value ||= sent.buttons[place] ?? ""; });
    // Nobody knows whether it was accepted: the same key makes sending it again harmless.
    if (!typed && (!status || status >= 500)) find("#composer").client_key.value = sent.key;
    if (!status || status >= 500) complain();
    grow();
  }
  keep(sent.id, text);
}

export function complain(text = words("unsent")) {
  const line = document.createElement("p");
  line.className = "notice";
  line.textContent = text;
  find("#notice").replaceChildren(line);
}

function use(id) {
  const field = box();
  reply();
  field.value = field.value ? `${field.value}\n${find(`#${id}`).textContent}` : find(`#${id}`).textContent;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

export function start() {
  const mine = (event) => event.detail.ctx.sourceElement.id === "composer";
  document.addEventListener("htmx:config:request", (event) => {
    if (mine(event)) begin(event);
    else if (event.detail.ctx.sourceElement.id === "noter") beginNote(event);
  });
  document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => {
    arrive(ctx.sent, ctx.response.status);
    endNote(ctx);
  });
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => arrive(ctx.sent, ctx.response?.status));
  document.addEventListener("input", ({ target }) => {
    if (target.id === "note-text") keepNote(conversation(), noter().dataset.writing, target.value);
    if (target.id !== "message") return;
    grow();
    keep(conversation(), target.value);
  });
  document.addEventListener("keydown", (event) => {
    if (!["message", "note-text"].includes(event.target.id) || event.key !== "Enter") return;
    if (event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    event.target.form.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    const { target } = event, button = target.closest("[data-use]"), tab = target.closest("[data-write]");
    if (button) use(button.dataset.use);
    if (tab) {
      event.preventDefault();
      write(tab.dataset.write);
    }
    if (target.closest("[data-logout]")) {
      for (const stored of Object.keys(localStorage)) if (stored.startsWith("draft:")) localStorage.removeItem(stored);
    }
  });
}
