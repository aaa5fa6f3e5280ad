// Drafts on the server: what was typed here is there too, before a logout or another computer needs it. Whoever has not
// seen the newest text changes nothing: it is offered, and what is being typed stays.
import { box, grow, insert, keep, read, see, seen, store } from "./composer.js";
import * as outbox from "./outbox.js";
import { conversation, csrf, find, place, user, words } from "./page.js";

const REST = 5000, LARGEST = 60000;
const timers = new Map(), flying = new Map(), offered = new Map();

const field = (kind) => (kind === "reply" ? box() : find("#noter")?.dataset.writing === kind ? find("#note-text") : null);
const name = (id, kind) => `${id} ${kind}`;

// Saving --------------------------------------------------------------------------------------------------------

function later(id, kind) {
  clearTimeout(timers.get(name(id, kind)));
  timers.set(name(id, kind), setTimeout(() => save(id, kind), REST));
}

/** Not while it is being sent, or is offered a newer one: what it is then is not known yet. */
const may = (id, kind) => read(id, kind).dirty && !offered.has(name(id, kind)) && !(kind === "reply" && outbox.waits(id));

function save(id, kind, leaving = false) {
  const at = name(id, kind);
  clearTimeout(timers.get(at));
  if (!may(id, kind)) return flying.get(at) ?? Promise.resolve();
  if (flying.has(at)) return leaving ? put(id, kind, true) : flying.get(at).then(() => save(id, kind));
  const done = put(id, kind, leaving).finally(() => flying.delete(at));
  flying.set(at, done);
  return done;
}

async function put(id, kind, leaving) {
  const { text } = read(id, kind), body = new FormData();
  for (const [field, value] of Object.entries({ kind, text, seen: seen(id, kind) })) body.set(field, value);
  const keepalive = leaving && new Blob([text]).size < LARGEST;
  let answer;
  try {
    answer = await fetch(place(id, "draft"), { method: "POST", keepalive, headers: { "HX-Request": "true", ...csrf() }, body });
    if (answer.ok) return taken(id, kind, text, (await answer.json()).version);
    if (answer.status === 409) return behind(id, kind, await answer.json());
  } catch {
    // Offline: it is kept here, and goes with the next word or when the network is back.
  }
}

function taken(id, kind, text, version) {
  see(id, kind, version);
  const now = read(id, kind), dirty = now.text !== text;
  store(id, kind, { text: now.text, seen: version, dirty });
  if (dirty) later(id, kind);
}

function behind(id, kind, newer) {
  if (newer.text && newer.text !== read(id, kind).text) return offer(id, kind, newer);
  taken(id, kind, newer.text, newer.version);
  if (read(id, kind).dirty) return put(id, kind, false);
}

// Somebody, or I elsewhere, wrote a newer one ---------------------------------------------------------------------

export function offer(id, kind, newer) {
  offered.set(name(id, kind), newer);
  show();
}

function show() {
  const id = conversation();
  for (const kind of ["reply", "note", "whisper"]) {
    const here = field(kind), newer = offered.get(name(id, kind));
    const line = here && find(".newer", here.form);
    if (line && (!newer || line.dataset.kind !== kind)) line.remove();
    if (!here || !newer || find(".newer", here.form)) continue;
    const card = find("template#newer").content.firstElementChild.cloneNode(true);
    card.dataset.kind = kind;
    find("q", card).textContent = newer.text;
    find(`label[for=${here.id}]`).before(card);
  }
}

function decide(button) {
  const { kind } = button.closest(".newer").dataset, id = conversation(), here = field(kind);
  const newer = offered.get(name(id, kind));
  offered.delete(name(id, kind));
  see(id, kind, newer.version);
  if (button.dataset.newer === "use") {
    here.select();
    insert(newer.text, here);
    store(id, kind, { text: newer.text, seen: newer.version, dirty: false });
  } else keep(id, here.value, kind);
  if (kind === "reply") grow();
  show();
  here.focus();
}

/** Another tab of this browser: it is followed as long as nobody types here. */
function follow({ key, newValue }) {
  const id = conversation(), kind = ["reply", "note", "whisper"].find((one) => key === `draft:${user}:${id}${one === "reply" ? "" : `:${one}`}`);
  const here = kind && field(kind);
  if (!here || (document.hasFocus() && document.activeElement === here)) return;
  const theirs = newValue ? JSON.parse(newValue) : { text: "", seen: seen(id, kind) };
  here.value = theirs.text;
  see(id, kind, theirs.seen);
  if (kind === "reply") grow();
}

// When ------------------------------------------------------------------------------------------------------------

/** No store, no draft. */
function kept() {
  try {
    return Object.keys(localStorage);
  } catch {
    return [];
  }
}
const known = () => kept().filter((key) => key.startsWith(`draft:${user}:`)).map((key) => key.split(":"));

const saveAll = (leaving) => Promise.all(known().map(([, , id, kind = "reply"]) => save(id, kind, leaving)));

/** Whether something that was written is in this browser alone. */
const lacking = () => outbox.chats().length > 0 || known().some(([, , id, kind = "reply"]) => read(id, kind).dirty);

/** Nothing is left behind on a shared machine; what the server does not have goes only if that is wanted. */
async function leave(form) {
  const soon = new Promise((done) => setTimeout(done, REST));
  await Promise.race([outbox.takeBack().then(() => saveAll(false)), soon]);
  if (lacking() && !confirm(words("leave"))) return outbox.goOn();
  for (const key of kept()) if (key.match(/^(?:draft|outbox):([^:]+):/)?.[1] === user) localStorage.removeItem(key);
  form.submit();
}

document.addEventListener("console:typed", ({ detail: { id, kind } }) => later(id, kind));
document.addEventListener("console:accepted", ({ detail: { id, kind } }) => save(id, kind));
document.addEventListener("focusout", ({ target }) => {
  if (target.id === "message") save(conversation(), "reply");
  if (target.id === "note-text") save(conversation(), find("#noter").dataset.writing);
});
document.addEventListener("htmx:after:swap", show);
document.addEventListener("click", ({ target }) => { if (target.closest("[data-newer]")) decide(target.closest("[data-newer]")); });
document.addEventListener("submit", (event) => {
  if (!event.submitter?.matches("[data-logout]")) return;
  event.preventDefault();
  leave(event.target);
});
document.head.append(find("template#late").content);  // what writing looks like beyond the box
addEventListener("storage", (event) => { if (event.key) follow(event); });
addEventListener("online", () => saveAll(false));
addEventListener("pagehide", () => saveAll(true));
document.addEventListener("visibilitychange", () => { if (document.hidden) saveAll(true); });
saveAll(false);
