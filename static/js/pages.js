// Pages outside the console. Loaded blocking in the head, so that a chosen theme is there before the first paint.
"use strict";
{
  let theme = null;
  try {
    theme = localStorage.getItem("theme");
  } catch {
    // Storage may be barred in a private frame; the system's preference decides then.
  }
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;

  const reveal = (button) => {
    const field = document.getElementById(button.getAttribute("aria-controls"));
    button.hidden = false;
    button.addEventListener("click", () => {
      const shown = field.type === "text";
      field.type = shown ? "password" : "text";
      button.setAttribute("aria-pressed", String(!shown));
      field.focus();
    });
  };

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-reveals]").forEach(reveal);
    document.querySelector("[data-focus]")?.focus();
  });
}
