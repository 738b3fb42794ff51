// @ts-check
/** Finds calls in the archive: by words, people, queue and time. The address has what was asked for. */

import { addressOf, FIELDS, questionOf } from "./asked.js";
import { amount, clock, linkTo } from "./clock.js";
import { loginAddress, REFUSALS } from "./live.js";
import { element } from "./panels.js";

/** @typedef {import("./timeline.js").Message} Message */

const get = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ (get("wanted"));
const list = get("found");
const more = /** @type {HTMLButtonElement} */ (get("more"));
const EMPTY = "The archive has no calls yet. Each call is here as soon as it runs.";
const NOT_FOUND = "No call has all of this. Try fewer words, or the beginning of one, such as refu*; an empty form shows all calls.";
let next = "";
/** Which question the page shows: an answer to an earlier one comes too late. */
let asked = 0;

/** @param {string} before */
async function ask(before) {
  const number = ++asked;
  get("none").hidden = true;
  get("told").textContent = "searching";
  const answer = await fetch(`archive/calls?${questionOf(new URLSearchParams(location.search), before)}`).catch(() => undefined);
  const body = await answer?.json().catch(() => undefined);
  if (number !== asked) return;
  if (!before) list.replaceChildren();
  more.hidden = true;
  if (!answer?.ok || !body) return refused(answer?.status ?? 0, body?.detail);
  list.append(...body.calls.map(item));
  next = body.next;
  more.hidden = !next;
  get("told").textContent = list.children.length ? "" : "nothing found";
  get("none").hidden = list.children.length > 0;
  get("none").textContent = location.search.length > 1 ? NOT_FOUND : EMPTY;
}

/** @param {number} status @param {unknown} detail */
function refused(status, detail) {
  const why = REFUSALS[status];
  const login = /** @type {HTMLAnchorElement} */ (get("login"));
  login.href = loginAddress();
  login.hidden = why !== "login";
  get("told").textContent = why === "login" ? "please log in" : typeof detail === "string" ? detail : "no answer: try again";
}

/** @param {Message} call */
function item(call) {
  const address = `call.html?id=${encodeURIComponent(call.call_id)}&archived=${encodeURIComponent(call.archived)}`;
  const link = element("a", "", element("bdi", "", call.call_id));
  link.href = address;
  const when = element("time", "", new Date(call.began_at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }));
  when.dateTime = call.began_at;
  const facts = [clock(call.duration_ms), ...(call.recorded ? ["recorded"] : []), ...(call.ended ? [] : ["running"]), ...(call.lost ? ["not all of it"] : [])];
  const head = element("p", "head", link, " ", when, element("span", "number", ` · ${facts.join(" · ")}`));
  const about = Object.entries(call.metadata).map(([name, value]) => element("span", "fact", element("bdi", "", `${name}: ${value}`)));
  const people = call.speakers.map((/** @type {Message} */ one) =>
    element("span", "fact", element("bdi", "", one.name || one.speaker_id), ` ${amount(one.talk_ms)}`),
  );
  const said = call.snippets.map((/** @type {Message} */ snippet) => hit(snippet, address));
  return element("li", "", head, element("p", "facts", ...people, ...about), ...said);
}

/** A few words around what was looked for; leads to the moment. @param {Message} snippet @param {string} address */
function hit(snippet, address) {
  const link = element("a", "number", clock(snippet.start_ms));
  link.href = address + linkTo(snippet.start_ms);
  link.setAttribute("aria-label", `go to ${clock(snippet.start_ms)}`);
  const text = element("bdi", "", ...snippet.pieces.flatMap((/** @type {Message} */ { text, hit }) => (hit ? marked(text) : [text])));
  return element("p", "snippet", link, " ", text);
}

/** Without the blank before it. @param {string} text @returns {(Node | string)[]} */
function marked(text) {
  const words = text.trimStart();
  return [text.slice(0, text.length - words.length), element("mark", "", words)];
}

/** What the address asks for stands in the form. */
function fill() {
  const address = new URLSearchParams(location.search);
  for (const name of FIELDS) /** @type {HTMLInputElement} */ (form.elements.namedItem(name)).value = address.get(name) ?? "";
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  history.pushState(null, "", `?${addressOf(new FormData(form))}`);
  void ask("");
});
more.addEventListener("click", () => void ask(next));
addEventListener("popstate", () => {
  fill();
  void ask("");
});
addEventListener("keydown", (event) => {
  if (event.key !== "/" || /** @type {HTMLElement} */ (event.target).closest("input")) return;
  event.preventDefault();
  /** @type {HTMLInputElement} */ (form.elements.namedItem("q")).focus();
});
fill();
void ask("");
