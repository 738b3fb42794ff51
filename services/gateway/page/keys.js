// @ts-check
/** What each key does. */

/** @typedef {"left" | "right" | "narrower" | "wider" | "home" | "end" | "next" | "previous" | "search" | "copy" | "play" | "help"} Act */

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
};

/** @param {Record<Act, () => void>} acts */
export function keys(acts) {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = /** @type {HTMLElement} */ (event.target);
    if (target.closest("input, textarea, select, dialog[open]")) {
      if (event.key === "Escape") target.blur();
      return;
    }
    const act = ACTS[event.key];
    const scrolls = target.closest(".scroll") && (event.key === "Home" || event.key === "End");
    const presses = target.closest("button, summary, a, audio") && act === "play";
    if (!act || scrolls || presses) return;
    event.preventDefault();
    acts[act]();
  });
}
