// The customer's phone. The page works with plain forms; this makes it live: it looks for news once a second
// while it can be seen (looking is reading, so a hidden tab must not), and asks the API who speaks.

const phone = document.querySelector(".tail");
const write = document.getElementById("write");
const say = document.getElementById("say");
const frame = document.querySelector("iframe.frame");

setInterval(() => {
  if (!document.hidden) htmx.trigger(document.body, "look");
}, 1000);

// Whoever signs in inside the frame gets a new form token; the news bring it, the forms of this page use it.
addEventListener("submit", (event) => {
  const token = event.target.querySelector("[name=csrfmiddlewaretoken]");
  if (token) token.value = document.getElementById("seen").dataset.csrf || token.value;
}, true);

// -- writing ---------------------------------------------------------------------------------------------
let unsent = "";
write.addEventListener("htmx:config:request", () => {
  unsent = say.value;
  say.value = "";
  phone.scrollTop = 0;
});
for (const failure of ["htmx:error", "htmx:response:error"]) {
  write.addEventListener(failure, () => {
    if (!say.value) say.value = unsent;
  });
}

// -- who speaks now: the public API, with the session of whoever is signed in --------------------------------
const turn = document.getElementById("turn");
const words = turn.dataset;
const plain = (address) => (address ?? "").replace(/^whatsapp:/, "");
const holder = (conversation) => conversation.agent_name ?? conversation.agent?.name ?? "";

const subline = (conversation) => {
  if (!conversation) return "";
  if (conversation.window_expires_at && Date.parse(conversation.window_expires_at) < Date.now()) return words.closed;
  if (conversation.mode === "queued") return words.queued;
  if (conversation.mode === "bot") return words.withBot;
  const name = holder(conversation).split(" ")[0];
  return name ? words.with.replace("{name}", name) : words.withSomebody;
};

const show = (conversations) => {
  const by = new Map(conversations.map((conversation) => [plain(conversation.contact?.address), conversation]));
  for (const link of document.querySelectorAll(".whos a[data-address]")) {
    const line = link.querySelector("i");
    line.dataset.own ??= line.textContent;
    const text = subline(by.get(plain(link.dataset.address))) || line.dataset.own;
    if (line.textContent !== text) line.textContent = text;
  }
  const current = by.get(plain(words.address));
  for (const step of turn.querySelectorAll("[data-mode]")) {
    if (step.dataset.mode === current?.mode) step.setAttribute("aria-current", "step");
    else step.removeAttribute("aria-current");
  }
  const person = current?.mode === "human" ? holder(current).split(" ")[0] : "";
  turn.querySelector("[data-mode=human] span:last-child").textContent = person || words.somebody;
};

const ask = async () => {
  const user = document.getElementById("seen")?.dataset.user;
  if (!user || document.hidden) return user ? undefined : show([]);
  try {
    const answer = await fetch("/api/v1/conversations?limit=100", { headers: { Accept: "application/json" } });
    show(answer.ok ? (await answer.json()).items : []);
  } catch {
    show([]);
  }
};
setInterval(ask, 2000);
ask();

// -- light or dark, together with the console beside it --------------------------------------------------------
const button = document.getElementById("theme");
const root = document.documentElement;
const isDark = () =>
  root.dataset.theme === "dark" || (root.dataset.theme !== "light" && matchMedia("(prefers-color-scheme: dark)").matches);
const press = () => button.setAttribute("aria-pressed", String(isDark()));
button.hidden = false;
press();
button.addEventListener("click", () => {
  const theme = isDark() ? "light" : "dark";
  root.dataset.theme = theme;
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // Storage may be barred; the choice then lasts as long as the page.
  }
  if (frame?.contentDocument) frame.contentDocument.documentElement.dataset.theme = theme;
  press();
});
