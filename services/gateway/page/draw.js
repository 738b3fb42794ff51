// @ts-check
/** Draws lanes on a canvas. */

import { clock } from "./clock.js";
import { tickMs } from "./view.js";

/** @typedef {import("./lanes.js").Lane} Lane */
/** @typedef {import("./timeline.js").Timeline} Timeline */
/** @typedef {{fromMs: number, toMs: number}} Window */

export const AXIS_PX = 22;
export const LANE_PX = 26;
export const WORDS_PX = 54;
const FAINTEST = 0.35;
const UNSURE = 0.5;

/** Colours of the theme, as the style sheet has them. @param {Element} element */
export function themeOf(element) {
  const style = getComputedStyle(element);
  const get = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return { ink: get("--ink"), muted: get("--muted"), grid: get("--grid"), gap: get("--gap"), music: get("--music"), degraded: get("--degraded"), paper: get("--paper") };
}

/** @typedef {ReturnType<typeof themeOf>} Theme */

/**
 * Ready to draw in CSS pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 */
function context(canvas, width, height) {
  const scale = window.devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    canvas.style.height = `${height}px`;
  }
  const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  pen.setTransform(scale, 0, 0, scale, 0, 0);
  pen.clearRect(0, 0, width, height);
  return pen;
}

/** The height of a lane with its words. @param {boolean} withWords */
export function rowPx(withWords) {
  return LANE_PX + 14 + (withWords ? WORDS_PX : 0);
}

/**
 * The lanes of a window of the call.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Timeline} timeline
 * @param {Lane[]} shown
 * @param {Window} view
 * @param {{cursorMs: number | null, selected: string, withWords: boolean, theme: Theme}} options
 */
export function drawLanes(canvas, timeline, shown, view, options) {
  const width = canvas.clientWidth;
  const row = rowPx(options.withWords);
  const height = AXIS_PX + row * Math.max(1, shown.length);
  const pen = context(canvas, width, height);
  const x = (/** @type {number} */ ms) => ((ms - view.fromMs) / (view.toMs - view.fromMs)) * width;
  const within = (/** @type {number} */ start, /** @type {number} */ end) => end >= view.fromMs && start <= view.toMs;
  bands(pen, timeline, x, within, height, options.theme);
  axis(pen, view, x, width, height, options.theme);
  shown.forEach((lane, n) => {
    const top = AXIS_PX + n * row + 7;
    for (const span of lane.spans) {
      if (!within(span.startMs, span.endMs)) continue;
      box(pen, x(span.startMs), top, Math.max(1.5, x(span.endMs) - x(span.startMs)), lane, span, options);
    }
  });
  overlaps(pen, timeline, x, within, options.theme);
  digits(pen, timeline, x, within, height, options.theme);
  if (!timeline.ended) line(pen, x(timeline.atMs), height, options.theme.muted, [2, 3]);
  if (options.cursorMs !== null) line(pen, x(options.cursorMs), height, options.theme.ink, []);
}

/**
 * @param {CanvasRenderingContext2D} pen
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {Lane} lane
 * @param {import("./lanes.js").LaneSpan} span
 * @param {{selected: string, theme: Theme}} options
 */
function box(pen, left, top, width, lane, span, options) {
  pen.save();
  pen.beginPath();
  pen.roundRect(left, top, width, LANE_PX, Math.min(4, width / 2));
  pen.fillStyle = lane.colour;
  pen.globalAlpha = span.settled ? Math.max(FAINTEST, span.confidence) : FAINTEST;
  pen.fill();
  pen.globalAlpha = 1;
  pen.lineWidth = span.turnId && span.turnId === options.selected ? 3 : 1;
  pen.strokeStyle = span.turnId && span.turnId === options.selected ? options.theme.ink : lane.colour;
  if (!span.settled) pen.setLineDash([4, 3]);
  pen.stroke();
  pen.setLineDash([]);
  if (span.confidence < UNSURE) hatch(pen, left, top, width, options.theme.paper);
  pen.restore();
}

/** @param {CanvasRenderingContext2D} pen @param {number} left @param {number} top @param {number} width @param {string} colour */
function hatch(pen, left, top, width, colour) {
  pen.save();
  pen.clip(); // the box is the current path
  pen.strokeStyle = colour;
  pen.lineWidth = 1.5;
  pen.beginPath();
  for (let at = left - LANE_PX; at < left + width; at += 7) {
    pen.moveTo(at, top + LANE_PX);
    pen.lineTo(at + LANE_PX, top);
  }
  pen.stroke();
  pen.restore();
}

/**
 * What concerns all lanes: gaps, music, overload.
 *
 * @param {CanvasRenderingContext2D} pen
 * @param {Timeline} timeline
 * @param {(ms: number) => number} x
 * @param {(start: number, end: number) => boolean} within
 * @param {number} height
 * @param {Theme} theme
 */
