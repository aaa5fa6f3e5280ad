// What is filled in and chosen in the dialog. Comes after the page.
import { all, find, folded } from "./page.js";

const dialog = find("#dialog");

/** The lines of the dialog whose words are all in the name; marks and capitals make no difference. */
function filter({ value, dataset }) {
  const words = folded(value).split(/\s+/), list = find(`#${dataset.filter}`);
  for (const line of all("label", list)) {
    const name = folded(find(".nm", line).textContent);
    line.hidden = !words.every((word) => name.includes(word));
  }
  find(".none", list).hidden = all("label:not([hidden])", list).length > 0;
}
document.addEventListener("input", ({ target }) => { if (target.matches("[data-filter]")) filter(target); });
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (!target.matches("[data-filter]") || key !== "Enter" || event.ctrlKey || event.metaKey) return;
  event.preventDefault();  // it looks for somebody, and sends nothing yet
  find("label:not([hidden]) input:enabled", find(`#${target.dataset.filter}`))?.click();
});

/** A template's preview follows its fields; what was wrong with one counts no longer once it is written in. */
function follows(field) {
  const { value, dataset } = field;
  for (const mark of all(`[data-fills="${dataset.gap}"]`)) {
    mark.textContent = value.trim() || mark.dataset.label;
    mark.classList.toggle("no", !value.trim());
  }
  field.removeAttribute("aria-invalid");
  field.nextElementSibling?.remove();
}
/** Whoever is written to first is called by the name that has just been typed. */
function called() {
  const name = find("#new-name")?.value.trim().split(/\s+/)[0];
  for (const field of name ? all("[data-gap][data-person]") : []) {
    if (field.value && field.value !== field.dataset.called) continue;
    field.value = field.dataset.called = name;
    follows(field);
  }
}
document.addEventListener("input", ({ target }) => {
  if (target.matches("[data-gap]")) follows(target);
  if (target.id === "new-name") called();
});
document.addEventListener("htmx:after:swap", called);

/** A template goes as it is shown: not while the one that has just been chosen is still on its way. */
document.addEventListener("htmx:config:request", (event) => {
  const { sourceElement: from, request } = event.detail.ctx, chosen = find("#tlist :checked")?.value;
  if (from.id === "tpl" && chosen && request.body.get("template") !== chosen) event.preventDefault();
});

// Beside it a click closes it, not one that began within: a selection may end there.
let began;
dialog.addEventListener("pointerdown", ({ target }) => { began = target; });
dialog.addEventListener("click", ({ target }) => { if (target === dialog && began === dialog) dialog.close(); });
