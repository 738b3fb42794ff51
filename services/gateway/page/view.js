// @ts-check
/** Which part of the call is on the screen. Pure. */

export const NARROWEST_MS = 2_000;
const FIRST_MS = 40_000;
/** Words under lanes read well at this width of a window or less, measured on real calls. */
export const WORDS_MS = 60_000;

export class View {
  constructor() {
    this.fromMs = 0;
    this.spanMs = FIRST_MS;
    /** Whether the right edge follows the call. */
    this.following = true;
    this.wholeMs = FIRST_MS;
    this.ended = false;
  }

  get toMs() {
    return this.fromMs + this.spanMs;
  }

  /** The call has grown, or has another length. One that goes on has room before the right edge. @param {number} durationMs @param {boolean} [ended] */
  grow(durationMs, ended = this.ended) {
    [this.wholeMs, this.ended] = [Math.max(durationMs, FIRST_MS), ended];
    if (this.following) this.#move(durationMs - this.spanMs * (ended ? 1 : 0.97));
  }

  /** @param {boolean} follow */
  follow(follow) {
    this.following = follow;
    if (follow) this.grow(this.wholeMs);
  }

  /** Move by a share of the window. @param {number} windows */
  pan(windows) {
    this.following = false;
    this.#move(this.fromMs + windows * this.spanMs);
  }

  /** Make this moment visible, in the middle if it is not yet. @param {number} ms */
  show(ms) {
    this.following = false;
    if (ms < this.fromMs || ms > this.toMs) this.#move(ms - this.spanMs / 2);
  }

  /** Turn the page where this moment lies beyond it: for what moves on by itself. @param {number} ms */
  turnTo(ms) {
    if (ms < this.fromMs || ms > this.toMs) {
      this.following = false;
      this.#move(ms - this.spanMs * 0.05);
    }
  }

  /** Put the middle of the window there. @param {number} ms */
  centre(ms) {
    this.following = false;
    this.#move(ms - this.spanMs / 2);
  }

  /** Show less (below 1) or more (above 1), with one moment where it is. @param {number} factor @param {number} [aroundMs] */
  zoom(factor, aroundMs) {
    const around = aroundMs ?? (this.following ? this.toMs : this.fromMs + this.spanMs / 2);
    const share = (around - this.fromMs) / this.spanMs;
    this.spanMs = Math.min(Math.max(this.spanMs * factor, NARROWEST_MS), this.wholeMs);
    this.#move(around - share * this.spanMs);
  }

  /** @param {number} fromMs */
  #move(fromMs) {
    const last = Math.max(0, this.wholeMs - this.spanMs * (this.following ? 0.5 : 0.9));
    this.fromMs = Math.min(Math.max(0, fromMs), last);
  }
}

const STEPS_S = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200];

/** The distance of ticks, so that they stand `apartPx` or more apart. @param {number} spanMs @param {number} widthPx @param {number} [apartPx] */
export function tickMs(spanMs, widthPx, apartPx = 80) {
  const least = (apartPx * spanMs) / Math.max(1, widthPx);
  return 1000 * (STEPS_S.find((step) => 1000 * step >= least) ?? STEPS_S[STEPS_S.length - 1]);
}
