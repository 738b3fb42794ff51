"""Where turns, separations and transcripts lie: on which channel, from when to when; pure."""

from speakerline.shared.contract import v1

Place = tuple[int, int, int]
"""Channel, start and end in ms."""


def place(one: v1.Turn | v1.Separated) -> Place:
    """Its channel and span."""
    return one.channel, one.start_ms, one.end_ms


def extent(transcript: v1.Transcript) -> Place:
    """The place of all of its words, should one lie outside of it."""
    start_ms = min([transcript.start_ms, *(word.start_ms for word in transcript.words)])
    return transcript.channel, start_ms, max([transcript.end_ms, *(word.end_ms for word in transcript.words)])


def touches(transcript: v1.Transcript, start_ms: int, end_ms: int) -> bool:
    """Whether any of its words may lie in [start_ms, end_ms]."""
    _, first_ms, last_ms = extent(transcript)
    return first_ms <= end_ms and start_ms <= last_ms


def order(transcript: v1.Transcript) -> tuple[int, int, str]:
    """By time, then by channel."""
    return transcript.start_ms, transcript.channel, transcript.transcript_id
