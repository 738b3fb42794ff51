"""Where a speaker of a call talks and nobody else does on the same channel: what a voice is enrolled from. Pure."""

from speakerline.shared.timeline.spans import Spans, subtract
from speakerline.shared.timeline.timeline import Timeline

LEAST_MS = 1000
"""Shorter stretches tell little of a voice, and more of the speech around them."""
MOST_MS = 60_000
"""In all: more makes a voiceprint no surer."""


def own_speech(timeline: Timeline, speaker_id: str) -> tuple[int, Spans]:
    """The channel, and up to a minute of what the speaker says alone: the longest stretches, in order of time."""
    resolve = timeline.speakers.resolve
    person = resolve(speaker_id)
    channel = timeline.speakers.by_id[person].channel
    on_channel = [turn for turn in timeline.turns.values() if turn.channel == channel]
    own = [(one.start_ms, one.end_ms) for one in on_channel if resolve(one.speaker_id) == person]
    others = [(one.start_ms, one.end_ms) for one in on_channel if resolve(one.speaker_id) != person]
    others += [(one.start_ms, one.end_ms) for one in timeline.overlaps.values() if one.channel == channel]
    chosen: Spans = []
    left_ms = MOST_MS
    for start, end in sorted(subtract(own, others), key=lambda span: span[0] - span[1]):
        if end - start < LEAST_MS or not left_ms:
            break
        chosen.append((start, min(end, start + left_ms)))
        left_ms -= chosen[-1][1] - start
    return channel, sorted(chosen)
