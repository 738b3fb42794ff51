// @ts-check
/** What was said, under its lane: an utterance begins below its place, and may use the room up to the next one. */

import { AXIS_PX, LANE_PX, rowPx } from "./draw.js";
import { spaced } from "./words.js";

/** @typedef {import("./words.js").Utterance} Utterance */

const APART_PX = 8;
/** Less room holds no word. */
const LEAST_PX = 24;

/**
 * @param {HTMLElement} box lies over the canvas
 * @param {Utterance[]} said in order of their start
 * @param {import("./lanes.js").Lane[]} shown
 * @param {import("./view.js").View} view
 * @param {number} widthPx
 */
export function captions(box, said, shown, view, widthPx) {
  const x = (/** @type {number} */ ms) => ((ms - view.fromMs) / view.spanMs) * widthPx;
  const children = [];
  for (const [n, lane] of shown.entries()) {
    const mine = said.filter((one) => one.speakerId === lane.speakerId);
    for (const [at, one] of mine.entries()) {
      const [left, end] = [Math.max(0, x(one.startMs)), at + 1 < mine.length ? x(mine[at + 1].startMs) : widthPx];
      if (x(one.endMs) < 0 || left > widthPx || end - left < LEAST_PX) continue;
      const caption = document.createElement("p");
      caption.dir = "auto";
      caption.style.left = `${left}px`;
      caption.style.width = `${Math.min(end, widthPx) - left - APART_PX}px`;
      caption.style.top = `${AXIS_PX + n * rowPx(true) + 7 + LANE_PX + 3}px`;
      caption.append(...parts(one));
      children.push(caption);
    }
  }
  box.replaceChildren(...children);
}

/** The words, interim ones apart. @param {Utterance} utterance */
function parts(utterance) {
  const text = [true, false].map((final) => {
    const words = utterance.words.filter((word) => word.final === final);
    return words.reduce((line, word, n) => line + (n && spaced(words[n - 1].text, word.text) ? " " : "") + word.text, "");
  });
  const interim = document.createElement("i");
  interim.textContent = text[1];
  return [text[0] && text[1] ? `${text[0]} ` : text[0], interim];
}
