// @ts-check
/** The page of one call. */

import { clock, linkTo, momentOf } from "./clock.js";
import { AXIS_PX, drawLanes, drawOverview, rowPx, themeOf } from "./draw.js";
import { Captions } from "./captions.js";
import { Correcting } from "./correcting.js";
import { known } from "./corrections.js";
import * as first from "./first.js";
import { keys } from "./keys.js";
import { labelsBehindMs, lanes, talk, UNKNOWN_COLOUR, wordsBehindMs } from "./lanes.js";
import { Follower, loginAddress } from "./live.js";
import { figures, meters, metadata, names, tell, turnRows } from "./panels.js";
import { Player } from "./player.js";
import { Transcript } from "./transcript.js";
import { View, WORDS_MS } from "./view.js";
import { Voices } from "./voices.js";
import { warning } from "./warning.js";
import { found, spokenWords, utterances } from "./words.js";

/** @typedef {import("./lanes.js").Lane} Lane */
/** @typedef {import("./words.js").Word} Word */
/** @typedef {import("./words.js").Utterance} Utterance */

const FORMATS = ["txt", "srt", "vtt", "ctm", "stm", "rttm", "seglst", "json"];
/** How often words and figures are made anew at most; lanes are drawn with every frame that has news. */
const TEXT_MS = 200;
/** Words that are less behind the lanes than this are not told to be. */
const LATE_WORDS_MS = 1000;
/** They take no more than one part in so many of the time: those of two hours take longer than those of a minute. */
const TEXT_PARTS = 5;
/** More lanes than this are drawn without words, so that all fit on a screen. */
const MOST_WITH_WORDS = 6;
/** What helps where the call can't be shown. @type {Partial<Record<import("./live.js").State, string>>} */
const NOTHING = {
  unknown: "It has not begun yet, or it was erased, or it is over and no archive has it. Reload the page to look again.",
  login: "Only people who are logged in can see this call.",
  forbidden: "Your login lacks the role that watching needs. Whoever runs this system can give it to you.",
};
const STATES = { connecting: "connecting", live: "live", lost: "connection lost, trying again", ended: "ended", unknown: "no such call", login: "please log in", forbidden: "you may not watch calls" };

const get = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const canvas = /** @type {HTMLCanvasElement} */ (get("lanes"));
const overview = /** @type {HTMLCanvasElement} */ (get("overview"));
const sought = /** @type {HTMLInputElement} */ (get("sought"));

const view = new View();
const transcript = new Transcript(get("transcript"), get("announcer"), (ms, speakerId) => {
  choose(ms, Math.max(0, shown.findIndex((lane) => lane.speakerId === speakerId)));
  hear(ms);
});
const captions = new Captions(get("captions"));
/** @type {Lane[]} */
let shown = [];
/** @type {Word[]} */
let spoken = [];
/** @type {Utterance[]} */
let said = [];
/** @type {Word[]} */
let hits = [];
let hit = -1;
/** @type {number | null} */
let cursorMs = momentOf(location.hash);
/** Whether the transcript is still to be brought to the moment that the address names. */
let linked = cursorMs !== null;
let selected = "";
let row = rowPx(false);
let theme = themeOf(document.body);
let [dirty, lanesDirty, textDirty, textWaits, textFrom] = [false, false, false, false, -Infinity];

const follower = new Follower(first, changed, (state) => {
  get("state").textContent = STATES[state];
  get("state").dataset.state = state;
  document.body.classList.toggle("empty", state in NOTHING);
  get("nothing").hidden = !(state in NOTHING);
  get("nothing-title").textContent = STATES[state];
  get("nothing-why").textContent = NOTHING[state] ?? "";
  get("follow").hidden = state === "ended";
  const login = /** @type {HTMLAnchorElement} */ (get("login"));
  login.href = loginAddress();
  login.hidden = state !== "login";
  if (state === "ended") void player.open(cursorMs);
});
const { timeline } = follower;
const player = new Player(/** @type {HTMLAudioElement} */ (get("sound")), `${follower.path}/sound${follower.query}`, (ms) => {
  cursorMs = ms;
  view.turnTo(ms);
  pressed();
  transcript.mark(ms, said);
  redraw();
});
const correcting = new Correcting(follower, chosen);
new Voices(follower, () => {
  const { speakerId } = chosen();
  return { speakerId, name: timeline.speakers.get(speakerId)?.name ?? "" };
});

