// A bubble that somebody wants to see: brought into sight, and lit up for a moment.
const FLASH = 1600;

export function light(bubble) {
  if (!bubble) return false;
  for (let fold = bubble.closest("details"); fold; fold = fold.parentElement.closest("details")) fold.open = true;
  bubble.scrollIntoView({ block: "center" });
  bubble.classList.add("found");
  setTimeout(() => bubble.classList.remove("found"), FLASH);
  return true;
}
