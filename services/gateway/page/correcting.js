// @ts-check
/** The dialog in which people correct a call, and the list of what was said. */

import { holding, known, sentence } from "./corrections.js";
import { Operator } from "./operator.js";
import { element } from "./panels.js";
import { clock } from "./clock.js";

/** @typedef {import("./timeline.js").Message} Message */
/** @typedef {import("./timeline.js").Timeline} Timeline */
/** @typedef {"name" | "same" | "turn" | "role"} Question */

const get = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const NOBODY = "";

export class Correcting {
  /**
   * @param {import("./live.js").Follower} follower of the call
   * @param {() => {turnId: string, speakerId: string}} chosen the turn and the speaker that corrections are of
   */
  constructor(follower, chosen) {
    this.timeline = follower.timeline;
    this.chosen = chosen;
    this.operator = new Operator(follower, (news, problem) => {
      show(news, problem);
      this.list();
    });
    this.dialog = /** @type {HTMLDialogElement} */ (get("correct"));
    /** @type {() => Message | undefined} */
    this.answer = () => undefined;
    get("correct-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const act = this.answer();
      this.dialog.close();
      if (act) void this.operator.say(act);
    });
    get("correct-cancel").addEventListener("click", () => this.dialog.close());
    for (const question of /** @type {Question[]} */ (["name", "same", "turn", "role"])) {
      get(`ask-${question}`).addEventListener("click", () => this.ask(question));
    }
    get("undo").addEventListener("click", () => this.undo());
    get("corrections").addEventListener("click", ({ target }) => {
      const id = /** @type {HTMLElement} */ (target).dataset.undo;
      if (id) this.undo(id);
    });
  }

  /** Ask for a correction of the chosen turn or speaker. @param {Question} question */
  ask(question) {
    const { turnId, speakerId } = this.chosen();
    if (!speakerId || (question === "turn" && !turnId)) {
      return show("Choose a turn first: click it, or press n", true);
    }
    const who = known(this.timeline, speakerId);
    const others = this.timeline.people().map((one) => one.speaker_id).filter((id) => id !== speakerId);
    if (question === "name") this.#text(`What is ${who} called?`, nameOf(this.timeline, speakerId), (name) => ({ name_speaker: { speaker_id: speakerId, name } }));
    else if (question === "role") this.#text(`What is ${who} in this call?`, this.timeline.speakers.get(speakerId)?.role ?? "agent", (role) => ({ assign_role: { speaker_id: speakerId, role } }), "roles");
    else if (question === "same" && !others.length) show(`There is nobody but ${who}`, true);
    else if (question === "same") this.#choice(`${who} is the same person as`, others, (into) => ({ merge_speakers: { speaker_id: speakerId, into_speaker_id: into } }));
    else {
      const turn = this.timeline.turns.get(turnId) ?? {};
      const when = `${clock(turn.start_ms ?? 0)} to ${clock(turn.end_ms ?? 0)}`;
      this.#choice(`${when} was not ${who}, but`, [...others, NOBODY], (id) => ({ reassign_turn: { turn_id: turnId, ...(id ? { speaker_id: id } : {}) } }));
    }
  }

  /** Take a correction back; without an id, the last one that holds. @param {string} [correctionId] */
  undo(correctionId) {
    this.operator.undo(correctionId);
  }

  /** Show what was said. */
  list() {
    this.operator.look();
    const held = new Set(holding(this.timeline).map((one) => one.correction_id));
    const told = [...this.timeline.keyed.corrections.values()].reverse();
    const items = [...this.operator.sent.values()].map((said) => element("li", "waiting", `${sentence(said, this.timeline)} (${this.operator.taken.has(said.correction_id) ? "sent" : "sending"})`));
    get("corrections").replaceChildren(...items, ...told.map((said) => this.#item(said, held.has(said.correction_id))));
    get("no-corrections").hidden = items.length + told.length > 0;
  }

  /** @param {Message} said @param {boolean} holds */
  #item(said, holds) {
    const by = said.by ? `${said.by}: ` : "";
    const text = `${by}${sentence(said, this.timeline)}${said.refused ? ` (not applied: ${said.refused})` : ""}`;
    const item = element("li", said.refused ? "warn" : "", element("bdi", "", text));
    if (holds) {
      const undo = element("button", "", "Undo");
      undo.type = "button";
      undo.dataset.undo = said.correction_id;
      undo.setAttribute("aria-label", `undo: ${sentence(said, this.timeline)}`);
      item.append(" ", undo);
    }
    return item;
  }

  /** @param {string} question @param {string} value @param {(text: string) => Message} act @param {string} [suggestions] */
  #text(question, value, act, suggestions = "") {
    const input = element("input");
    input.value = value;
    input.maxLength = suggestions ? 40 : 100;
    input.autocomplete = "off";
    if (suggestions) input.setAttribute("list", suggestions);
    this.answer = () => act(input.value.trim());
    this.#open(question, input);
    input.select();
  }

  /** @param {string} question @param {string[]} speakers @param {(id: string) => Message} act */
  #choice(question, speakers, act) {
    const select = element("select");
    for (const id of speakers) {
      const option = element("option", "", id ? known(this.timeline, id) : "somebody else");
      option.value = id;
      select.append(option);
    }
    select.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      /** @type {HTMLFormElement} */ (get("correct-form")).requestSubmit();
    });
    this.answer = () => act(select.value);
    this.#open(question, select);
  }

  /** @param {string} question @param {HTMLElement} field */
  #open(question, field) {
    get("correct-title").textContent = question;
    field.setAttribute("aria-labelledby", "correct-title");
    get("correct-field").replaceChildren(field);
    this.dialog.showModal();
    field.focus();
  }
}

/** @param {string} news @param {boolean} problem */
function show(news, problem) {
  get("corrected").textContent = news;
  get("corrected").classList.toggle("warn", problem);
}

/** @param {Timeline} timeline @param {string} speakerId */
function nameOf(timeline, speakerId) {
  return timeline.speakers.get(speakerId)?.name ?? "";
}