function changed() {
  [lanesDirty, textDirty] = [true, true];
  redraw();
}

function redraw() {
  if (dirty) return;
  dirty = true;
  requestAnimationFrame(draw);
}

/** @param {number} now */
function draw(now) {
  dirty = false;
  if (lanesDirty) [shown, lanesDirty] = [lanes(timeline), false];
  view.grow(timeline.durationMs, timeline.ended);
  if (textDirty) textWithin(now);
  const withWords = view.spanMs <= WORDS_MS && spoken.length > 0 && shown.length <= MOST_WITH_WORDS;
  row = rowPx(withWords);
  drawLanes(canvas, timeline, shown, view, { cursorMs, selected, withWords, theme });
  drawOverview(overview, shown, view, view.wholeMs, theme);
  captions.show(withWords ? said : [], shown, view, canvas.clientWidth);
  names(get("names"), shown, row);
  status();
  const { speakerId } = chosen();
  tell(get("chosen"), speakerId ? `of ${known(timeline, speakerId)}` : "");
}

/** Words and figures, now or as soon as they may be made anew. @param {number} now */
function textWithin(now) {
  if (now >= textFrom) {
    const began = performance.now();
    text();
    textFrom = now + Math.max(TEXT_MS, TEXT_PARTS * (performance.now() - began));
  } else if (!textWaits) {
    textWaits = true;
    setTimeout(() => {
      textWaits = false;
      redraw();
    }, textFrom - now);
  }
}

function text() {
  textDirty = false;
  spoken = spokenWords(timeline);
  said = utterances(spoken);
  search();
  if (linked && cursorMs !== null && said.length) {
    transcript.mark(cursorMs, said);
    linked = false;
  }
  get("no-words").hidden = said.length > 0;
  tell(get("no-words"), timeline.ended ? "No words." : "No words yet.");
  transcript.announce(said, person);
  const spent = talk(shown);
  meters(get("meters"), spent);
  figures(get("figures"), timeline, spent);
  metadata(get("metadata"), timeline);
  correcting.list();
  if (/** @type {HTMLDetailsElement} */ (get("turns")).open) turnRows(get("turn-rows"), shown);
}

function status() {
  const [labels, words] = [labelsBehindMs(shown, timeline), wordsBehindMs(shown, timeline, spoken.at(-1)?.endMs)];
  const parts = labels ? [`labels ${(labels / 1000).toFixed(1)} s behind`] : [];
  if (words >= LATE_WORDS_MS) parts.push(`words ${(words / 1000).toFixed(1)} s behind`);
  tell(get("behind"), timeline.ended ? clock(timeline.durationMs) : [clock(timeline.atMs), ...parts].join(" · "));
  tell(get("warning"), warning(timeline));
}

/** @param {string} speakerId */
function person(speakerId) {
  const lane = shown.find((one) => one.speakerId === speakerId);
  return { label: timeline.label(speakerId), colour: lane?.colour ?? UNKNOWN_COLOUR };
}

/** Choose the turn at this moment, that of a lane if two speak. @param {number} ms @param {number} [lane] */
function choose(ms, lane = 0) {
  const lanesFirst = [...shown.slice(lane, lane + 1), ...shown];
  const spans = lanesFirst.flatMap((one) => one.spans);
  selected = spans.find((span) => span.turnId && span.startMs <= ms && ms < span.endMs)?.turnId ?? "";
}

/** The turn that was chosen, and its speaker. */
function chosen() {
  return { turnId: selected, speakerId: timeline.resolve(timeline.turns.get(selected)?.speaker_id) };
}

/** @param {number} ms */
function seek(ms) {
  cursorMs = ms;
  history.replaceState(null, "", linkTo(ms));
  view.show(ms);
  player.seek(ms);
  pressed();
  const { start_ms: startMs = 0, end_ms: endMs = 0 } = timeline.turns.get(selected) ?? {};
  transcript.mark(ms, said, startMs <= ms && ms < endMs ? { speakerId: chosen().speakerId, startMs, endMs } : undefined);
  redraw();
}

/** Go there, and hear it. @param {number} ms */
function hear(ms) {
  seek(ms);
  player.playFrom(ms);
}

function pressed() {
  get("follow").setAttribute("aria-pressed", String(view.following));
}

