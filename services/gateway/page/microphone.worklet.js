// @ts-check
/** Runs on the browser's audio thread: collects samples, and hands them over as 16-bit, 100 ms at a time. */

/** What this scope has, and the type library of browsers' pages does not. @type {any} */
const scope = globalThis;
const PIECE_S = 0.1;

class Microphone extends scope.AudioWorkletProcessor {
  constructor() {
    super();
    this.piece = new Int16Array(Math.round(PIECE_S * scope.sampleRate));
    this.filled = 0;
  }

  /** @param {Float32Array[][]} inputs of the first one, its first channel is taken */
  process(inputs) {
    for (const sample of inputs[0]?.[0] ?? []) {
      this.piece[this.filled++] = Math.max(-32768, Math.min(32767, Math.round(32768 * sample)));
      if (this.filled === this.piece.length) {
        this.port.postMessage(this.piece.slice().buffer);
        this.filled = 0;
      }
    }
    return true;
  }
}

scope.registerProcessor("microphone", Microphone);
