import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf, questionOf } from "../../services/gateway/page/asked.js";

test("the address has what was filled in, and nothing else", () => {
  const fields = [["q", " car light "], ["speaker", ""], ["queue", "sales"], ["secret", "x"]];
  assert.equal(addressOf(fields).toString(), "q=car+light&queue=sales");
});

test("days are those of the reader, and the last one counts whole", () => {
  const question = questionOf(new URLSearchParams("from=2026-11-28&to=2026-12-31"), "");
  assert.equal(question.get("from"), new Date(2026, 10, 28).toISOString());
  assert.equal(question.get("to"), new Date(2027, 0, 1).toISOString());
});

test("the next page begins where the one before ended", () => {
  assert.equal(questionOf(new URLSearchParams("q=refund"), "17").toString(), "q=refund&before=17");
  assert.equal(questionOf(new URLSearchParams("q=refund"), "").toString(), "q=refund");
});
