// @ts-check
/**
 * The timeline of one call: events folded, one by one, into what is known now. The rules are those of docs/timeline.md;
 * `shared/timeline/timeline.py` implements the same, and a test compares both after every event.
 *
 * In the JSON of the contract a field with the value 0, "" or false is absent.
 */

/** @typedef {Record<string, any>} Message A message of the contract as JSON. */

const RECENT_MS = 10_000;

/** Items that a later event may replace: the name of the list in a snapshot, and the field with the id. */
const KEYED = {
  turns: "turn_id",
  overlaps: "overlap_id",
  separations: "separation_id",
  transcripts: "transcript_id",
  absences: "absence_id",
  idles: "start_ms",
  corrections: "correction_id",
};

/** Items that stay as they are. */
const LISTS = /** @type {const} */ (["gaps", "silences", "clippings", "degraded", "music", "dtmf", "format_doubts", "channel_contents"]);

/** Kinds that say when they are, and nothing that changes later: the list that they belong to. */
const LIST_OF = {
  gap: "gaps",
  silence: "silences",
  clipping: "clippings",
  degraded: "degraded",
  music: "music",
  dtmf: "dtmf",
  format_doubt: "format_doubts",
  channel_content: "channel_contents",
};

/** Kinds with revisions: the list that they belong to. */
const UPSERT_INTO = { turn: "turns", transcript: "transcripts", separated: "separations" };

/** Kinds of which the last with an id counts: the list that they belong to. */
const REPLACE_IN = { overlap: "overlaps", absence: "absences", idle: "idles", correction: "corrections" };

/** An event is missing: take a snapshot, and go on after its `seq`. */
export class TimelineHole extends Error {}

export class Timeline {
  seq = 0;
  /** The audio position reached. */
  atMs = 0;
  /** @type {string[]} */
  epochs = [];
  /** The announcement. @type {Message | undefined} */
  call;
  /** @type {Map<string, Message>} */
  speakers = new Map();
  /** @type {Map<string, Message>} */
  openSpeech = new Map();
  /** @type {Message[]} */
  recentSpeech = [];
  /** Items by id, by the name of their list in a snapshot. @type {Record<string, Map<string, Message>>} */
  keyed = {};
  /** The other items, by the name of their list. @type {Record<string, Message[]>} */
  lists = {};
  finalizedThroughMs = 0;
  /** @type {Message | undefined} */
  summary;
  ended = false;
  /** @type {string | undefined} */
  endReason;

  /** @param {string} callId */
  constructor(callId) {
    this.callId = callId;
    this.restore({ call_id: callId });
  }

  /** Take the state of a snapshot. @param {Message} snapshot */
  restore(snapshot) {
    this.seq = snapshot.seq ?? 0;
    this.atMs = snapshot.at_ms ?? 0;
    this.epochs = snapshot.epochs ?? [];
    this.call = snapshot.call;
    this.speakers = byId(structuredClone(snapshot.speakers ?? []), "speaker_id"); // they alone are changed in place
    this.openSpeech = byId(snapshot.open_speech ?? [], "segment_id");
    this.recentSpeech = [...(snapshot.recent_speech ?? [])];
    this.keyed = {};
    for (const [list, key] of Object.entries(KEYED)) this.keyed[list] = byId(snapshot[list] ?? [], key);
    this.lists = {};
    for (const list of LISTS) this.lists[list] = [...(snapshot[list] ?? [])];
    this.finalizedThroughMs = snapshot.finalized_through_ms ?? 0;
    this.summary = snapshot.call_summary;
    this.ended = snapshot.ended ?? false;
    this.endReason = snapshot.end_reason;
  }

  /** @returns {Map<string, Message>} */
  get turns() {
    return this.keyed.turns;
  }

  /** @returns {Map<string, Message>} */
  get transcripts() {
    return this.keyed.transcripts;
  }

  /** The length of the call if it has ended, else the audio position reached. */
  get durationMs() {
    return this.ended && this.summary ? (this.summary.duration_ms ?? 0) : this.atMs;
  }

  /** Whether this turn will not change any more. @param {Message} turn */
  settled(turn) {
    return !turn.provisional || (turn.end_ms ?? 0) <= this.finalizedThroughMs;
  }

  /**
   * Apply one event, in order of `seq`. A repeat changes nothing.
   *
   * @param {Message} event a TimelineEvent
   * @returns {boolean} whether it was new
   * @throws {TimelineHole} where events before this one are missing
   */
  apply(event) {
    if (event.restarted) {
      this.restore(event.restarted);
      return true;
    }
    const seq = event.seq ?? 0;
    if (seq <= this.seq) return false;
    if (seq !== this.seq + 1) throw new TimelineHole(`seq ${seq} after ${this.seq}`);
    this.seq = seq;
    this.atMs = Math.max(this.atMs, event.at_ms ?? 0);
    this.#fold(event);
    this.recentSpeech = this.recentSpeech.filter((speech) => (speech.end_ms ?? 0) + RECENT_MS > this.atMs);
    return true;
  }

