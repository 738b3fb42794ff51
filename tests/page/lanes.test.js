import assert from "node:assert/strict";
import { test } from "node:test";
import { wordsBehindMs } from "../../services/gateway/page/lanes.js";

const lane = (...spans) => ({ spans: spans.map(([startMs, endMs]) => ({ startMs, endMs })) });
const LIVE = { atMs: 26_000, ended: null };

test("words are behind the speech that is on the lanes, and not behind silence", () => {
  const shown = [lane([0, 4_000], [9_000, 21_000]), lane([4_500, 8_000])];
  assert.equal(wordsBehindMs(shown, LIVE, 15_000), 6_000);
  assert.equal(wordsBehindMs(shown, LIVE, 21_400), 0);
  assert.equal(wordsBehindMs([lane([9_000, 27_000])], LIVE, 15_000), 11_000, "no further than the call has come");
});

test("nothing is late where there are no words, or the call has ended", () => {
  assert.equal(wordsBehindMs([lane([0, 4_000])], LIVE, undefined), 0);
  assert.equal(wordsBehindMs([], LIVE, 4_000), 0);
  assert.equal(wordsBehindMs([lane([0, 4_000])], { atMs: 26_000, ended: {} }, 1_000), 0);
});
