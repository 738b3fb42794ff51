// @ts-check
/** What each key does. */

/** @typedef {"left" | "right" | "narrower" | "wider" | "home" | "end" | "next" | "previous" | "search" | "copy" | "play" | "help" | "name" | "same" | "turn" | "role" | "undo"} Act */

/** @type {Record<string, Act>} */
const ACTS = {
  ArrowLeft: "left",
  ArrowRight: "right",
  "+": "narrower",
  "=": "narrower",
  "-": "wider",
  Home: "home",
  End: "end",
  n: "next",
  p: "previous",
  "/": "search",
  c: "copy",
  " ": "play",
  "?": "help",
  r: "name",
  m: "same",
  t: "turn",
  o: "role",
};

/** @param {Record<Act, () => void>} acts */
export function keys(acts) {
  addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const takesBack = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key === "z";
    if ((event.ctrlKey || event.metaKey || event.altKey) && !takesBack) return;
    if (target.closest("input, textarea, select, dialog[open]")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const act = takesBack ? "undo" : ACTS[event.key];
    const scrolls = target.closest(".scroll") && (event.key === "Home" || event.key === "End");
    const presses = target.closest("button, summary, a, audio") && act === "play";
    if (!act || scrolls || presses) return;
    event.preventDefault();
    acts[act]();
  });
}
