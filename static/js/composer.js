// What is typed: it is kept until the server has accepted it, and comes back when it was refused. Who carries it
// (outbox.js), who keeps it on the server (drafts.js) and who writes notes (notes.js) is loaded when it is needed.
import { all, conversation, find, shown, toast, toBottom, touch, user, words } from "./page.js";

export const box = () => find("#message");
const form = () => find("#composer");
const place = (id, kind) => `draft:${user}:${id}${kind === "reply" ? "" : `:${kind}`}`;
const nothing = { text: "", seen: 0, dirty: false };

// What this browser keeps: a text, the version of the server's draft it began with, and whether the server lacks it ---

export function read(id, kind = "reply") {
  try {
    return { ...nothing, ...JSON.parse(localStorage.getItem(place(id, kind))) };
  } catch {
    return nothing;
  }
}

export function store(id, kind, draft) {
  try {
    if (!draft.text && !draft.dirty) localStorage.removeItem(place(id, kind));
    else localStorage.setItem(place(id, kind), JSON.stringify(draft));
  } catch {
    // A full or forbidden store costs the draft, not the console.
  }
}

/** The version of a draft that is on this page. */
const versions = new Map();
export const seen = (id, kind) => versions.get(place(id, kind)) ?? read(id, kind).seen;
export const see = (id, kind, version) => versions.set(place(id, kind), version);

/** Somebody typed: kept here at once, and there by whoever hears of it. */
export function keep(id, text, kind = "reply") {
  store(id, kind, { text, seen: seen(id, kind), dirty: true });
  document.dispatchEvent(new CustomEvent("console:typed", { detail: { id, kind } }));
}

/** What the server had when this foot of the page was drawn. */
export function served(kind) {
  const { content, dataset } = find(`#dock template[data-draft="${kind}"]`) ?? {};
  return { text: content?.textContent ?? "", version: Number(dataset?.version ?? 0) };
}

/** What goes into the box: what was typed here, unless the server knows it, and has something newer. */
export function begun(id, kind) {
  const mine = read(id, kind), there = served(kind);
  const older = mine.seen < there.version && mine.text !== there.text;
  if ((!mine.text && !mine.dirty) || (older && !mine.dirty)) {
    see(id, kind, Math.max(there.version, seen(id, kind)));
    store(id, kind, nothing);
    return there.text;
  }
  if (older && there.text) {
    see(id, kind, mine.seen);
    offer(id, kind, there);
  } else {
    see(id, kind, Math.max(mine.seen, there.version));
    store(id, kind, { ...mine, seen: seen(id, kind), dirty: mine.text !== there.text });
  }
  return mine.text;
}

const offer = (id, kind, newer) => import("./drafts.js").then((drafts) => drafts.offer(id, kind, newer));

// The box -----------------------------------------------------------------------------------------------------

function key() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

export function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  box().rows = Math.min(6, box().value.split("\n").length);
}

export function opened() {
  const id = conversation(), field = box(), dock = find("#dock");
  if (!id || "filled" in dock.dataset) return;
  dock.dataset.filled = "";
  const text = begun(id, "reply");
  if (!field) return showKept(text);
  // A link that brought words here: they stand after what was typed and never left this browser.
  const brought = location.search.includes("canned=") ? field.defaultValue : "";
  field.value = brought && !brought.startsWith(text) ? `${text}\n${brought}` : brought || text;
  grow();
  if (!brought) return;
  keep(id, field.value);
  history.replaceState(history.state, "", location.pathname);
}

/** The composer has given way to a card: what was typed stays readable. */
export function showKept(text) {
  const kept = find("#kept");
  if (!kept || !text) return;
  find("textarea", kept).value = text;
  kept.hidden = false;
}

