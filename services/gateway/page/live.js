// @ts-check
/** Follows a call: the snapshot first, then event by event; after a lost connection, exactly what was missed. */

import { Timeline, TimelineHole } from "./timeline.js";

const RETRY_MS = [500, 1000, 2000, 5000];

/** @typedef {"connecting" | "live" | "lost" | "ended" | "unknown" | "login" | "forbidden"} State */

/** What an answer means that will be the same when it is asked for again. @type {Record<number, State>} */
export const REFUSALS = { 401: "login", 403: "forbidden", 404: "unknown" };

/** Where people log in, and come back to this page. */
export function loginAddress() {
  return `login?then=${encodeURIComponent(location.pathname + location.search + location.hash)}`;
}

export class Follower {
  /**
   * @param {{callId: string, path: string, query: string, answer?: Promise<Response>}} asked the call, and how it stands now
   * @param {(timeline: Timeline) => void} onChange after every event
   * @param {(state: State) => void} onState
   */
  constructor({ callId, path, query, answer }, onChange, onState) {
    this.timeline = new Timeline(callId);
    this.path = path;
    this.query = query;
    /** @type {Promise<Response> | undefined} */
    this.first = answer;
    this.onChange = onChange;
    this.onState = onState;
    this.failures = 0;
    /** @type {EventSource | undefined} */
    this.source = undefined;
  }

  async start() {
    this.onState("connecting");
    const { first } = this;
    this.first = undefined;
    try {
      const answer = await (first ?? fetch(`${this.path}/timeline${this.query}`));
      if (REFUSALS[answer.status]) return this.onState(REFUSALS[answer.status]);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      this.timeline.restore(await answer.json());
    } catch {
      return this.#again();
    }
    this.onChange(this.timeline);
    if (this.timeline.ended) return this.onState("ended");
    this.#listen();
  }

  /** Take the call as it stands now, where it has ended; of two answers the one that knows more. */
  async reread() {
    const answer = await fetch(`${this.path}/timeline${this.query}`).catch(() => null);
    if (!answer?.ok) return this.onState("lost");
    const snapshot = await answer.json();
    if ((snapshot.seq ?? 0) < this.timeline.seq) return;
    this.timeline.restore(snapshot);
    this.onChange(this.timeline);
  }

  close() {
    this.source?.close();
  }

  #listen() {
    const { seq, epochs } = this.timeline;
    const place = epochs.length ? `${seq}-${epochs[epochs.length - 1]}` : String(seq);
    const source = new EventSource(`${this.path}/events?after=${encodeURIComponent(place)}`);
    this.source = source;
    source.onopen = () => {
      this.failures = 0;
      this.onState("live");
    };
    source.onmessage = ({ data }) => this.#take(JSON.parse(data));
    source.onerror = () => {
      this.onState("lost");
      if (source.readyState === EventSource.CLOSED) this.#again();
    };
  }

  /** @param {import("./timeline.js").Message} event */
  #take(event) {
    try {
      this.timeline.apply(event);
    } catch (error) {
      if (!(error instanceof TimelineHole)) throw error;
      this.close();
      void this.start();
      return;
    }
    this.onChange(this.timeline);
    if (this.timeline.ended) {
      this.close();
      this.onState("ended");
    }
  }

  #again() {
    this.onState("lost");
    const wait = RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)];
    setTimeout(() => void this.start(), wait);
  }
}