  /** @param {Message} event */
  #fold(event) {
    for (const [kind, list] of Object.entries(UPSERT_INTO)) {
      if (event[kind]) upsert(this.keyed[list], KEYED[/** @type {keyof typeof KEYED} */ (list)], event[kind]);
    }
    for (const [kind, list] of Object.entries(LIST_OF)) {
      if (event[kind]) this.lists[list].push(event[kind]);
    }
    for (const [kind, list] of Object.entries(REPLACE_IN)) {
      const key = KEYED[/** @type {keyof typeof KEYED} */ (list)];
      if (event[kind]) this.keyed[list].set(event[kind][key] ?? "", event[kind]);
    }
    if (event.turn_withdrawn) this.#withdraw(event.turn_withdrawn);
    else if (event.speech) this.#trackSpeech(event.speech);
    else if (event.speaker_created) set(this.#known(event.speaker_created.speaker_id), "channel", event.speaker_created.channel);
    else if (event.speaker_merged) this.#merge(event.speaker_merged);
    else if (event.speaker_split) this.#split(event.speaker_split);
    else if (event.speaker_named) this.#name(event.speaker_named);
    else if (event.speaker_role) set(this.#known(event.speaker_role.speaker_id), "role", event.speaker_role.role);
    else if (event.call_started) this.call = event.call_started;
    else if (event.finalized) this.finalizedThroughMs = Math.max(this.finalizedThroughMs, event.finalized.through_ms ?? 0);
    else if (event.call_summary) this.summary = event.call_summary;
    else if (event.call_ended) {
      this.ended = true;
      this.endReason = event.call_ended.reason;
      this.openSpeech.clear();
    }
  }

  /** @param {Message} withdrawn */
  #withdraw(withdrawn) {
    const known = this.turns.get(withdrawn.turn_id);
    if (known && (withdrawn.revision ?? 0) >= (known.revision ?? 0)) this.turns.delete(withdrawn.turn_id);
  }

  /** @param {Message} speech */
  #trackSpeech(speech) {
    if (speech.state === "SPEECH_STATE_CLOSED") {
      this.openSpeech.delete(speech.segment_id);
      this.recentSpeech.push(speech);
    } else this.openSpeech.set(speech.segment_id, speech);
  }

  /** Make one id an alias of another; a merge that would close a circle is ignored. @param {Message} merged */
  #merge(merged) {
    const into = this.resolve(merged.into_speaker_id);
    const gone = this.resolve(merged.speaker_id);
    if (into === gone) return;
    this.#known(into);
    this.#known(gone).merged_into = into;
  }

  /** @param {Message} split */
  #split(split) {
    const speaker = this.#known(split.speaker_id);
    set(speaker, "channel", this.#known(split.from_speaker_id).channel);
    delete speaker.merged_into;
  }

  /** @param {Message} named */
  #name(named) {
    const speaker = this.#known(named.speaker_id);
    set(speaker, "name", named.name);
    set(speaker, "name_confidence", named.confidence);
  }

  /** @param {string} speakerId @returns {Message} */
  #known(speakerId = "") {
    const known = this.speakers.get(speakerId) ?? (speakerId ? { speaker_id: speakerId } : {});
    this.speakers.set(speakerId, known);
    return known;
  }

  /** The current id of a speaker, with merges followed to their end. @param {string} [speakerId] @returns {string} */
  resolve(speakerId = "") {
    /** @type {string} */
    let current = speakerId;
    for (let into = current; into; into = this.speakers.get(current)?.merged_into ?? "") current = into;
    return current;
  }

  /** The label to show: the name if there is one, else the id, else `unknown`. @param {string} [speakerId] */
  label(speakerId) {
    const resolved = this.resolve(speakerId);
    return this.speakers.get(resolved)?.name || resolved || "unknown";
  }

  /** The speakers that are not merged into another, in order of creation. @returns {Message[]} */
  people() {
    return [...this.speakers.values()].filter((state) => !state.merged_into);
  }

  /** The whole state as the JSON of a Snapshot. @returns {Message} */
  snapshot() {
    /** @type {Message} */
    const snapshot = {
      call_id: this.callId,
      seq: this.seq,
      at_ms: this.atMs,
      epochs: this.epochs,
      call: this.call,
      speakers: [...this.speakers.values()],
      open_speech: [...this.openSpeech.values()],
      recent_speech: this.recentSpeech,
      finalized_through_ms: this.finalizedThroughMs,
      call_summary: this.summary,
      ended: this.ended,
      end_reason: this.endReason,
      ...this.lists,
    };
    for (const [list, items] of Object.entries(this.keyed)) snapshot[list] = [...items.values()];
    for (const [name, value] of Object.entries(snapshot)) {
      if (!value || (Array.isArray(value) && !value.length)) delete snapshot[name];
    }
    return structuredClone(snapshot);
  }
}

/** @param {Message[]} items @param {string} key @returns {Map<string, Message>} */
function byId(items, key) {
  return new Map(items.map((item) => [item[key] ?? "", item]));
}

/** An upsert counts where its revision is higher. @param {Map<string, Message>} known @param {string} key @param {Message} newer */
function upsert(known, key, newer) {
  const id = newer[key] ?? "";
  const before = known.get(id);
  if (!before || (newer.revision ?? 0) > (before.revision ?? 0)) known.set(id, newer);
}

/** A field that has its default is absent. @param {Message} message @param {string} field @param {unknown} value */
function set(message, field, value) {
  if (value) message[field] = value;
  else delete message[field];
}
