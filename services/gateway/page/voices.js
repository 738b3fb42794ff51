// @ts-check
/** Enrolled voices of the tenant: calls that begin afterwards show their names. */

import { element } from "./panels.js";

const get = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const AWAY = "The gateway can't be reached";

export class Voices {
  /**
   * @param {import("./live.js").Follower} follower of the call
   * @param {() => {speakerId: string, name: string}} chosen the speaker of the chosen turn
   */
  constructor(follower, chosen) {
    const details = /** @type {HTMLDetailsElement} */ (get("voices"));
    const name = /** @type {HTMLInputElement} */ (get("voice-name"));
    details.addEventListener("toggle", () => {
      if (!details.open) return;
      name.value ||= chosen().name;
      void this.#list();
    });
    get("enrol").addEventListener("submit", (event) => {
      event.preventDefault();
      const file = /** @type {HTMLInputElement} */ (get("voice-file")).files?.[0];
      const { speakerId } = chosen();
      if (file) void this.#enrol(name.value.trim(), "PUT", `voices/${encodeURIComponent(name.value.trim())}`, file);
      else if (speakerId) {
        const said = JSON.stringify({ speaker_id: speakerId, name: name.value.trim() });
        void this.#enrol(name.value.trim(), "POST", `${follower.path}/voices${follower.query}`, new Blob([said], { type: "application/json" }));
      } else say("Choose a turn of this person first, or a WAV file");
    });
    get("voice-list").addEventListener("click", ({ target }) => {
      const erased = /** @type {HTMLElement} */ (target).dataset.erase;
      if (erased !== undefined) void this.#erase(erased);
    });
  }

  async #list() {
    const answer = await ask("voices");
    if (!answer.ok) return say(answer.text);
    const { voices } = JSON.parse(answer.text);
    get("voice-list").replaceChildren(
      ...voices.map((/** @type {{name: string, clean_s: number}} */ { name, clean_s: seconds }) => {
        const button = element("button", "", "Erase");
        button.type = "button";
        button.dataset.erase = name;
        button.setAttribute("aria-label", `erase the voice of ${name}`);
        return element("li", "", element("bdi", "", name), ` (${seconds} s of speech) `, button);
      }),
    );
  }

  /** @param {string} name @param {string} method @param {string} path @param {Blob} body */
  async #enrol(name, method, path, body) {
    say("Listening to the recording");
    const answer = await ask(path, { method, body });
    say(answer.ok ? `${name} is enrolled: calls that begin from now on show the name` : answer.text);
    await this.#list();
  }

  /** @param {string} name */
  async #erase(name) {
    const answer = await ask(`voices/${encodeURIComponent(name)}`, { method: "DELETE" });
    say(answer.ok ? `The voice of ${name} is erased` : answer.text);
    await this.#list();
  }
}

/** @param {string} news */
function say(news) {
  get("voice-news").textContent = news;
}

/** The answer; what went wrong, as text, where it is none. @param {string} path @param {RequestInit} [request] */
async function ask(path, request) {
  try {
    const answer = await fetch(path, request);
    const text = await answer.text();
    return { ok: answer.ok, text: answer.ok ? text : (JSON.parse(text).detail ?? `status ${answer.status}`) };
  } catch {
    return { ok: false, text: AWAY };
  }
}
