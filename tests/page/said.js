// Reads events as JSON lines, and prints what the page makes of each call, which begins with its event 1: words,
// utterances, talk.
import { readFileSync } from "node:fs";
import { lanes, talk } from "../../services/gateway/page/lanes.js";
import { Timeline } from "../../services/gateway/page/timeline.js";
import { spokenWords, textOf, utterances } from "../../services/gateway/page/words.js";

/** @param {Timeline} timeline */
function tell(timeline) {
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
}

/** @type {Timeline | undefined} */
let timeline;
for (const line of readFileSync(0, "utf8").trim().split("\n")) {
  const event = JSON.parse(line);
  if (event.seq === 1) {
    if (timeline) tell(timeline);
    timeline = new Timeline(event.call_id);
  }
  timeline?.apply(event);
}
if (timeline) tell(timeline);
