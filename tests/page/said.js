// Reads events as JSON lines, and prints what the page makes of all of them: words, utterances, talk.
import { readFileSync } from "node:fs";
import { lanes, talk } from "../../services/gateway/page/lanes.js";
import { Timeline } from "../../services/gateway/page/timeline.js";
import { spokenWords, textOf, utterances } from "../../services/gateway/page/words.js";

const events = readFileSync(0, "utf8").trim().split("\n").map((line) => JSON.parse(line));
const timeline = new Timeline(events[0].call_id);
for (const event of events) timeline.apply(event);
const shown = lanes(timeline);
const spent = talk(shown);
console.log(
  JSON.stringify({
    utterances: utterances(spokenWords(timeline)).map((one) => [
      timeline.label(one.speakerId),
      one.channel,
      one.startMs,
      one.endMs,
      textOf(one),
    ]),
    lanes: shown.map((lane) => [
      lane.speakerId,
      lane.label,
      lane.colour,
      lane.spans.map((span) => [span.startMs, span.endMs, span.settled]),
    ]),
    overlap_ms: spent.overlapMs,
    talk: spent.speakers.map(({ lane, talkMs, ratio }) => [lane.speakerId, talkMs, ratio]),
  }),
);
