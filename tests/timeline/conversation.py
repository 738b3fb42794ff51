"""A small conversation with words, for tests of what is made of it."""

from typing import Any

from speakerline.shared.contract import v1
from speakerline.shared.timeline.timeline import Timeline
from tests.timeline.events import folded, turn


def words_of(speaker_id: str, text: str, start_ms: int, each_ms: int = 300, **more: Any) -> list[v1.Word]:
    """The words of a text, one after the other, with 50 ms between them."""
    more = {"confidence": 0.9, **more}
    return [
        v1.Word(
            word, start_ms + number * each_ms, start_ms + (number + 1) * each_ms - 50, speaker_id=speaker_id, **more
        )
        for number, word in enumerate(text.split())
    ]


def transcript(transcript_id: str, *words: v1.Word, final: bool = True, **more: Any) -> v1.Transcript:
    more = {"revision": 1, "language": "en", "engine": "hand", **more}
    start_ms, end_ms = words[0].start_ms, words[-1].end_ms
    return v1.Transcript(
        transcript_id=transcript_id, start_ms=start_ms, end_ms=end_ms, final=final, words=list(words), **more
    )


def conversation(*more: tuple[int, Any]) -> Timeline:
    """The conversation of `bodies`, and what comes after it."""
    return folded([*bodies(), *more])


def bodies() -> list[tuple[int, Any]]:
    """Ann talks for 3 s, S2 says "Yes." within it and answers; the last words are interim."""
    said = [
        turn("t1", "S1", 1000, 4000),
        turn("t2", "S2", 2500, 2800),
        turn("t3", "S2", 5000, 6500),
        transcript("w1", *words_of("S1", "We could meet", 1000), *words_of("S1", "on Monday, & talk.", 2900)),
        transcript("w2", *words_of("S2", "Yes.", 2500), *words_of("S2", "yes", 2500, superseded=True)),
        transcript("w3", *words_of("S2", "I <think> so", 5000), final=False),
    ]
    people = [
        (0, v1.CallStarted(call_id="c1", sample_rate=8000, channels=1)),
        (0, v1.SpeakerCreated(speaker_id="S1")),
        (0, v1.SpeakerCreated(speaker_id="S2")),
        (0, v1.SpeakerNamed(speaker_id="S1", name="Ann Miller", confidence=0.9)),
    ]
    return [*people, *((7000, one) for one in said)]
