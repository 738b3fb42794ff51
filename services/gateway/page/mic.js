// @ts-check
/** The microphone of this machine as a call. */

import { loginAddress, REFUSALS } from "./live.js";

/** The browser resamples to this rate itself. */
const RATE = 16_000;
/** More sound than this on its way to the gateway: the connection is too slow, and what comes is left out, as a gap. */
const MOST_WAITING_BYTES = 10 * RATE * 2;

const get = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const form = /** @type {HTMLFormElement} */ (get("call"));
const [start, stop] = [/** @type {HTMLButtonElement} */ (get("start")), /** @type {HTMLButtonElement} */ (get("stop"))];
const level = /** @type {HTMLMeterElement} */ (get("level"));
const watch = /** @type {HTMLAnchorElement} */ (get("watch"));
/** Ends what runs. @type {() => void} */
let end = () => {};

/** @param {"off" | "live"} state @param {string} [problem] */
function show(state, problem = "") {
  get("state").textContent = get("state").dataset.state = state;
  [start.disabled, stop.disabled] = [state === "live", state !== "live"];
  get("told").textContent = problem;
  if (state === "off") level.value = level.min;
}

async function begin() {
  start.disabled = true;
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, noiseSuppression: false } });
  const context = new AudioContext({ sampleRate: RATE });
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${new URL("mic", location.href).pathname}`);
  end = () => {
    end = () => {};
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ event: "stop" }));
    microphone.getTracks().forEach((track) => track.stop());
    void context.close();
  };
  socket.onclose = ({ code, reason }) => {
    end();
    show("off", code === 1000 || code === 1005 ? "" : reason || "the gateway is not reached");
  };
  socket.onopen = () => void send(socket, context, microphone);
}

/** @param {WebSocket} socket @param {AudioContext} context @param {MediaStream} microphone */
async function send(socket, context, microphone) {
  const id = String(new FormData(form).get("id")).trim() || `mic-${crypto.randomUUID().slice(0, 8)}`;
  socket.send(JSON.stringify({ call_id: id, sample_rate: RATE, channels: 1, metadata: { source: "microphone" } }));
  await context.audioWorklet.addModule("microphone.worklet.js");
  const node = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
  node.port.onmessage = ({ data }) => {
    level.value = dbfs(new Int16Array(data));
    if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount < MOST_WAITING_BYTES) socket.send(data);
  };
  context.createMediaStreamSource(microphone).connect(node);
  watch.href = `call.html?id=${encodeURIComponent(id)}`;
  watch.hidden = false;
  show("live");
}

/** The level of samples in dB below full scale. @param {Int16Array} samples */
function dbfs(samples) {
  const power = samples.reduce((sum, sample) => sum + (sample / 32768) ** 2, 0) / samples.length;
  return 10 * Math.log10(power + 1e-12);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  begin().catch((error) => {
    end();
    show("off", error instanceof Error ? `no microphone: ${error.message}` : String(error));
  });
});
stop.addEventListener("click", () => end());
addEventListener("pagehide", () => end());

const { status } = await fetch("calls").catch(() => ({ status: 0 }));
if (REFUSALS[status] === "login") {
  const login = /** @type {HTMLAnchorElement} */ (get("login"));
  login.href = loginAddress();
  login.hidden = false;
}
if (!navigator.mediaDevices) show("off", "browsers give the microphone to pages over HTTPS, or of this machine, only");