function search() {
  hits = found(spoken, sought.value);
  hit = Math.min(hit, hits.length - 1);
  const marked = new Set(hits.map((word) => word.key));
  const count = hit < 0 ? `${hits.length} found` : `${hit + 1} of ${hits.length}`;
  tell(get("hits"), sought.value.trim() ? count : "");
  transcript.show(said, person, marked);
}

/** The first one is that at the cursor or after it. */
function nextHit() {
  if (!hits.length) return;
  const from = cursorMs ?? 0;
  hit = hit < 0 ? Math.max(0, hits.findIndex((word) => word.startMs >= from)) : (hit + 1) % hits.length;
  seek(hits[hit].startMs);
  search();
}

/** Go to the turn after or before the cursor. @param {1 | -1} step */
function turn(step) {
  const spans = shown.flatMap((lane) => lane.spans).filter((span) => span.turnId).sort((a, b) => a.startMs - b.startMs);
  const at = cursorMs ?? (step > 0 ? -1 : Infinity);
  const next = step > 0 ? spans.find((span) => span.startMs > at) : spans.filter((span) => span.startMs < at).at(-1);
  if (!next) return;
  selected = next.turnId;
  seek(next.startMs);
}

/** @param {() => void} act */
function moved(act) {
  act();
  pressed();
  redraw();
}

keys({
  left: () => moved(() => view.pan(-0.25)),
  right: () => moved(() => view.pan(0.25)),
  narrower: () => moved(() => view.zoom(0.5)),
  wider: () => moved(() => view.zoom(2)),
  home: () => moved(() => view.centre(0)),
  end: () => moved(() => view.follow(true)),
  next: () => turn(1),
  previous: () => turn(-1),
  search: () => sought.focus(),
  play: () => player.toggle(),
  copy: () => void navigator.clipboard?.writeText(location.href),
  help: () => /** @type {HTMLDialogElement} */ (get("help")).showModal(),
  name: () => correcting.ask("name"),
  same: () => correcting.ask("same"),
  turn: () => correcting.ask("turn"),
  role: () => correcting.ask("role"),
  undo: () => correcting.undo(),
});

get("help-button").addEventListener("click", () => /** @type {HTMLDialogElement} */ (get("help")).showModal());
get("follow").addEventListener("click", () => moved(() => view.follow(!view.following)));
get("narrower").addEventListener("click", () => moved(() => view.zoom(0.5)));
get("wider").addEventListener("click", () => moved(() => view.zoom(2)));
get("turns").addEventListener("toggle", changed);
sought.addEventListener("input", () => {
  hit = -1;
  search();
});
get("search").addEventListener("submit", (event) => {
  event.preventDefault();
  nextHit();
});
canvas.addEventListener("click", ({ offsetX, offsetY }) => {
  const ms = view.fromMs + (offsetX / canvas.clientWidth) * view.spanMs;
  choose(ms, Math.floor((offsetY - AXIS_PX) / row));
  if (selected) hear(ms);
  else seek(ms);
});
canvas.addEventListener(
  "wheel",
  (event) => {
    if (!event.ctrlKey && Math.abs(event.deltaX) <= Math.abs(event.deltaY)) return;
    event.preventDefault();
    const around = view.fromMs + (event.offsetX / canvas.clientWidth) * view.spanMs;
    moved(() => (event.ctrlKey ? view.zoom(2 ** (event.deltaY / 200), around) : view.pan(event.deltaX / canvas.clientWidth)));
  },
  { passive: false },
);
const centre = (/** @type {PointerEvent} */ event) => {
  if (event.buttons & 1 || event.type === "pointerdown") {
    moved(() => view.centre((event.offsetX / overview.clientWidth) * view.wholeMs));
  }
};
overview.addEventListener("pointerdown", centre);
overview.addEventListener("pointermove", centre);
addEventListener("hashchange", () => {
  const ms = momentOf(location.hash);
  if (ms !== null) seek(ms);
});
new ResizeObserver(redraw).observe(canvas);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  theme = themeOf(document.body);
  redraw();
});

get("call-id").textContent = first.callId;
document.title = `${first.callId} – Speakerline`;
for (const format of FORMATS) {
  const link = document.createElement("a");
  link.href = `${follower.path}/export/${format}${follower.query}`;
  link.textContent = format;
  link.download = "";
  const item = document.createElement("li");
  item.append(link);
  get("formats").append(item);
}
if (cursorMs !== null) {
  view.following = false;
  view.fromMs = Math.max(0, cursorMs - view.spanMs / 2);
  pressed();
}
void follower.start();
