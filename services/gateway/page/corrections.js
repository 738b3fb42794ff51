// @ts-check
/** What operators said of a call, in words, and which of it holds. Pure. */

import { clock } from "./clock.js";

/** @typedef {import("./timeline.js").Message} Message */
/** @typedef {import("./timeline.js").Timeline} Timeline */

/**
 * Corrections that were applied and can be taken back, the latest last: once a call has ended, only those made since.
 *
 * @param {Timeline} timeline
 * @returns {Message[]}
 */
export function holding(timeline) {
  const said = [...timeline.keyed.corrections.values()].filter((one) => !one.refused);
  const undone = new Set(said.flatMap((one) => (one.undo ? [one.undo.correction_id ?? ""] : [])));
  return said.filter((one) => !one.undo && !undone.has(one.correction_id) && (one.after_end || !timeline.ended));
}

/** What a correction says. @param {Message} said @param {Timeline} timeline @returns {string} */
export function sentence(said, timeline) {
  const own = (/** @type {string | undefined} */ id) => (id ? `${id}${nameOf(id, timeline)}` : "somebody else");
  if (said.name_speaker) {
    const { speaker_id: id, name } = said.name_speaker;
    return name ? `${id} is called ${name}` : `${id} has no name`;
  }
  if (said.assign_role) {
    const { speaker_id: id, role } = said.assign_role;
    return role ? `${own(id)} is the ${role}` : `${own(id)} has no role`;
  }
  if (said.merge_speakers) return `${said.merge_speakers.speaker_id} is ${own(said.merge_speakers.into_speaker_id)}`;
  if (said.split_speaker) return `${said.split_speaker.speaker_id} is somebody else`;
  if (said.reassign_turn) {
    const turn = said.reassign_turn;
    const when = turn.end_ms ? `${clock(turn.start_ms ?? 0)} to ${clock(turn.end_ms)}` : `turn ${turn.turn_id}`;
    return `${when} was ${own(turn.speaker_id)}`;
  }
  if (said.undo) {
    const before = timeline.keyed.corrections.get(said.undo.correction_id ?? "");
    return before ? `taken back: ${sentence(before, timeline)}` : "a correction was taken back";
  }
  return "something that this page does not know";
}

/** @param {string} id @param {Timeline} timeline */
function nameOf(id, timeline) {
  const label = timeline.label(id);
  return label === id ? "" : ` (${label})`;
}

/** A speaker as people know it: name or id, and role. @param {Timeline} timeline @param {string} speakerId */
export function known(timeline, speakerId) {
  const label = timeline.label(speakerId);
  const role = timeline.speakers.get(timeline.resolve(speakerId))?.role;
  return role ? `${label} (${role})` : label;
}
