// @ts-check
/** What is wrong with the sound or the labels of a call, in words. Pure. */

import { clock } from "./clock.js";

/** @typedef {import("./timeline.js").Timeline} Timeline */

/** What a viewer must know: the latest of each kind. @param {Timeline} timeline */
export function warning(timeline) {
  const parts = [];
  const doubt = timeline.lists.format_doubts.at(-1);
  if (doubt) parts.push(`⚠ ${doubt.detail ?? "the sound can hardly be what was announced"}`);
  for (const content of latestOfChannels(timeline)) parts.push(content);
  const idle = [...timeline.keyed.idles.values()].at(-1);
  if (idle && !idle.over && !timeline.ended) parts.push(`no sound since ${clock(idle.start_ms ?? 0)}`);
  const overload = timeline.lists.degraded.at(-1);
  if (overload) parts.push(`⚠ overload at ${clock(overload.start_ms ?? 0)}: ${overload.detail ?? overload.stage ?? ""}`);
  return parts.join(" · ");
}

/** What is to be said of channels that hold no voices of their own. @param {Timeline} timeline */
function latestOfChannels(timeline) {
  const latest = new Map(timeline.lists.channel_contents.map((one) => [one.channel ?? 0, one]));
  return [...latest.values()].flatMap((one) => {
    if (one.content === "CONTENT_COPY") return [`channel ${(one.channel ?? 0) + 1} is a copy of channel ${(one.copy_of ?? 0) + 1}`];
    return one.content === "CONTENT_NO_VOICE" ? [`channel ${(one.channel ?? 0) + 1} has no voice so far`] : [];
  });
}
