// Reads events as JSON lines, folds them, and prints the state after each of them.
import { createInterface } from "node:readline";
import { Timeline } from "../../services/gateway/page/timeline.js";

/** @type {Timeline | undefined} */
let timeline;
for await (const line of createInterface({ input: process.stdin })) {
  const event = JSON.parse(line);
  timeline = event.seq === 1 || !timeline ? new Timeline(event.call_id) : timeline;
  timeline.apply(event);
  process.stdout.write(JSON.stringify(timeline.snapshot()) + "\n");
}
