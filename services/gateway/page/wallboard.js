// @ts-check
/** All calls at a glance: a line a call, and the one that needs somebody stands out. Only lines in sight are drawn. */

import { alarming, awayInWords, Board } from "./board.js";
import { BoardLine } from "./boardline.js";
import { loginAddress, REFUSALS } from "./live.js";
import { rowsInSight } from "./window.js";

/** @typedef {import("./timeline.js").Message} Message */

/** As style.css has it. */
const ROW_PX = 30;
const RETRY_MS = 2_000;

const get = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const sought = /** @type {HTMLInputElement} */ (get("sought"));
const order = /** @type {HTMLSelectElement} */ (get("order"));
const scroller = get("board");
const body = get("rows");
const board = new Board();
/** The rows that match, in order. @type {Message[]} */
let shown = [];
/** The lines that stand on the page, by call id. @type {Map<string, BoardLine>} */
const lines = new Map();

function arrange() {
  shown = board.shown(sought.value, /** @type {import("./board.js").Order} */ (order.value));
  summary();
  draw();
}

function draw() {
  const { first, end } = rowsInSight(scroller.scrollTop, scroller.clientHeight, ROW_PX, shown.length);
  get("before").style.height = `${ROW_PX * first}px`;
  get("after").style.height = `${ROW_PX * (shown.length - end)}px`;
  const inSight = shown.slice(first, end);
  const wanted = new Set(inSight.map((row) => row.call_id));
  for (const [callId, { item }] of lines) {
    if (wanted.has(callId)) continue;
    item.remove();
    lines.delete(callId);
  }
  /** @type {ChildNode | null} */
  let next = body.firstChild;
  inSight.forEach((row, n) => {
    let line = lines.get(row.call_id);
    if (!line) lines.set(row.call_id, (line = new BoardLine()));
    line.show(row);
    line.item.setAttribute("aria-rowindex", String(first + n + 2)); // the head of the table is the first
    if (line.item === next) next = next.nextSibling;
    else body.insertBefore(line.item, next);
  });
}

function summary() {
  const rows = [...board.rows.values()];
  const alarms = rows.filter(alarming).length;
  get("table").setAttribute("aria-rowcount", String(shown.length + 1));
  get("count").textContent = `${rows.filter((row) => !row.ended).length} running` + (shown.length < rows.length ? `, ${shown.length} shown` : "");
  get("alarms").textContent = alarms ? `⚠ ${alarms} silent for long` : "";
  get("away").textContent = awayInWords(board);
  get("nothing").hidden = rows.length > 0 || board.away.length > 0;
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
  source.onmessage = ({ data }) => {
    board.take(JSON.parse(data));
    arrange();
  };
  source.onerror = () => {
    state.dataset.state = "lost";
    state.textContent = "connection lost, trying again";
    if (source.readyState === EventSource.CLOSED) setTimeout(() => void start(), RETRY_MS);
  };
}

sought.addEventListener("input", arrange);
order.addEventListener("change", arrange);
scroller.addEventListener("scroll", draw, { passive: true });
addEventListener("resize", draw);
body.addEventListener("focusin", ({ target }) => {
  /** @type {HTMLElement} */ (target).scrollIntoView({ block: "nearest" }); // before the next key finds no line
  draw();
});
addEventListener("keydown", (event) => {
  if (event.key === "/" && event.target !== sought) {
    event.preventDefault();
    sought.focus();
  }
});
void start();
