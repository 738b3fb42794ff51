// @ts-check
/** The rows of the wallboard: what the server tells once a second, folded; sorted and filtered. Pure. */

/** @typedef {import("./timeline.js").Message} Message */
/** @typedef {"longest" | "newest" | "silence" | "id"} Order */

/** So long a silence in a running call is an alarm. */
export const ALARM_MS = 20_000;

export class Board {
  constructor() {
    /** Rows by call id. @type {Map<string, Message>} */
    this.rows = new Map();
    /** The numbers of shards that do not answer, and how many shards there are. @type {number[]} */
    this.away = [];
    this.shards = 1;
  }

  /**
   * Take what the server told.
   *
   * @param {{whole?: boolean, rows?: Message[], gone?: string[], away?: number[], shards?: number}} told
   */
  take({ whole = false, rows = [], gone = [], away = whole ? [] : this.away, shards = this.shards }) {
    if (whole) this.rows.clear();
    this.away = away;
    this.shards = shards;
    for (const row of rows) this.rows.set(row.call_id, row);
    for (const callId of gone) this.rows.delete(callId);
  }

  /**
   * The rows that contain every word of a text, in an order.
   *
   * @param {string} sought
   * @param {Order} order
   * @returns {Message[]}
   */
  shown(sought, order) {
    const wanted = sought.toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const found = [...this.rows.values()].filter((row) => {
      const text = textOf(row);
      return wanted.every((word) => text.includes(word));
    });
    return found.sort((a, b) => ORDERS[order](a, b) || compare(a.call_id, b.call_id));
  }
}

/** @type {Record<Order, (a: Message, b: Message) => number>} */
const ORDERS = {
  longest: (a, b) => (b.at_ms ?? 0) - (a.at_ms ?? 0),
  newest: (a, b) => (a.at_ms ?? 0) - (b.at_ms ?? 0),
  silence: (a, b) => silenceMs(b) - silenceMs(a),
  id: () => 0,
};

/** Which part of Redis is away, in words; empty while all answer. @param {Board} board */
export function awayInWords({ away, shards }) {
  if (!away.length) return "";
  const which = away.length === shards ? "Redis does" : `shard${away.length > 1 ? "s" : ""} ${away.join(", ")} of ${shards} do${away.length > 1 ? "" : "es"}`;
  return `⚠ ${which} not answer: calls there stand as they were, and new ones are missing`;
}

/** How long nobody has spoken; 0 while somebody does, after the end, and where nothing is known. @param {Message} row */
export function silenceMs(row) {
  if (row.ended || row.away || row.talking?.length) return 0;
  return Math.max(0, (row.at_ms ?? 0) - (row.spoken_through_ms ?? 0));
}

/** Whether somebody should look. @param {Message} row */
export function alarming(row) {
  return silenceMs(row) >= ALARM_MS;
}

/** The speakers as they are shown, by id. @param {Message} row @returns {Map<string, string>} */
export function speakers(row) {
  return new Map((row.speakers ?? []).map((/** @type {Message} */ one) => [one.speaker_id ?? "", one.name || one.speaker_id || "unknown"]));
}

/** Who speaks now. @param {Message} row @returns {string} */
export function speaking(row) {
  return row.talking?.length ? (speakers(row).get(row.speaker_id ?? "") ?? "somebody") : "";
}

/** @param {Message} row */
function textOf(row) {
  return [row.call_id, row.text ?? "", ...speakers(row).values(), ...Object.values(row.metadata ?? {})].join(" ").toLocaleLowerCase();
}

/** @param {string} one @param {string} other */
function compare(one, other) {
  return one < other ? -1 : Number(one > other);
}
