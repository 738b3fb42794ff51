// @ts-check
/** The transcript: what was said, utterance by utterance; follows the call unless the reader has scrolled. */

import { clock } from "./clock.js";
import { spaced, textOf } from "./words.js";

/** @typedef {import("./words.js").Utterance} Utterance */
/** @typedef {import("./words.js").Word} Word */

const UNSURE = 0.4;
const AT_THE_END_PX = 40;

export class Transcript {
  /**
   * @param {HTMLElement} list an <ol>; its parent scrolls
   * @param {HTMLElement} announcer a polite live region
   * @param {(ms: number) => void} onSeek
   */
  constructor(list, announcer, onSeek) {
    this.list = list;
    this.announcer = announcer;
    /** @type {Map<string, {item: HTMLElement, told: string}>} */
    this.items = new Map();
    this.announced = 0;
    list.addEventListener("click", (event) => {
      const target = /** @type {HTMLElement} */ (event.target).closest("[data-ms]");
      if (target instanceof HTMLElement) onSeek(Number(target.dataset.ms));
    });
  }

  get #scroller() {
    return /** @type {HTMLElement} */ (this.list.parentElement);
  }

  /**
   * Show these utterances. Only what changed is touched.
   *
   * @param {Utterance[]} said
   * @param {(speakerId: string) => {label: string, colour: string}} person
   * @param {Set<string>} marked keys of words that a search found
   */
  show(said, person, marked) {
    const scroller = this.#scroller;
    const follows = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < AT_THE_END_PX;
    const known = this.items;
    this.items = new Map();
    /** @type {ChildNode | null} */
    let next = this.list.firstChild;
    for (const utterance of said) {
      const told = fingerprint(utterance, person(utterance.speakerId).label, marked);
      const before = known.get(utterance.key);
      known.delete(utterance.key);
      const item = before?.item ?? document.createElement("li");
      if (before?.told !== told) fill(item, utterance, person(utterance.speakerId), marked);
      if (item !== next) this.list.insertBefore(item, next);
      else next = item.nextSibling;
      this.items.set(utterance.key, { item, told });
    }
    for (const { item } of known.values()) item.remove();
    if (follows) scroller.scrollTop = scroller.scrollHeight;
  }

  /** Say what has become final since the last time, for readers who listen. @param {Utterance[]} said @param {(speakerId: string) => {label: string}} person */
  announce(said, person) {
    const news = said.filter((one) => one.startMs >= this.announced && one.words.every((word) => word.final));
    if (!news.length) return;
    this.announced = Math.max(...news.map((one) => one.endMs));
    this.announcer.textContent = news.slice(-2).map((one) => `${person(one.speakerId).label}: ${textOf(one)}`).join(" ");
  }

  /** Mark the utterance at this moment, and bring it into sight. @param {number} ms @param {Utterance[]} said */
  mark(ms, said) {
    for (const { item } of this.items.values()) item.removeAttribute("aria-current");
    const at = said.filter((one) => one.startMs <= ms).at(-1);
    const item = at && this.items.get(at.key)?.item;
    if (!item) return;
    item.setAttribute("aria-current", "true");
    item.scrollIntoView({ block: "nearest" });
  }
}

/** @param {Utterance} utterance @param {string} label @param {Set<string>} marked */
function fingerprint(utterance, label, marked) {
  const words = utterance.words.map((word) => `${word.text}${word.final ? "." : "?"}${marked.has(word.key) ? "!" : ""}${word.confidence < UNSURE ? "~" : ""}`);
  return `${utterance.speakerId}|${label}|${words.join(" ")}`;
}

/** @param {HTMLElement} item @param {Utterance} utterance @param {{label: string, colour: string}} person @param {Set<string>} marked */
function fill(item, utterance, person, marked) {
  const time = document.createElement("button");
  time.type = "button";
  time.className = "time";
  time.dataset.ms = String(utterance.startMs);
  time.textContent = clock(utterance.startMs);
  time.setAttribute("aria-label", `go to ${clock(utterance.startMs)}`);
  const who = document.createElement("bdi");
  who.className = "who";
  who.textContent = person.label;
  who.style.setProperty("--lane", person.colour);
  const text = document.createElement("p");
  text.dir = "auto";
  utterance.words.forEach((word, n) => {
    if (n && spaced(utterance.words[n - 1].text, word.text)) text.append(" ");
    text.append(wordSpan(word, marked.has(word.key)));
  });
  item.replaceChildren(time, who, text);
}

/** @param {Word} word @param {boolean} marked */
export function wordSpan(word, marked) {
  const span = document.createElement(marked ? "mark" : "span");
  span.textContent = word.text;
  span.dataset.ms = String(word.startMs);
  if (!word.final) span.classList.add("interim");
  if (word.confidence < UNSURE) span.classList.add("unsure");
  return span;
}
