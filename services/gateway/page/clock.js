// @ts-check
/** Times as people read them. */

/** `m:ss`, or `h:mm:ss` from an hour on. @param {number} ms */
export function clock(ms) {
  const seconds = Math.floor(ms / 1000);
  const two = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${Math.floor(seconds / 60) % 60}:${two(seconds % 60)}`;
  return hours ? `${hours}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}` : rest;
}

/** How long: `24.3 s` below a minute, else `m:ss`. @param {number} ms */
export function amount(ms) {
  return ms < 59_950 ? `${(ms / 1000).toFixed(1)} s` : clock(ms + 500);
}

/** The position in a link to a moment, `#t=83.2`, in ms; null where there is none. @param {string} hash */
export function momentOf(hash) {
  const found = /^#t=(\d+(?:\.\d+)?)$/.exec(hash);
  return found ? Math.round(1000 * Number(found[1])) : null;
}

/** The link to a moment. @param {number} ms */
export function linkTo(ms) {
  return `#t=${(ms / 1000).toFixed(1)}`;
}
