// @ts-check
/** Plays the sound of a call, where it was recorded, and says where it has come to. */

export class Player {
  /**
   * @param {HTMLAudioElement} audio hidden until there is sound
   * @param {string} path
   * @param {(ms: number) => void} onMove with each frame while it plays, and when somebody moves it
   */
  constructor(audio, path, onMove) {
    this.audio = audio;
    this.path = path;
    this.onMove = onMove;
    audio.addEventListener("play", () => this.#tell());
    audio.addEventListener("seeked", () => this.#moved());
  }

  get there() {
    return !this.audio.hidden;
  }

  /** Show it, if the call has sound. @param {number | null} fromMs */
  async open(fromMs) {
    if (this.there) return;
    const answer = await fetch(this.path, { headers: { Range: "bytes=0-0" } }).catch(() => undefined);
    void answer?.body?.cancel();
    if (!answer?.ok) return;
    this.audio.src = this.path;
    this.audio.hidden = false;
    if (fromMs !== null) this.seek(fromMs);
  }

  /** @param {number} ms */
  seek(ms) {
    if (this.there) this.audio.currentTime = ms / 1000;
  }

  /** Hear what is said there. @param {number} ms */
  playFrom(ms) {
    this.seek(ms);
    if (this.there) void this.audio.play();
  }

  toggle() {
    if (!this.there) return;
    if (this.audio.paused) void this.audio.play();
    else this.audio.pause();
  }

  #tell() {
    this.#moved();
    if (!this.audio.paused) requestAnimationFrame(() => this.#tell());
  }

  #moved() {
    this.onMove(1000 * this.audio.currentTime);
  }
}
