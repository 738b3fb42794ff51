// @ts-check
/** Spans of time in ms: [start, end). */

/** @typedef {[number, number]} Span */

/** What any of the spans covers, in order and without overlaps. @param {Iterable<Span>} spans @returns {Span[]} */
export function union(spans) {
  /** @type {Span[]} */
  const joined = [];
  for (const [start, end] of [...spans].filter(([start, end]) => end > start).sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  return joined;
}

/** What the spans cover and the others don't. @param {Iterable<Span>} spans @param {Iterable<Span>} others @returns {Span[]} */
export function subtract(spans, others) {
  let rest = union(spans);
  for (const [start, end] of union(others)) {
    rest = rest.flatMap(([from, to]) => {
      /** @type {Span[]} */
      const parts = [
        [from, Math.min(to, start)],
        [Math.max(from, end), to],
      ];
      return parts.filter(([a, b]) => b > a);
    });
  }
  return rest;
}

/** Their length together. @param {Iterable<Span>} spans */
export function total(spans) {
  return [...spans].reduce((sum, [start, end]) => sum + end - start, 0);
}

/** The time that at least two of the sets cover, where no set overlaps itself. @param {Span[][]} sets */
export function shared(sets) {
  const edges = sets.flat().flatMap(([start, end]) => [
    { at: start, step: 1 },
    { at: end, step: -1 },
  ]);
  edges.sort((a, b) => a.at - b.at || a.step - b.step);
  let [speaking, since, sum] = [0, 0, 0];
  for (const { at, step } of edges) {
    if (speaking > 1) sum += at - since;
    speaking += step;
    since = at;
  }
  return sum;
}
