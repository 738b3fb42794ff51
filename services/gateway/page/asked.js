// @ts-check
/** What a person asks the archive for, as the address of the page has it and as the API takes it. Pure. */

/** The fields of the form. */
export const FIELDS = ["q", "speaker", "party", "queue", "from", "to"];

/** Only what was filled in. @param {Iterable<[string, unknown]>} fields @returns {URLSearchParams} */
export function addressOf(fields) {
  const filled = [...fields].map(([name, value]) => [name, String(value).trim()]);
  return new URLSearchParams(filled.filter(([name, value]) => FIELDS.includes(name) && value));
}

/**
 * The question for `GET /archive/calls`: days are those of the reader, and the last one counts whole.
 *
 * @param {URLSearchParams} address
 * @param {string} before where the page before ended; empty for the first
 * @returns {URLSearchParams}
 */
export function questionOf(address, before) {
  const question = addressOf(address);
  const [from, to] = [question.get("from"), question.get("to")];
  if (from) question.set("from", dayOf(from, 0).toISOString());
  if (to) question.set("to", dayOf(to, 1).toISOString());
  if (before) question.set("before", before);
  return question;
}

/** The beginning of a day, or of one that comes so many days later. @param {string} day @param {number} later */
function dayOf(day, later) {
  const [year, month, number] = day.split("-").map(Number);
  return new Date(year, month - 1, number + later);
}