function bands(pen, timeline, x, within, height, theme) {
  const draw = (/** @type {import("./timeline.js").Message[]} */ items, /** @type {string} */ colour, /** @type {string} */ name) => {
    for (const { start_ms = 0, end_ms = 0 } of items) {
      if (!within(start_ms, end_ms)) continue;
      const wide = Math.max(2, x(end_ms) - x(start_ms));
      pen.fillStyle = colour;
      pen.fillRect(x(start_ms), AXIS_PX, wide, height - AXIS_PX);
      if (wide > 40) {
        pen.fillStyle = theme.muted;
        pen.font = "11px system-ui, sans-serif";
        pen.fillText(name, x(start_ms) + 4, height - 4);
      }
    }
  };
  draw(timeline.lists.music, theme.music, "music");
  draw(timeline.lists.gaps, theme.gap, "gap");
  for (const { start_ms = 0, end_ms = 0 } of timeline.lists.degraded) {
    if (!within(start_ms, end_ms)) continue;
    pen.fillStyle = theme.degraded;
    pen.fillRect(x(start_ms), AXIS_PX - 4, Math.max(2, x(end_ms) - x(start_ms)), 3);
  }
}

/** @param {CanvasRenderingContext2D} pen @param {Window} view @param {(ms: number) => number} x @param {number} width @param {number} height @param {Theme} theme */
function axis(pen, view, x, width, height, theme) {
  const step = tickMs(view.toMs - view.fromMs, width);
  pen.font = "11px system-ui, sans-serif";
  for (let at = Math.ceil(view.fromMs / step) * step; at <= view.toMs; at += step) {
    pen.fillStyle = theme.grid;
    pen.fillRect(Math.round(x(at)), AXIS_PX - 4, 1, height - AXIS_PX + 4);
    pen.fillStyle = theme.muted;
    const label = clock(at);
    if (x(at) + 3 + pen.measureText(label).width <= width) pen.fillText(label, x(at) + 3, 12);
  }
}

/** A tick above the lanes where people overlap. @param {CanvasRenderingContext2D} pen @param {Timeline} timeline @param {(ms: number) => number} x @param {(start: number, end: number) => boolean} within @param {Theme} theme */
function overlaps(pen, timeline, x, within, theme) {
  pen.fillStyle = theme.ink;
  for (const { start_ms = 0, end_ms = 0 } of timeline.keyed.overlaps.values()) {
    if (within(start_ms, end_ms)) pen.fillRect(x(start_ms), AXIS_PX, Math.max(2, x(end_ms) - x(start_ms)), 4);
  }
}

/** Keys that were pressed on a phone. @param {CanvasRenderingContext2D} pen @param {Timeline} timeline @param {(ms: number) => number} x @param {(start: number, end: number) => boolean} within @param {number} height @param {Theme} theme */
function digits(pen, timeline, x, within, height, theme) {
  pen.font = "bold 12px system-ui, sans-serif";
  pen.fillStyle = theme.ink;
  for (const { pressed_ms = 0, digit = "" } of timeline.lists.dtmf) {
    if (within(pressed_ms, pressed_ms)) pen.fillText(digit, x(pressed_ms), height - 4);
  }
}

/** @param {CanvasRenderingContext2D} pen @param {number} at @param {number} height @param {string} colour @param {number[]} dash */
function line(pen, at, height, colour, dash) {
  pen.save();
  pen.strokeStyle = colour;
  pen.setLineDash(dash);
  pen.beginPath();
  pen.moveTo(at, AXIS_PX - 6);
  pen.lineTo(at, height);
  pen.stroke();
  pen.restore();
}

/**
 * The whole call, a line a speaker, with the window marked.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Lane[]} shown
 * @param {Window} view
 * @param {number} wholeMs
 * @param {Theme} theme
 */
export function drawOverview(canvas, shown, view, wholeMs, theme) {
  const width = canvas.clientWidth;
  const row = Math.max(3, Math.min(14, Math.floor(40 / Math.max(1, shown.length))));
  const top = Math.max(2, (44 - row * shown.length) / 2);
  const pen = context(canvas, width, 44);
  const x = (/** @type {number} */ ms) => (ms / wholeMs) * width;
  shown.forEach((lane, n) => {
    pen.fillStyle = lane.colour;
    for (const span of lane.spans) {
      pen.globalAlpha = span.settled ? 0.9 : FAINTEST;
      pen.fillRect(x(span.startMs), top + n * row, Math.max(1, x(span.endMs) - x(span.startMs)), row - (row > 6 ? 3 : 1));
    }
  });
  pen.globalAlpha = 1;
  pen.strokeStyle = theme.ink;
  pen.lineWidth = 1.5;
  pen.strokeRect(x(view.fromMs) + 1, 1, Math.max(4, x(Math.min(view.toMs, wholeMs)) - x(view.fromMs) - 2), 42);
}
