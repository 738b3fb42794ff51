// @ts-check
/** The transcript: what was said, utterance by utterance; follows the call unless the reader has scrolled. */

import { clock } from "./clock.js";
import { spaced, textOf } from "./words.js";

/** @typedef {import("./words.js").Utterance} Utterance */
/** @typedef {import("./words.js").Word} Word */

const UNSURE = 0.4;
const AT_THE_END_PX = 40;
/** A list for each so much of the call: the browser lays out those in sight, and looks at each of them every frame. */
const LIST_MS = 120_000;
const ITEM_PX = 30;
/** Utterances are written for so long at a time; the rest of a long call follows, and meanwhile the page can be used. */
const SLICE_MS = 12;

export class Transcript {
  /**
   * @param {HTMLElement} lists holds the lists; its parent scrolls
   * @param {HTMLElement} announcer a polite live region
   * @param {(ms: number, speakerId: string) => void} onSeek
   */
  constructor(lists, announcer, onSeek) {
    this.lists = lists;
    this.announcer = announcer;
    /** @type {Map<string, {item: HTMLElement, told: string}>} */
    this.items = new Map();
    /** By the part of the call that they are of. @type {Map<number, HTMLElement>} */
    this.listOf = new Map();
    /** What is still to be written, by the item that it belongs to, in order of time. @type {Map<HTMLElement, () => void>} */
    this.unwritten = new Map();
    this.writesOn = false;
    /** @type {HTMLElement | undefined} */
    this.marked = undefined;
    this.announced = 0;
    lists.addEventListener("click", (event) => {
      const target = /** @type {HTMLElement} */ (event.target).closest("[data-ms]");
      if (target instanceof HTMLElement) onSeek(Number(target.dataset.ms), target.closest("li")?.dataset.speaker ?? "");
    });
  }

  get #scroller() {
    return /** @type {HTMLElement} */ (this.lists.parentElement);
  }

  /**
   * Show these utterances. Only what changed is touched: what is in sight at once, all else soon.
   *
   * @param {Utterance[]} said
   * @param {(speakerId: string) => {label: string, colour: string}} person
   * @param {Set<string>} marked keys of words that a search found
   */
  show(said, person, marked) {
    const follows = this.#follows;
    const [known, unwritten] = [this.items, this.unwritten];
    this.unwritten = new Map();
    this.items = new Map();
    /** @type {Map<number, {list: HTMLElement, items: HTMLElement[]}>} */
    const parts = new Map();
    for (const utterance of said) {
      const told = fingerprint(utterance, person(utterance.speakerId).label, marked);
      const before = known.get(utterance.key);
      const item = before?.item ?? document.createElement("li");
      const write = before?.told === told ? unwritten.get(item) : () => fill(item, utterance, person(utterance.speakerId), marked);
      if (write) this.unwritten.set(item, write);
      this.items.set(utterance.key, { item, told });
      const part = Math.floor(utterance.startMs / LIST_MS);
      const held = parts.get(part) ?? { list: this.listOf.get(part) ?? document.createElement("ol"), items: [] };
      held.items.push(item);
      parts.set(part, held);
    }
    for (const { list, items } of parts.values()) {
      arrange(list, items);
      const estimate = `auto ${ITEM_PX * items.length}px`;
      if (list.style.containIntrinsicBlockSize !== estimate) list.style.containIntrinsicBlockSize = estimate;
    }
    arrange(this.lists, [...parts.values()].map(({ list }) => list));
    this.listOf = new Map([...parts].map(([part, { list }]) => [part, list]));
    this.#write(follows);
  }

  /** Whether the reader has the end of the transcript in sight. */
  get #follows() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight < AT_THE_END_PX;
  }

  /** From the end, where readers begin, back to the beginning. @param {boolean} follows */
  #write(follows) {
    const until = performance.now() + SLICE_MS;
    for (const item of [...this.unwritten.keys()].reverse()) {
      this.#writeOne(item);
      if (performance.now() > until) break;
    }
    if (follows) this.#scroller.scrollTop = this.#scroller.scrollHeight;
    if (!this.unwritten.size || this.writesOn) return;
    this.writesOn = true;
    setTimeout(() => {
      this.writesOn = false;
      this.#write(this.#follows);
    });
  }

  /** @param {HTMLElement} item */
  #writeOne(item) {
    this.unwritten.get(item)?.();
    this.unwritten.delete(item);
  }

  /** Say what has become final since the last time, for readers who listen. @param {Utterance[]} said @param {(speakerId: string) => {label: string}} person */
  announce(said, person) {
    const news = said.filter((one) => one.startMs >= this.announced && one.words.every((word) => word.final));
    if (!news.length) return;
    this.announced = Math.max(...news.map((one) => one.endMs));
    this.announcer.textContent = news.slice(-2).map((one) => `${person(one.speakerId).label}: ${textOf(one)}`).join(" ");
  }

  /**
   * Mark what is said at this moment, and bring it into sight: by this turn, if one is chosen.
   *
   * @param {number} ms
   * @param {Utterance[]} said
   * @param {{speakerId: string, startMs: number, endMs: number}} [turn]
   */
  mark(ms, said, turn) {
    this.marked?.removeAttribute("aria-current");
    const own = turn && said.find((one) => one.speakerId === turn.speakerId && one.endMs > turn.startMs && one.startMs < turn.endMs);
    const at = own ?? said.findLast((one) => one.startMs <= ms);
    this.marked = at && this.items.get(at.key)?.item;
    for (const item of this.marked?.parentElement?.children ?? []) this.#writeOne(/** @type {HTMLElement} */ (item));
    this.marked?.setAttribute("aria-current", "true");
    this.marked?.scrollIntoView({ block: "nearest" });
  }
}

/** Make these the children; what stays isn't touched. @param {HTMLElement} parent @param {HTMLElement[]} children */
function arrange(parent, children) {
  const kept = new Set(children);
  for (const child of [...parent.children]) if (!kept.has(/** @type {HTMLElement} */ (child))) child.remove();
  let next = parent.firstElementChild;
  for (const child of children) {
    if (child === next) next = next.nextElementSibling;
    else parent.insertBefore(child, next);
  }
}

/** @param {Utterance} utterance @param {string} label @param {Set<string>} marked */
function fingerprint(utterance, label, marked) {
  const words = utterance.words.map((word) => `${word.text}${word.final ? "." : "?"}${marked.has(word.key) ? "!" : ""}${word.confidence < UNSURE ? "~" : ""}`);
  return `${utterance.speakerId}|${label}|${words.join(" ")}`;
}

/** @param {HTMLElement} item @param {Utterance} utterance @param {{label: string, colour: string}} person @param {Set<string>} marked */
function fill(item, utterance, person, marked) {
  item.dataset.speaker = utterance.speakerId;
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

const WORD = document.createElement("span");
const FOUND = document.createElement("mark");

/** @param {Word} word @param {boolean} marked */
function wordSpan(word, marked) {
  const span = /** @type {HTMLElement} */ ((marked ? FOUND : WORD).cloneNode());
  span.textContent = word.text;
  span.setAttribute("data-ms", String(word.startMs));
  if (!word.final) span.classList.add("interim");
  if (word.confidence < UNSURE) span.classList.add("unsure");
  return span;
}
