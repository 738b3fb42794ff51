import assert from "node:assert/strict";
import { test } from "node:test";
import { alarming, awayInWords, Board } from "../../services/gateway/page/board.js";

/** @param {object[]} told */
function boardOf(...told) {
  const board = new Board();
  for (const one of told) board.take(one);
  return board;
}

test("a shard that is away is named until it is said to be back", () => {
  const away = { rows: [{ call_id: "b", away: true }], away: [1], shards: 3 };
  const rows = { rows: [{ call_id: "a" }] };
  assert.match(awayInWords(boardOf({ whole: true, rows: [] }, away, rows)), /^⚠ shard 1 of 3 does not answer/);
  assert.match(awayInWords(boardOf({ ...away, away: [0, 2] })), /^⚠ shards 0, 2 of 3 do not answer/);
  assert.equal(awayInWords(boardOf(away, { away: [], shards: 3 })), "");
  assert.equal(awayInWords(boardOf(away, { whole: true, rows: [] })), "");
});

test("where all of Redis is away, no shard is named", () => {
  assert.match(awayInWords(boardOf({ away: [0], shards: 1 })), /^⚠ Redis does not answer/);
  assert.match(awayInWords(boardOf({ away: [0, 1], shards: 2 })), /^⚠ Redis does not answer/);
});

test("a call on a shard that is away is no alarm: nobody knows whether it is silent", () => {
  const row = { call_id: "a", at_ms: 60_000, spoken_through_ms: 1000 };
  assert.equal(alarming(row), true);
  assert.equal(alarming({ ...row, away: true }), false);
});
