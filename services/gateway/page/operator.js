// @ts-check
/**
 * Sends an operator's corrections. Nothing is shown as done before the timeline tells it.
 *
 * say ──> sent ──the timeline tells it──> applied, or refused
 *          └────the gateway refuses it──> refused
 */

import { holding, sentence } from "./corrections.js";

/** @typedef {import("./timeline.js").Message} Message */
/** @typedef {import("./timeline.js").Timeline} Timeline */

const RETRY_MS = [500, 1000, 2000, 4000];

export class Operator {
  /**
   * @param {string} path of the call
   * @param {Timeline} timeline
   * @param {(news: string, problem: boolean) => void} onNews what became of a correction
   */
  constructor(path, timeline, onNews) {
    this.path = path;
    this.timeline = timeline;
    this.onNews = onNews;
    /** Corrections that the timeline has not told yet, by id. @type {Map<string, Message>} */
    this.sent = new Map();
  }

  /** Say something: one act of a Correction. @param {Message} act */
  async say(act) {
    const said = { correction_id: freshId(), ...act };
    this.sent.set(said.correction_id, said);
    this.onNews(`Sent: ${sentence(said, this.timeline)}`, false);
    const problem = await this.#send(said);
    if (problem) {
      this.sent.delete(said.correction_id);
      this.onNews(problem, true);
    }
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
      if (!told) continue;
      this.sent.delete(id);
      this.onNews(told.refused ? `Not applied: ${told.refused}` : sentence(told, this.timeline), Boolean(told.refused));
    }
  }

  /** Gives why it was refused, empty where it was taken. A lost answer is asked for again, with the same id. @param {Message} said */
  async #send(said) {
    for (let tries = 0; ; tries++) {
      try {
        const answer = await fetch(`${this.path}/corrections`, {
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
