// @ts-check
/** The panels beside the lanes: names, talk meters, figures, and the turns as a table. */

import { amount, clock } from "./clock.js";
import { AXIS_PX } from "./draw.js";

/** @typedef {import("./lanes.js").Lane} Lane */
/** @typedef {import("./timeline.js").Timeline} Timeline */
/** @typedef {ReturnType<typeof import("./lanes.js").talk>} Talk */

/**
 * An element with text and children.
 *
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function element(tag, className = "", ...children) {
  const made = document.createElement(tag);
  made.className = className;
  made.append(...children);
  return made;
}

/** The text of an element, touched only where it differs. @param {HTMLElement} parent @param {string} text */
export function tell(parent, text) {
  if (parent.textContent !== text) parent.textContent = text;
}

/** Replace the children only where they would differ, so that focus and selection stay. @param {HTMLElement} parent @param {Node[]} children */
function fill(parent, children) {
  const made = element("div", "", ...children);
  if (parent.innerHTML !== made.innerHTML) parent.replaceChildren(...made.childNodes);
}

/** With every frame, so nothing is touched that stays. @param {HTMLElement} list @param {Lane[]} shown @param {number} rowPx */
export function names(list, shown, rowPx) {
  const told = JSON.stringify([rowPx, shown.map((lane) => [lane.label, lane.colour])]);
  if (list.dataset.told === told) return;
  list.dataset.told = told;
  list.style.paddingTop = `${AXIS_PX}px`;
  list.replaceChildren(
    ...shown.map((lane) => {
      const item = element("li", "", element("bdi", "who", lane.label));
      item.title = lane.label;
      item.style.height = `${rowPx}px`;
      item.style.setProperty("--lane", lane.colour);
      return item;
    }),
  );
}

/** @param {HTMLElement} list @param {Talk} talk */
export function meters(list, { speakers }) {
  fill(
    list,
    speakers.map(({ lane, talkMs, ratio }) => {
      const percent = Math.round(100 * ratio);
      const bar = element("span", "meter", element("span", "fill"));
      const number = element("span", "number", `${percent} %  ${amount(talkMs)}`);
      const item = element("li", "", element("bdi", "who", lane.label), number, bar);
      item.style.setProperty("--lane", lane.colour);
      item.style.setProperty("--share", `${percent}%`);
      return item;
    }),
  );
}

/** @param {HTMLElement} list @param {Timeline} timeline @param {Talk} talk */
export function figures(list, timeline, { overlapMs }) {
  const rows = [["Overlap", amount(overlapMs)]];
  if (timeline.summary) {
    rows.push(["Silence", amount(timeline.summary.silence_ms ?? 0)]);
    rows.push(["Interruptions", String(timeline.summary.interruptions ?? 0)]);
    if (timeline.summary.gap_ms) rows.push(["Lost", amount(timeline.summary.gap_ms)]);
  }
  fill(list, rows.flatMap(([name, value]) => [element("dt", "", name), element("dd", "", value)]));
}

/** @param {HTMLElement} list @param {Timeline} timeline */
export function metadata(list, timeline) {
  const call = timeline.call ?? {};
  const rows = [["Sound", `${(call.sample_rate ?? 0) / 1000} kHz, ${call.channels ?? 1} ${call.channels > 1 ? "channels" : "channel"}`]];
  if (call.started_at) rows.push(["Started", call.started_at]);
  for (const [name, value] of Object.entries(call.metadata ?? {})) rows.push([name, String(value)]);
  fill(list, rows.flatMap(([name, value]) => [element("dt", "", element("bdi", "", name)), element("dd", "", element("bdi", "", value))]));
}

/** @param {HTMLElement} body of a table @param {Lane[]} shown */
export function turnRows(body, shown) {
  const rows = shown.flatMap((lane) => lane.spans.map((span) => ({ lane, span })));
  rows.sort((a, b) => a.span.startMs - b.span.startMs);
  body.replaceChildren(
    ...rows.map(({ lane, span }) =>
      element(
        "tr",
        "",
        element("td", "", clock(span.startMs)),
        element("td", "", clock(span.endMs)),
        element("td", "", element("bdi", "", lane.label)),
        element("td", "", `${Math.round(100 * span.confidence)} %`),
        element("td", "", span.settled ? "settled" : "provisional"),
      ),
    ),
  );
}