/** Put in at the caret, as if it had been typed: it can be undone. */
export function insert(text, field = box()) {
  field.focus();
  if (document.execCommand("insertText", false, text)) return;
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

export const focus = () => {
  const note = find("#note-text:not([hidden] *)");
  if (box() && !touch()) (note ?? box()).focus();
};

// Between a claim and its answer ----------------------------------------------------------------------------------

let claimed = null;
const early = () => find("#early");

/** Whoever takes a chat goes on typing. It is caught here, so that no letter is lost, or taken for a key. */
export function expect() {
  if (!early() || touch()) return;
  claimed ??= { id: conversation(), answers: Boolean(box()), from: document.activeElement };
  early().hidden = false;
  early().focus();
}

/** It begins the reply to whom was taken; to nobody else. */
export function deliver() {
  if (!claimed) return;
  const { id, answers, from } = claimed, text = early().value, taken = conversation() !== id || !answers;
  claimed = null;
  if (document.activeElement === early()) from.focus();
  early().hidden = true;
  early().value = "";
  if (!text || !taken) return;
  if (box()) return insert(text);
  keep(conversation(), text);  // whatever is drawn next shows it again
  showKept(text);
}

export function rows() {
  for (const row of all("#mine .row")) {
    const { text } = read(row.closest("li").id.slice(4)), preview = find("[data-begun]", row) ?? find("[data-preview]", row);
    if (!text || row.ariaCurrent || !preview) continue;  // none once it waits again and is about to leave
    preview.replaceChildren(find("template#draft").content.cloneNode(true), ` ${text}`);
  }
}

// Notes ---------------------------------------------------------------------------------------------------------

const noter = () => find("#noter");
/** One promise: what is asked of the module happens in the order in which it was asked. */
let asked;
const notes = (use) => (asked ??= import("./notes.js").catch((error) => { asked = null; throw error; })).then(use);

/** The form is there at once, so that nothing that is typed goes elsewhere; what was begun earlier comes before it. */
export function write(kind) {
  if (kind && noter()?.hidden) {
    noter().hidden = false;
    noter().dataset.early = "";
    find("#note-text").value = "";
    find("#note-text").focus();
  }
  return notes(({ write }) => write(kind));
}

export const toggle = () => write(noter()?.hidden === false ? "" : "note");
export const reply = async () => (box() && form().hidden ? write("") : box()?.focus());

// Sending -------------------------------------------------------------------------------------------------------

/** What the form says is on its way: the box is free for the next. */
export function depart(body) {
  const id = conversation(), text = body.get("body") ?? "";
  const sent = {
    id, text, key: body.get("client_key"), epoch: body.get("epoch"), draft: seen(id, "reply"),
    buttons: buttons().map((field) => field.value),
  };
  delete find("#bubbles").dataset.new;
  for (const field of buttons()) field.value = "";
  if (find("#choices")) find("#choices").open = false;
  box().value = "";
  form().client_key.value = key();
  find("#notice").replaceChildren();
  store(id, "reply", { text: "", seen: sent.draft, dirty: sent.draft > 0 });  // until it is accepted the server has it
  grow();
  toBottom();
  return sent;
}

/** What the answer is relative to, where it is about the open chat. */
export const around = (id) => {
  const { new: _divider, ...told } = shown();
  return id === conversation() ? told : {};
};

/** What the customer may answer with by pressing. */
const buttons = () => all("#choices input");

export function pending(text) {
  const bubble = find("template#sending").content.firstElementChild.cloneNode(true);
  find(".tx", bubble).textContent = text;
  find("#pending").append(bubble);
  return bubble;
}

/** What was not accepted comes back into the box, before what was typed since. ``same``: nobody knows whether it was
 *  accepted, and its key makes sending it again harmless. */
export function restore(sent, same = false) {
  const { id } = sent[0], here = conversation() === id && box();
  const typed = here ? box().value : read(id).text;
  const text = [...sent.map((one) => one.text), typed].filter(Boolean).join("\n");
  if (here) {
    box().value = text;
    buttons().forEach((field, number) => { field.value ||= sent[0].buttons[number] ?? ""; });
    if (same && !typed && sent.length === 1) form().client_key.value = sent[0].key;
    grow();
  } else if (conversation() === id) showKept(text);
  keep(id, text);
}

export function complain(text = words("unsent")) {
  const line = document.createElement("p");
  line.className = "notice";
  line.textContent = text;
  find("#notice")?.replaceChildren(line);
}

/** Over the box of the chat that it is about; where another is open, to whom it was not sent passes by. */
export function tell(id, text) {
  if (id === conversation()) return complain(text);
  toast(words("unsent-to").replace("{name}", find(`#row-${CSS.escape(id)} .nm`)?.textContent ?? "…"));
}

function submit(event) {
  if (event.target.id !== "composer") return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const body = new FormData(event.target);
  if (!body.get("body").trim()) return;
  const sent = depart(body);
  import("./outbox.js").then(({ send }) => send(sent)).catch(() => {
    restore([sent]);
    complain();
  });
}

async function use(id) {
  await reply();
  box().setSelectionRange(box().value.length, box().value.length);
  insert(`${box().value ? "\n" : ""}${find(`#${id}`).textContent}`);
}

export function start() {
  document.addEventListener("submit", submit, true);
  document.addEventListener("input", ({ target }) => {
    if (target.id !== "message") return;
    grow();
    keep(conversation(), target.value);
    if (/(^|\n)\/[^\n]*$/.test(target.value.slice(0, target.selectionStart))) import("./canned.js").then((canned) => canned.look());
  });
  document.addEventListener("keydown", (event) => {
    if (!["message", "note-text"].includes(event.target.id) || event.key !== "Enter" || event.defaultPrevented) return;
    if (event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    const { form } = event.target;
    if (form.id === "noter") notes(() => form.requestSubmit());
    else form.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    const { target } = event, button = target.closest("[data-use]"), tab = target.closest("[data-write]");
    if (button) use(button.dataset.use);
    if (tab || target.closest("[data-canned]")) event.preventDefault();
    if (tab) write(tab.dataset.write);
    if (target.closest("[data-canned]")) import("./canned.js").then((canned) => canned.open());
    if (target.closest("[data-emoji]")) import("./emoji.js").then((emoji) => emoji.toggle());
  });
}
