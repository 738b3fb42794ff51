// @ts-check
/** Which rows of a long list are drawn: those that can be seen, and some around them. Pure. */

/** Rows beyond each edge, so that keys and wheel find the next ones there. */
const AROUND = 8;

/**
 * @param {number} scrolledPx from the first row to the upper edge of what is seen
 * @param {number} seenPx height of what is seen
 * @param {number} rowPx height of a row
 * @param {number} count of rows
 * @returns {{first: number, end: number}} rows [first, end)
 */
export function rowsInSight(scrolledPx, seenPx, rowPx, count) {
  const first = Math.floor(scrolledPx / rowPx) - AROUND;
  const end = Math.ceil((scrolledPx + seenPx) / rowPx) + AROUND;
  return { first: Math.min(Math.max(0, first), count), end: Math.min(Math.max(0, end), count) };
}
