// @ts-check
/** The words of a call, and what people read of them. Pure. */

/** @typedef {import("./timeline.js").Timeline} Timeline */
/**
 * @typedef {object} Word
 * @property {string} text
 * @property {number} startMs
 * @property {number} endMs
 * @property {string} speakerId with merges followed; empty: not known
 * @property {number} channel
 * @property {number} confidence 0 to 1
 * @property {boolean} final
 * @property {string} key the same word has the same key, whatever is revised
 */
/**
 * @typedef {object} Utterance What one speaker says without a long pause.
 * @property {string} key
 * @property {string} speakerId
 * @property {number} channel
 * @property {number} startMs
 * @property {number} endMs
 * @property {Word[]} words
 */

/** A longer pause ends an utterance. */
const PAUSE_MS = 1500;
/** A word of somebody else in a pause of this length ends one, too; within fluent speech it does not. */
const BREATH_MS = 250;
/** Scripts that are written without blanks between words, and their punctuation; as `shared/timeline/writing.py` has them. */
const UNSPACED =
  /[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uff9f\u{20000}-\u{3ffff}]/u;

/** All words that are shown, in order of time. @param {Timeline} timeline @returns {Word[]} */
export function spokenWords(timeline) {
  /** @type {Word[]} */
  const spoken = [];
  for (const [id, transcript] of timeline.transcripts) {
    (transcript.words ?? []).forEach((/** @type {import("./timeline.js").Message} */ word, /** @type {number} */ n) => {
      const text = (word.text ?? "").split(/\s+/).filter(Boolean).join(" ");
      if (word.superseded || !text) return;
      spoken.push({
        text,
        startMs: word.start_ms ?? 0,
        endMs: word.end_ms ?? 0,
        speakerId: timeline.resolve(word.speaker_id),
        channel: transcript.channel ?? 0,
        confidence: word.confidence ?? 0,
        final: transcript.final ?? false,
        key: `${id}:${n}`,
      });
    });
  }
  return spoken.sort(
    (a, b) =>
      a.startMs - b.startMs || a.endMs - b.endMs || a.channel - b.channel || compare(a.speakerId, b.speakerId),
  );
}

/**
 * The utterances of a call, by start; the rule is that of `shared/timeline/utterances.py`.
 *
 * @param {Word[]} spoken in order of time
 * @returns {Utterance[]}
 */
export function utterances(spoken) {
  /** @type {Utterance[]} */
  const said = [];
  /** @type {Map<string, Utterance>} */
  const current = new Map();
  const middles = spoken.map((word) => ({ at: (word.startMs + word.endMs) / 2, voice: voiceOf(word) }));
  middles.sort((a, b) => a.at - b.at);
  for (const word of spoken) {
    const mine = current.get(voiceOf(word));
    const before = mine?.words.at(-1);
    if (mine && before && !ends(before, word, middles)) {
      mine.words.push(word);
      mine.endMs = Math.max(mine.endMs, word.endMs);
      continue;
    }
    const { key, speakerId, channel, startMs, endMs } = word;
    const utterance = { key, speakerId, channel, startMs, endMs, words: [word] };
    current.set(voiceOf(word), utterance);
    said.push(utterance);
  }
  return said;
}

/** Whether an utterance ends between two words of one voice. @param {Word} before @param {Word} word @param {{at: number, voice: string}[]} middles */
function ends(before, word, middles) {
  const pauseMs = word.startMs - before.endMs;
  if (pauseMs > PAUSE_MS || pauseMs < BREATH_MS) return pauseMs > PAUSE_MS;
  for (let at = firstFrom(middles, before.endMs); at < middles.length && middles[at].at < word.startMs; at++) {
    if (middles[at].voice !== voiceOf(word)) return true;
  }
  return false;
}

/** @param {{at: number}[]} middles @param {number} ms */
function firstFrom(middles, ms) {
  let [low, high] = [0, middles.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (middles[middle].at < ms) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** @param {Word} word */
function voiceOf(word) {
  return `${word.channel} ${word.speakerId}`;
}

/** @param {string} one @param {string} other */
function compare(one, other) {
  return one < other ? -1 : Number(one > other);
}

/** Whether a blank stands between two words. @param {string} before @param {string} after */
export function spaced(before, after) {
  return !UNSPACED.test([...before].at(-1) ?? "") && !UNSPACED.test([...after][0] ?? "");
}

/** @param {Utterance} utterance */
export function textOf(utterance) {
  return utterance.words.reduce(
    (text, word) => (text ? text + (spaced(text, word.text) ? " " : "") + word.text : word.text),
    "",
  );
}

/** The words that contain a text, whatever their case. @param {Word[]} spoken @param {string} sought @returns {Word[]} */
export function found(spoken, sought) {
  const wanted = sought.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  if (!wanted.length) return [];
  return spoken.filter((_, at) =>
    wanted.every((text, n) => spoken[at + n]?.text.toLocaleLowerCase().includes(text)),
  );
}
