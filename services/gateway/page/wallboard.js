// @ts-check
/** All calls at a glance: a line a call, and the one that needs somebody stands out. */

import { alarming, Board, silenceMs, speakers, speaking } from "./board.js";
import { amount, clock } from "./clock.js";
import { PALETTE, UNKNOWN_COLOUR } from "./lanes.js";
import { loginAddress, REFUSALS } from "./live.js";
import { element } from "./panels.js";

/** @typedef {import("./timeline.js").Message} Message */

const STRIP_MS = 60_000;
const STRIP_PX = { width: 180, height: 18 };
/** Metadata that has a place of its own, by any of its usual names. */
const QUEUE = ["queue", "queue_name", "skill", "agent", "agent_name"];
const RETRY_MS = 2_000;

const get = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const sought = /** @type {HTMLInputElement} */ (get("sought"));
const order = /** @type {HTMLSelectElement} */ (get("order"));
const body = get("rows");
const board = new Board();
/** The lines that stand on the page, by call id. @type {Map<string, HTMLTableRowElement>} */
const lines = new Map();

/** @param {Set<string>} touched */
function draw(touched) {
  const shown = board.shown(sought.value, /** @type {import("./board.js").Order} */ (order.value));
  const wanted = new Set(shown.map((row) => row.call_id));
  for (const [callId, line] of lines) {
    if (wanted.has(callId)) continue;
    line.remove();
    lines.delete(callId);
  }
  /** @type {ChildNode | null} */
  let next = body.firstChild;
  for (const row of shown) {
    let line = lines.get(row.call_id);
    if (!line) lines.set(row.call_id, (line = document.createElement("tr")));
    if (touched.has(row.call_id) || !line.firstChild) fill(line, row);
    if (line === next) next = line.nextSibling;
    else body.insertBefore(line, next);
  }
  summary(shown.length);
}

/** @param {number} shown */
function summary(shown) {
  const running = [...board.rows.values()].filter((row) => !row.ended).length;
  const alarms = [...board.rows.values()].filter(alarming).length;
  get("count").textContent = `${running} running` + (shown < board.rows.size ? `, ${shown} shown` : "");
  get("alarms").textContent = alarms ? `⚠ ${alarms} silent for long` : "";
  get("nothing").hidden = board.rows.size > 0;
}

/** @param {HTMLTableRowElement} line @param {Message} row */
function fill(line, row) {
  const link = element("a", "", element("bdi", "", row.call_id));
  link.href = `call.html?id=${encodeURIComponent(row.call_id)}`;
  const silent = silenceMs(row);
  line.className = [row.ended ? "ended" : "", alarming(row) ? "alarm" : ""].join(" ").trim();
  const queue = QUEUE.flatMap((name) => row.metadata?.[name] ?? []).join(" · ");
  line.replaceChildren(
    element("td", "", link),
    element("td", "number", (row.ended ? "ended " : "") + clock(row.at_ms ?? 0)),
    element("td", "", strip(row)),
    element("td", "", element("bdi", "", speaking(row))),
    element("td", "number", silent >= 1000 ? (alarming(row) ? "⚠ " : "") + amount(silent) : ""),
    element("td", "number", talk(row)),
    element("td", "number", row.overlap_ms ? amount(row.overlap_ms) : ""),
    element("td", "", element("bdi", "", queue)),
    element("td", "said", element("bdi", "", row.text ?? "")),
  );
}

/** Each speaker's share of the talk, once there are statistics. @param {Message} row */
function talk(row) {
  if (!row.speakers?.some((/** @type {Message} */ one) => one.talk_ratio)) return "";
  return (row.speakers ?? []).map((/** @type {Message} */ one) => `${Math.round(100 * (one.talk_ratio ?? 0))}`).join(" : ");
}

/** Who spoke in the last minute, a colour a speaker. @param {Message} row */
function strip(row) {
  const canvas = document.createElement("canvas");
  const scale = window.devicePixelRatio || 1;
  const { width, height } = STRIP_PX;
  canvas.width = width * scale;
  canvas.height = height * scale;
  canvas.setAttribute("role", "img");
  const names = speakers(row);
  canvas.setAttribute("aria-label", `who spoke in the last minute: ${[...names.values()].join(", ") || "nobody"}`);
  const pen = canvas.getContext("2d");
  if (!pen) return canvas;
  pen.scale(scale, scale);
  const from = (row.at_ms ?? 0) - STRIP_MS;
  const each = Math.max(3, Math.floor(height / Math.max(1, names.size)));
  for (const [place, start, end] of row.recent ?? []) {
    pen.fillStyle = place < 0 ? UNKNOWN_COLOUR : PALETTE[place % PALETTE.length];
    const left = ((start - from) / STRIP_MS) * width;
    pen.fillRect(left, Math.max(0, place) * each, Math.max(1, ((end - from) / STRIP_MS) * width - left), each - 1);
  }
  return canvas;
}

/** Refused where nobody is logged in: an EventSource does not tell. */
async function start() {
  const { status } = await fetch("calls").catch(() => ({ status: 0 }));
  const refused = REFUSALS[status];
  if (!refused) return listen();
  get("state").textContent = refused === "login" ? "please log in" : "you may not watch calls";
  const login = /** @type {HTMLAnchorElement} */ (get("login"));
  login.href = loginAddress();
  login.hidden = refused !== "login";
}

function listen() {
  const source = new EventSource("wallboard");
  const state = get("state");
  source.onopen = () => {
    state.textContent = state.dataset.state = "live";
  };
  source.onmessage = ({ data }) => draw(board.take(JSON.parse(data)));
  source.onerror = () => {
    state.dataset.state = "lost";
    state.textContent = "connection lost, trying again";
    if (source.readyState === EventSource.CLOSED) setTimeout(() => void start(), RETRY_MS);
  };
}

sought.addEventListener("input", () => draw(new Set()));
order.addEventListener("change", () => draw(new Set()));
addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target !== sought) {
    event.preventDefault();
    sought.focus();
  }
});
void start();
