// @ts-check
/** The page of one call. */

import { clock, linkTo, momentOf } from "./clock.js";
import { AXIS_PX, drawLanes, drawOverview, rowPx, themeOf } from "./draw.js";
import { captions } from "./captions.js";
import { Correcting } from "./correcting.js";
import { known } from "./corrections.js";
import { keys } from "./keys.js";
import { labelsBehindMs, lanes, talk, UNKNOWN_COLOUR } from "./lanes.js";
import { Follower, loginAddress } from "./live.js";
import { figures, meters, metadata, names, turnRows } from "./panels.js";
import { Player } from "./player.js";
import { Transcript } from "./transcript.js";
import { View, WORDS_MS } from "./view.js";
import { Voices } from "./voices.js";
import { found, spokenWords, utterances } from "./words.js";

/** @typedef {import("./lanes.js").Lane} Lane */
/** @typedef {import("./words.js").Word} Word */
/** @typedef {import("./words.js").Utterance} Utterance */

const FORMATS = ["txt", "srt", "vtt", "ctm", "rttm", "seglst", "json"];
/** How often words and figures are made anew at most; lanes are drawn with every frame that has news. */
const TEXT_MS = 200;
/** More lanes than this are drawn without words, so that all fit on a screen. */
const MOST_WITH_WORDS = 6;
const STATES = { connecting: "connecting", live: "live", lost: "connection lost, trying again", ended: "ended", unknown: "no such call", login: "please log in", forbidden: "you may not watch calls" };

const get = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const canvas = /** @type {HTMLCanvasElement} */ (get("lanes"));
const overview = /** @type {HTMLCanvasElement} */ (get("overview"));
const sought = /** @type {HTMLInputElement} */ (get("sought"));
const address = new URLSearchParams(location.search);
const callId = address.get("id") ?? "";

const view = new View();
const transcript = new Transcript(get("transcript"), get("announcer"), (ms) => {
  choose(ms);
  hear(ms);
});
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
let [dirty, textDirty, textAt] = [false, false, -Infinity];

const follower = new Follower(callId, changed, (state) => {
  get("state").textContent = STATES[state];
  get("state").dataset.state = state;
  const login = /** @type {HTMLAnchorElement} */ (get("login"));
  login.href = loginAddress();
  login.hidden = state !== "login";
  if (state === "ended") void player.open(cursorMs);
}, address.get("archived") ?? "");
const { timeline } = follower;
const player = new Player(/** @type {HTMLAudioElement} */ (get("sound")), `${follower.path}/sound${follower.query}`, (ms) => {
  cursorMs = ms;
  view.turnTo(ms);
  pressed();
  transcript.mark(ms, said);
  redraw();
});
const correcting = new Correcting(follower.path, timeline, chosen);
new Voices(() => timeline.speakers.get(chosen().speakerId)?.name ?? "");

function changed() {
  textDirty = true;
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
  shown = lanes(timeline);
  view.grow(timeline.durationMs);
  if (textDirty && now - textAt >= TEXT_MS) text(now);
  else if (textDirty) setTimeout(redraw, TEXT_MS);
  const theme = themeOf(document.body);
  const withWords = view.spanMs <= WORDS_MS && spoken.length > 0 && shown.length <= MOST_WITH_WORDS;
  row = rowPx(withWords);
  drawLanes(canvas, timeline, shown, view, { cursorMs, selected, withWords, theme });
  drawOverview(overview, shown, view, view.wholeMs, theme);
  captions(get("captions"), withWords ? said : [], shown, view, canvas.clientWidth);
  names(get("names"), shown, row);
  status();
  const { speakerId } = chosen();
  get("chosen").textContent = speakerId ? `of ${known(timeline, speakerId)}` : "";
}

/** @param {number} now */
function text(now) {
  [textDirty, textAt] = [false, now];
  spoken = spokenWords(timeline);
  said = utterances(spoken);
  search();
  if (linked && cursorMs !== null && said.length) {
    transcript.mark(cursorMs, said);
    linked = false;
  }
  get("no-words").hidden = said.length > 0;
  transcript.announce(said, person);
  const spent = talk(shown);
  meters(get("meters"), spent);
  figures(get("figures"), timeline, spent);
  metadata(get("metadata"), timeline);
  correcting.list();
  if (/** @type {HTMLDetailsElement} */ (get("turns")).open) turnRows(get("turn-rows"), shown);
}

function status() {
  const [labels, words] = [labelsBehindMs(shown, timeline), spoken.at(-1)?.endMs];
  const parts = labels ? [`labels ${(labels / 1000).toFixed(1)} s behind`] : [];
  if (labels && words !== undefined) parts.push(`words ${(Math.max(0, timeline.atMs - words) / 1000).toFixed(1)} s`);
  get("behind").textContent = timeline.ended ? clock(timeline.durationMs) : [clock(timeline.atMs), ...parts].join(" · ");
  get("warning").textContent = warning();
}

/** What a viewer must know: the latest of each kind. */
function warning() {
  const parts = [];
  const doubt = timeline.lists.format_doubts.at(-1);
  if (doubt) parts.push(`⚠ ${doubt.detail ?? "the sound can hardly be what was announced"}`);
  for (const content of latestOfChannels()) parts.push(content);
  const idle = [...timeline.keyed.idles.values()].at(-1);
  if (idle && !idle.over && !timeline.ended) parts.push(`no sound since ${clock(idle.start_ms ?? 0)}`);
  const overload = timeline.lists.degraded.at(-1);
  if (overload) parts.push(`⚠ overload at ${clock(overload.start_ms ?? 0)}: ${overload.detail ?? overload.stage ?? ""}`);
  return parts.join(" · ");
}

/** What is to be said of channels that hold no voices of their own. */
function latestOfChannels() {
  const latest = new Map(timeline.lists.channel_contents.map((one) => [one.channel ?? 0, one]));
  return [...latest.values()].flatMap((one) => {
    if (one.content === "CONTENT_COPY") return [`channel ${(one.channel ?? 0) + 1} is a copy of channel ${(one.copy_of ?? 0) + 1}`];
    return one.content === "CONTENT_NO_VOICE" ? [`channel ${(one.channel ?? 0) + 1} has no voice so far`] : [];
  });
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
  transcript.mark(ms, said);
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
  get("hits").textContent = sought.value.trim() ? `${hits.length} found` : "";
  transcript.show(said, person, marked);
}

function nextHit() {
  if (!hits.length) return;
  hit = (hit + 1) % hits.length;
  seek(hits[hit].startMs);
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
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);

get("call-id").textContent = callId;
document.title = `${callId} – Speakerline`;
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
