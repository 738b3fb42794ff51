// @ts-check
/** A line of the wallboard. What stands there already is not touched. */

import { alarming, silenceMs, speakers, speaking } from "./board.js";
import { amount, clock } from "./clock.js";
import { PALETTE, UNKNOWN_COLOUR } from "./lanes.js";
import { element } from "./panels.js";

/** @typedef {import("./timeline.js").Message} Message */

const STRIP_MS = 60_000;
const STRIP_PX = { width: 156, height: 18 };
/** Metadata that has a place of its own, by any of its usual names. */
const QUEUE = ["queue", "queue_name", "skill", "agent", "agent_name"];

export class BoardLine {
  constructor() {
    this.link = element("a");
    this.id = element("bdi");
    this.link.append(this.id);
    this.time = element("td", "number length");
    this.strip = element("canvas");
    this.strip.setAttribute("role", "img");
    this.speaks = element("bdi");
    this.silence = element("td", "number silence");
    this.talk = element("td", "number talk");
    this.overlap = element("td", "number overlap");
    this.queue = element("bdi");
    this.words = element("bdi");
    const cell = (/** @type {string} */ column, /** @type {Node} */ inner) => element("td", column, inner);
    this.item = element("tr", "", cell("call", this.link), this.time, cell("strip", this.strip), cell("speaks", this.speaks), this.silence);
    this.item.append(this.talk, this.overlap, cell("queue", this.queue), cell("last", this.words));
    /** The row that is shown. @type {Message | null} */
    this.row = null;
  }

  /** @param {Message} row */
  show(row) {
    if (row === this.row) return;
    if (row.call_id !== this.row?.call_id) this.link.href = `call.html?id=${encodeURIComponent(row.call_id)}`;
    this.row = row;
    const silent = silenceMs(row);
    this.item.className = [row.ended ? "ended" : "", row.away ? "away" : "", alarming(row) ? "alarm" : ""].join(" ").trim();
    put(this.id, row.call_id);
    put(this.time, clock(row.at_ms ?? 0));
    put(this.speaks, row.ended ? "ended" : row.away ? "not known" : speaking(row));
    put(this.silence, silent >= 1000 ? (alarming(row) ? "⚠ " : "") + amount(silent) : "");
    put(this.talk, talk(row));
    put(this.overlap, row.overlap_ms ? amount(row.overlap_ms) : "");
    put(this.queue, QUEUE.flatMap((name) => row.metadata?.[name] ?? []).join(" · "));
    put(this.words, row.text ?? "");
    draw(this.strip, row);
  }
}

/** @param {HTMLElement} place @param {string} text */
function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}

/** Each speaker's share of the talk, once there are statistics. @param {Message} row */
function talk(row) {
  if (!row.speakers?.some((/** @type {Message} */ one) => one.talk_ratio)) return "";
  return (row.speakers ?? []).map((/** @type {Message} */ one) => `${Math.round(100 * (one.talk_ratio ?? 0))}`).join(" : ");
}

/** Who spoke in the last minute, a colour a speaker. @param {HTMLCanvasElement} canvas @param {Message} row */
function draw(canvas, row) {
  const scale = window.devicePixelRatio || 1;
  const { width, height } = STRIP_PX;
  const names = speakers(row);
  canvas.setAttribute("aria-label", `who spoke in the last minute: ${[...names.values()].join(", ") || "nobody"}`);
  canvas.width = width * scale;
  canvas.height = height * scale;
  const pen = canvas.getContext("2d");
  if (!pen) return;
  pen.scale(scale, scale);
  const from = (row.at_ms ?? 0) - STRIP_MS;
  const each = Math.max(3, Math.floor(height / Math.max(1, names.size)));
  for (const [place, start, end] of row.recent ?? []) {
    pen.fillStyle = place < 0 ? UNKNOWN_COLOUR : PALETTE[place % PALETTE.length];
    const left = ((start - from) / STRIP_MS) * width;
    pen.fillRect(left, Math.max(0, place) * each, Math.max(1, ((end - from) / STRIP_MS) * width - left), each - 1);
  }
}
