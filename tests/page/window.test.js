import assert from "node:assert/strict";
import { test } from "node:test";
import { rowsInSight } from "../../services/gateway/page/window.js";

test("all rows of a short list are drawn", () => {
  assert.deepEqual(rowsInSight(0, 600, 30, 5), { first: 0, end: 5 });
  assert.deepEqual(rowsInSight(0, 600, 30, 0), { first: 0, end: 0 });
});

test("of a long list those in sight are drawn, and eight around them", () => {
  assert.deepEqual(rowsInSight(0, 600, 30, 1000), { first: 0, end: 28 });
  assert.deepEqual(rowsInSight(3010, 600, 30, 1000), { first: 92, end: 129 });
  assert.deepEqual(rowsInSight(29_400, 600, 30, 1000), { first: 972, end: 1000 });
});

test("a list that has become shorter than what was scrolled to draws its end", () => {
  assert.deepEqual(rowsInSight(29_400, 600, 30, 10), { first: 10, end: 10 });
});
