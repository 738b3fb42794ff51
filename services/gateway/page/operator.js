// @ts-check
/**
 * Sends an operator's corrections. Nothing is shown as done before the timeline tells it.
 *
 * say ──> sending ──the gateway takes it──> sent ──the timeline tells it──> applied, or refused
 *            └────it refuses it, or can't be reached──> refused
 */

import { holding, sentence } from "./corrections.js";

/** @typedef {import("./timeline.js").Message} Message */
/** @typedef {import("./timeline.js").Timeline} Timeline */

const RETRY_MS = [500, 1000, 2000, 4000];

/** @typedef {{said: Message, problem: string}} News Of one correction; a problem is why it was not applied. */

export class Operator {
  /**
   * @param {import("./live.js").Follower} follower of the call
   * @param {(news: string, problem: boolean) => void} onNews what became of corrections
   */
  constructor(follower, onNews) {
    this.follower = follower;
    this.timeline = follower.timeline;
    this.onNews = onNews;
    /** Corrections that the timeline has not told yet, by id. @type {Map<string, Message>} */
    this.sent = new Map();
    /** Those of them that the gateway has taken, by id. @type {Set<string>} */
    this.taken = new Set();
    /** What there is to tell: of the latest correction, and of those that still waited when it was said. @type {Map<string, News>} */
    this.news = new Map();
  }

  /** Say something: one act of a Correction. @param {Message} act */
  async say(act) {
    const said = { correction_id: freshId(), ...act };
    for (const id of this.news.keys()) if (!this.sent.has(id)) this.news.delete(id);
    this.sent.set(said.correction_id, said);
    this.news.set(said.correction_id, { said, problem: "" });
    this.#tell();
    const problem = await this.#send(said);
    if (!this.sent.has(said.correction_id)) return;
    if (problem) return this.#done(said.correction_id, problem);
    this.taken.add(said.correction_id);
    this.#tell();
    if (this.timeline.ended) await this.follower.reread(); // nothing follows an ended call by itself
  }

  /** Take a correction back; without an id, the last one that holds. @param {string} [correctionId] */
  undo(correctionId) {
    const waits = new Set([...this.sent.values()].flatMap((one) => (one.undo ? [one.undo.correction_id] : [])));
    const last = holding(this.timeline).filter((one) => !waits.has(one.correction_id)).at(-1);
    const id = correctionId ?? last?.correction_id;
    if (id) void this.say({ undo: { correction_id: id } });
    else this.onNews("There is nothing to take back", true);
  }

  /** Look at what the timeline tells of what was sent. */
  look() {
    for (const id of this.sent.keys()) {
      const told = this.timeline.keyed.corrections.get(id);
      if (told) this.#done(id, told.refused ?? "");
    }
  }

  /** @param {string} id @param {string} problem */
  #done(id, problem) {
    const said = this.sent.get(id);
    if (!said) return;
    this.sent.delete(id);
    this.taken.delete(id);
    this.news.set(id, { said, problem });
    this.#tell();
  }

  /** The latest correction, and whatever was not applied: answers come in any order. */
  #tell() {
    const latest = [...this.news.keys()].at(-1);
    const told = [...this.news].filter(([id, { problem }]) => problem || id === latest);
    const texts = told.map(([id, { said, problem }]) => {
      const text = sentence(said, this.timeline);
      if (problem) return `Not applied: ${text} (${problem})`;
      return this.sent.has(id) ? `${this.taken.has(id) ? "Sent" : "Sending"}: ${text}` : text;
    });
    this.onNews(texts.join(" · "), told.some(([, { problem }]) => Boolean(problem)));
  }

  /** Gives why it was refused, empty where it was taken. A lost answer is asked for again, with the same id. @param {Message} said */
  async #send(said) {
    for (let tries = 0; ; tries++) {
      try {
        const answer = await fetch(`${this.follower.path}/corrections${this.follower.query}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify(said),
        });
        if (answer.ok) return "";
        if (![429, 503].includes(answer.status) || tries >= RETRY_MS.length) return (await answer.json()).detail ?? `status ${answer.status}`;
      } catch {
        if (tries >= RETRY_MS.length) return "The gateway can't be reached: not sent";
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS[tries]));
    }
  }
}

function freshId() {
  return [...crypto.getRandomValues(new Uint8Array(12))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
