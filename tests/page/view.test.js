import assert from "node:assert/strict";
import { test } from "node:test";
import { amount, clock, linkTo, momentOf } from "../../services/gateway/page/clock.js";
import { shared, subtract, total, union } from "../../services/gateway/page/spans.js";
import { NARROWEST_MS, View, tickMs } from "../../services/gateway/page/view.js";

test("a short call begins at the left edge", () => {
  const view = new View();
  view.grow(12_000);
  assert.equal(view.fromMs, 0);
});

test("a window that follows has the call's end just before its right edge", () => {
  const view = new View();
  view.grow(100_000);
  assert.equal(view.fromMs, 100_000 - 0.97 * 40_000);
  view.grow(101_000);
  assert.equal(view.fromMs, 101_000 - 0.97 * 40_000);
});

test("a call that has ended reaches to the right edge, so that one of a window's length is seen from its beginning", () => {
  const view = new View();
  view.grow(40_000);
  view.grow(40_000, true);
  assert.equal(view.fromMs, 0);
  view.grow(100_000, true);
  assert.equal(view.fromMs, 60_000);
  view.pan(-1);
  view.follow(true);
  assert.equal(view.fromMs, 60_000);
});

test("a window that was moved stays where it is while the call grows", () => {
  const view = new View();
  view.grow(100_000);
  view.pan(-0.5);
  const { fromMs } = view;
  view.grow(200_000);
  assert.equal(view.fromMs, fromMs);
  assert.equal(view.following, false);
  view.follow(true);
  assert.equal(view.fromMs, 200_000 - 0.97 * 40_000);
});

test("to show a moment moves the window only where it is not yet seen", () => {
  const view = new View();
  view.grow(200_000);
  view.show(190_000);
  assert.equal(view.fromMs, 200_000 - 0.97 * 40_000);
  view.show(50_000);
  assert.equal(view.fromMs, 30_000);
});

test("zooming keeps the moment under the pointer where it is", () => {
  const view = new View();
  view.grow(200_000);
  view.centre(100_000);
  view.zoom(0.5, 90_000);
  assert.equal((90_000 - view.fromMs) / view.spanMs, 0.25);
});

test("a window is never narrower than two seconds, nor wider than the call", () => {
  const view = new View();
  view.grow(200_000);
  for (let n = 0; n < 20; n++) view.zoom(0.5);
  assert.equal(view.spanMs, NARROWEST_MS);
  for (let n = 0; n < 20; n++) view.zoom(2);
  assert.equal(view.spanMs, 200_000);
});

test("a window never leaves the call", () => {
  const view = new View();
  view.grow(200_000);
  view.pan(-100);
  assert.equal(view.fromMs, 0);
  view.pan(100);
  assert.ok(view.fromMs < 200_000 && view.fromMs >= 160_000);
});

test("ticks stand far enough apart", () => {
  assert.equal(tickMs(40_000, 1000), 5_000);
  assert.equal(tickMs(40_000, 300), 15_000);
  assert.equal(tickMs(7_200_000, 1000), 600_000);
});

test("times are written as clocks", () => {
  assert.deepEqual([0, 59_999, 61_000, 3_725_000].map(clock), ["0:00", "0:59", "1:01", "1:02:05"]);
  assert.deepEqual([0, 24_340, 59_949, 59_950].map(amount), ["0.0 s", "24.3 s", "59.9 s", "1:00"]);
});

test("a link to a moment leads to it", () => {
  assert.equal(linkTo(83_200), "#t=83.2");
  assert.equal(momentOf("#t=83.2"), 83_200);
  assert.equal(momentOf("#t=9"), 9_000);
  for (const hash of ["", "#t=", "#t=-1", "#t=1e3", "#x=3"]) assert.equal(momentOf(hash), null);
});

test("spans are joined, taken away and counted", () => {
  assert.deepEqual(union([[5, 9], [1, 3], [2, 4], [9, 9]]), [[1, 4], [5, 9]]);
  assert.deepEqual(subtract([[0, 10]], [[2, 3], [8, 12]]), [[0, 2], [3, 8]]);
  assert.equal(total([[1, 4], [6, 7]]), 4);
  assert.equal(shared([[[0, 10]], [[5, 12]], [[9, 11]]]), 6);
});
