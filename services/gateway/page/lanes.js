// @ts-check
/** What is drawn of a timeline: a lane a speaker, and one of speech without a speaker. Pure. */

import { known } from "./corrections.js";
import { shared, subtract, total, union } from "./spans.js";

/** @typedef {import("./spans.js").Span} Span */
/** @typedef {import("./timeline.js").Timeline} Timeline */
/**
 * @typedef {object} LaneSpan
 * @property {string} turnId empty where speech has no turn yet
 * @property {number} startMs
 * @property {number} endMs
 * @property {number} confidence 0 to 1
 * @property {boolean} settled it will not change any more
 */
/**
 * @typedef {object} Lane
 * @property {string} speakerId empty: speech without a speaker
 * @property {string} label
 * @property {string} colour
 * @property {LaneSpan[]} spans in order of their start
 */

/** Colours that people with any common colour blindness can distinguish, as `speakerline process` draws them. */
export const PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#8C6D31", "#5E4FA2"];
export const UNKNOWN_COLOUR = "#7F7F7F";

/**
 * Speakers that have a turn, in the order in which they were created; then speech without a speaker, if any. An open
 * segment of speech reaches to now. Speech that is final gets no turn any more, so it is not shown.
 *
 * @param {Timeline} timeline
 * @returns {Lane[]}
 */
export function lanes(timeline) {
  /** @type {Map<string, Lane>} */
  const made = new Map();
  const lane = (/** @type {string} */ speakerId) => {
    let one = made.get(speakerId);
    if (!one) {
      one = { speakerId, label: known(timeline, speakerId), colour: PALETTE[made.size % PALETTE.length], spans: [] };
      made.set(speakerId, one);
    }
    return one;
  };
  for (const speaker of timeline.people()) lane(speaker.speaker_id);
  /** @type {Lane} */
  const unknown = { speakerId: "", label: "unknown", colour: UNKNOWN_COLOUR, spans: [] };
  for (const turn of timeline.turns.values()) {
    const speakerId = timeline.resolve(turn.speaker_id);
    (speakerId ? lane(speakerId) : unknown).spans.push({
      turnId: turn.turn_id,
      startMs: turn.start_ms ?? 0,
      endMs: turn.end_ms ?? 0,
      confidence: turn.confidence ?? 0,
      settled: timeline.settled(turn),
    });
  }
  for (const [startMs, endMs] of unlabelled(timeline)) {
    unknown.spans.push({ turnId: "", startMs, endMs, confidence: 0, settled: false });
  }
  const shown = [...made.values(), unknown].filter((one) => one.spans.length);
  for (const one of shown) one.spans.sort((a, b) => a.startMs - b.startMs);
  return shown;
}

/** Speech of the last seconds that no turn covers yet. @param {Timeline} timeline @returns {Span[]} */
function unlabelled(timeline) {
  /** @type {Span[]} */
  const speech = [
    ...timeline.recentSpeech.map((one) => /** @type {Span} */ ([one.start_ms ?? 0, one.end_ms ?? 0])),
    ...[...timeline.openSpeech.values()].map(
      (one) => /** @type {Span} */ ([one.start_ms ?? 0, Math.max(one.end_ms ?? 0, timeline.atMs)]),
    ),
  ];
  if (!speech.length) return [];
  const from = Math.min(...speech.map(([start]) => start));
  /** @type {Span[]} */
  const covered = [[0, timeline.finalizedThroughMs]];
  for (const turn of timeline.turns.values()) {
    if ((turn.end_ms ?? 0) > from) covered.push([turn.start_ms ?? 0, turn.end_ms ?? 0]);
  }
  return subtract(speech, covered);
}

/**
 * How long each speaker talked, and their share of all talk; by the turns as they stand.
 *
 * @param {Lane[]} shown
 */
export function talk(shown) {
  const people = shown.filter((lane) => lane.speakerId);
  const covered = people.map((lane) => union(lane.spans.map((span) => /** @type {Span} */ ([span.startMs, span.endMs]))));
  const talked = covered.map(total);
  const all = talked.reduce((sum, ms) => sum + ms, 0);
  return {
    overlapMs: shared(covered),
    speakers: people.map((lane, n) => ({ lane, talkMs: talked[n], ratio: all ? talked[n] / all : 0 })),
  };
}

/**
 * Who speaks at the audio position reached: speakers with a turn that ends there or was open when it was told.
 *
 * @param {Lane[]} shown
 * @param {Timeline} timeline
 */
export function speaking(shown, timeline) {
  if (!timeline.openSpeech.size) return [];
  const latest = Math.max(...shown.flatMap((lane) => (lane.spans.length ? [lane.spans[lane.spans.length - 1].endMs] : [])));
  return shown.filter((lane) => lane.spans.some((span) => span.endMs >= latest - 200 && span.endMs > timeline.atMs - 3000));
}

/** How far labels are behind the sound, in ms; 0 while nobody speaks. @param {Lane[]} shown @param {Timeline} timeline */
export function labelsBehindMs(shown, timeline) {
  if (!timeline.openSpeech.size || timeline.ended) return 0;
  const ends = shown.flatMap((lane) => (lane.speakerId ? lane.spans.map((span) => span.endMs) : []));
  const opened = Math.min(...[...timeline.openSpeech.values()].map((one) => one.start_ms ?? 0));
  return Math.max(0, timeline.atMs - Math.max(opened, ...ends));
}

/** How far words are behind the speech on the lanes, in ms; 0 while there are none, and once the call has ended. @param {Lane[]} shown @param {Pick<Timeline, "atMs" | "ended">} timeline @param {number | undefined} lastWordMs where the last word ends */
export function wordsBehindMs(shown, timeline, lastWordMs) {
  if (lastWordMs === undefined || timeline.ended) return 0;
  const ends = shown.flatMap((lane) => lane.spans.map((span) => Math.min(span.endMs, timeline.atMs)));
  return Math.max(0, Math.max(0, ...ends) - lastWordMs);
}
