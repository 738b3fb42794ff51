// @ts-check
/** What was said, under its lane: an utterance begins below its place, and may use the room up to the next one. */

import { AXIS_PX, LANE_PX, rowPx } from "./draw.js";
import { spaced } from "./words.js";

/** @typedef {import("./words.js").Utterance} Utterance */

const APART_PX = 8;
/** Less room breaks words. */
const LEAST_PX = 64;

/** @typedef {{caption: HTMLElement, told: string, place: string, widthPx: number}} Caption */

export class Captions {
  /** @param {HTMLElement} box lies over the canvas */
  constructor(box) {
    this.box = box;
    /** Those in sight, by utterance. They are moved without being laid out anew. @type {Map<string, Caption>} */
    this.captions = new Map();
  }

  /**
   * @param {Utterance[]} said in order of their start
   * @param {import("./lanes.js").Lane[]} shown
   * @param {import("./view.js").View} view
   * @param {number} widthPx
   */
  show(said, shown, view, widthPx) {
    const x = (/** @type {number} */ ms) => ((ms - view.fromMs) / view.spanMs) * widthPx;
    const before = this.captions;
    this.captions = new Map();
    let next = this.box.firstElementChild;
    for (const [n, lane] of shown.entries()) {
      const mine = said.filter((one) => one.speakerId === lane.speakerId);
      for (const [at, one] of mine.entries()) {
        const [left, end] = [Math.max(0, x(one.startMs)), at + 1 < mine.length ? x(mine[at + 1].startMs) : widthPx];
        if (x(one.endMs) < 0 || left > widthPx || end - left < LEAST_PX) continue;
        const caption = before.get(one.key) ?? made();
        before.delete(one.key);
        this.captions.set(one.key, caption);
        place(caption, left, AXIS_PX + n * rowPx(true) + 7 + LANE_PX + 3, Math.round(Math.min(end, widthPx) - left - APART_PX));
        write(caption, one);
        if (caption.caption === next) next = next.nextElementSibling;
        else this.box.insertBefore(caption.caption, next);
      }
    }
    for (const { caption } of before.values()) caption.remove();
  }
}

/** @returns {Caption} */
function made() {
  const caption = document.createElement("p");
  caption.dir = "auto";
  return { caption, told: "", place: "", widthPx: -1 };
}

/** @param {Caption} one @param {number} leftPx @param {number} topPx @param {number} widthPx */
function place(one, leftPx, topPx, widthPx) {
  const to = `translate(${leftPx}px, ${topPx}px)`;
  if (one.place !== to) one.caption.style.transform = one.place = to;
  if (one.widthPx !== widthPx) one.caption.style.width = `${(one.widthPx = widthPx)}px`;
}

/** @param {Caption} one @param {Utterance} utterance */
function write(one, utterance) {
  const [final, interim] = parts(utterance);
  const told = JSON.stringify([final, interim]);
  if (one.told === told) return;
  one.told = told;
  const italic = document.createElement("i");
  italic.textContent = interim;
  one.caption.replaceChildren(final && interim ? `${final} ` : final, italic);
}

/** The words, interim ones apart. @param {Utterance} utterance */
function parts(utterance) {
  return [true, false].map((final) => {
    const words = utterance.words.filter((word) => word.final === final);
    return words.reduce((line, word, n) => line + (n && spaced(words[n - 1].text, word.text) ? " " : "") + word.text, "");
  });
}
