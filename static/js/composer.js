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

export const focus = () => { if (box() && !touch()) box().focus(); };

export function rows() {
  for (const row of all("#mine .row")) {
    const { text } = draft(row.closest("li").id.slice(4)), preview = find("[data-preview]", row);
    if (!text || row.ariaCurrent) continue;
    preview.replaceChildren(find("template#draft").content.cloneNode(true), ` ${text}`);
  }
}

function begin(event) {
  const { ctx } = event.detail, body = ctx.request.body, text = body.get("body") ?? "";
  if (!text.trim()) return event.preventDefault();
  for (const [field, value] of Object.entries(shown())) body.set(field, value);
  body.delete("new");
  delete find("#bubbles").dataset.new;
  const id = conversation();
  ctx.sent = { id, text, key: body.get("client_key"), bubble: pending(text) };
  waiting.set(id, [...(waiting.get(id) ?? []), ctx.sent]);
  box().value = "";
  find("#composer").client_key.value = key();
  find("#notice").replaceChildren();
  grow();
  keep(id, "");
  toBottom();
}

function pending(text) {
  const bubble = find("template#sending").content.firstElementChild.cloneNode(true);
  find(".tx", bubble).textContent = text;
  find("#pending").append(bubble);
  return bubble;
}

function end(ctx, status) {
  const { sent } = ctx;
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
    // Nobody knows whether it was accepted: the same key makes sending it again harmless.
    if (!typed && (!status || status >= 500)) find("#composer").client_key.value = sent.key;
    if (!status || status >= 500) complain();
    grow();
  }
  keep(sent.id, text);
}

function complain() {
  const line = document.createElement("p");
  line.className = "notice";
  line.textContent = words("unsent");
  find("#notice").replaceChildren(line);
}

function use(id) {
  const field = box();
  field.value = field.value ? `${field.value}\n${find(`#${id}`).textContent}` : find(`#${id}`).textContent;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
}

export function start() {
  const mine = (event) => event.detail.ctx.sourceElement.id === "composer";
  document.addEventListener("htmx:config:request", (event) => { if (mine(event)) begin(event); });
  document.addEventListener("htmx:after:request", ({ detail: { ctx } }) => end(ctx, ctx.response.status));
  document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => end(ctx, ctx.response?.status));
  document.addEventListener("input", ({ target }) => {
    if (target.id !== "message") return;
    grow();
    keep(conversation(), target.value);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.id !== "message" || event.key !== "Enter") return;
    if (event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    find("#composer").requestSubmit();
  });
  document.addEventListener("click", ({ target }) => {
    const button = target.closest("[data-use]");
    if (button) use(button.dataset.use);
    if (target.closest("[data-logout]")) {
      for (const stored of Object.keys(localStorage)) if (stored.startsWith("draft:")) localStorage.removeItem(stored);
    }
  });
}
