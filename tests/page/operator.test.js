import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { test } from "node:test";

import { Follower } from "../../services/gateway/page/live.js";
import { Operator } from "../../services/gateway/page/operator.js";

globalThis.crypto ??= /** @type {Crypto} */ (webcrypto); // Node.js 18 of Debian has it by its module only

/** Questions to the gateway, answered by hand, in any order. */
function asked(/** @type {import("node:test").TestContext} */ t) {
  const questions = [];
  t.mock.method(globalThis, "fetch", (path, options) => {
    return new Promise((resolve) => questions.push({ path, body: options?.body && JSON.parse(options.body), resolve }));
  });
  return questions;
}

const settled = () => new Promise((resolve) => setImmediate(resolve));
const answer = (status, body) => ({ ok: status < 300, status, json: async () => body });
const name = (speaker, text) => ({ name_speaker: { speaker_id: speaker, name: text } });

function operating(t) {
  const [questions, shown] = [asked(t), []];
  const follower = new Follower({ callId: "c", path: "calls/c", query: "" }, () => {}, () => {});
  const operator = new Operator(follower, (text, problem) => shown.push([text, problem]));
  const tell = (said, refused = "") => {
    const { timeline } = follower;
    timeline.apply({ call_id: "c", seq: timeline.seq + 1, correction: { ...said, ...(refused && { refused }) } });
    operator.look();
  };
  return { questions, shown, follower, operator, tell };
}

test("what becomes of a correction does not cover what was said after it", async (t) => {
  const { questions, shown, operator, tell } = operating(t);
  void operator.say(name("S1", "Ann"));
  void operator.say(name("S2", "Bob"));
  tell(questions[1].body);
  assert.deepEqual(shown.at(-1), ["S2 is called Bob", false]);
  tell(questions[0].body);
  assert.deepEqual(shown.at(-1), ["S2 is called Bob", false]);
});

test("a refusal that comes late stands beside the latest correction, and goes with the next", async (t) => {
  const { questions, shown, operator, tell } = operating(t);
  void operator.say(name("S9", "Ann"));
  void operator.say(name("S2", "Bob"));
  tell(questions[1].body);
  questions[0].resolve(answer(404, { detail: "no such speaker" }));
  await settled();
  assert.deepEqual(shown.at(-1), ["Not applied: S9 is called Ann (no such speaker) · S2 is called Bob", true]);
  void operator.say(name("S1", "Cleo"));
  assert.deepEqual(shown.at(-1), ["Sending: S1 is called Cleo", false]);
  questions[2].resolve(answer(202, {}));
  await settled();
  assert.deepEqual(shown.at(-1), ["Sent: S1 is called Cleo", false]);
  tell(questions[2].body, "somebody was faster");
  assert.deepEqual(shown.at(-1), ["Not applied: S1 is called Cleo (somebody was faster)", true]);
});

test("an answer that comes after the timeline has told of the correction says nothing", async (t) => {
  const { questions, shown, operator, tell } = operating(t);
  void operator.say(name("S1", "Ann"));
  tell(questions[0].body);
  questions[0].resolve(answer(409, { detail: "said before" }));
  await settled();
  assert.deepEqual(shown.at(-1), ["S1 is called Ann", false]);
});

test("of a call that has ended, an answer that knows less is not taken", async (t) => {
  const { questions, follower } = operating(t);
  follower.timeline.restore({ call_id: "c", seq: 5, ended: true });
  const both = [follower.reread(), follower.reread()];
  questions[1].resolve(answer(200, { call_id: "c", seq: 7, ended: true }));
  questions[0].resolve(answer(200, { call_id: "c", seq: 6, ended: true }));
  await Promise.all(both);
  assert.equal(follower.timeline.seq, 7);
});
