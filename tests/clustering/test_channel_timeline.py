"""What a channel shows of its labels: pauses, carried speech, separated voices; how far the last speaker goes on."""

from collections.abc import Sequence

import pytest

from speakerline.services.clustering.channel_timeline import Voices, channel_timeline, extended
from speakerline.services.clustering.history import History
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.turns import LabelledSpan
from speakerline.shared.contract.v1 import LocalVoice, VoiceWindow

Shown = tuple[str, int, int, float]


def shown(heard: Sequence[list[int]], voices: Voices) -> list[Shown]:
    """What one window of five seconds shows with voices of these spans."""
    history = History(2)
    history.append(VoiceWindow(0, 0, 5000, [LocalVoice(spans, 0, "") for spans in heard]))
    spans = channel_timeline(history, voices, ClusterSettings(gap_ms=250, blip_ms=120))
    return [(one.speaker_id, one.start_ms, one.end_ms, round(one.confidence, 2)) for one in spans]


@pytest.mark.parametrize(
    ("heard", "speakers", "expected"),
    [
        ([[0, 1000]], [0], [("S1", 0, 1000, 0.8)]),
        ([[0, 1000]], [-1], [("", 0, 1000, 0.8)]),
        ([[0, 1000], [1000, 2000]], [4, -1], [("S5", 0, 1000, 0.8), ("", 1000, 2000, 0.7)]),
        ([[0, 1000], [2000, 3000]], [1, 0], [("S1", 2000, 3000, 0.7), ("S2", 0, 1000, 0.8)]),
        ([[100, 219, 1000, 1120]], [0], [("S1", 1000, 1120, 0.8)]),
        ([[0, 1000, 1249, 2000]], [0], [("S1", 0, 2000, 0.8)]),
        ([[0, 1000, 1250, 2000]], [0], [("S1", 0, 1000, 0.8), ("S1", 1250, 2000, 0.8)]),
    ],
    ids=[
        "with its certainty",
        "nobody's speech",
        "nobody comes last",
        "speaker by speaker",
        "shreds are dropped",
        "a short pause is filled",
        "a longer one is not",
    ],
)
def test_labels_are_shown_as_spans(heard: list[list[int]], speakers: list[int], expected: list[Shown]) -> None:
    assert shown(heard, Voices(speakers, [0.8, 0.7][: len(speakers)])) == expected


@pytest.mark.parametrize(
    ("heard", "carried", "expected"),
    [
        ([[900, 3000]], [(0, 200, 1000)], [("S1", 200, 3000, 0.8)]),
        ([[1149, 3000]], [(0, 200, 900)], [("S1", 200, 3000, 0.8)]),
        ([[1150, 3000]], [(0, 200, 900)], [("S1", 1150, 3000, 0.8), ("S1", 200, 900, 1.0)]),
        ([[900, 3000]], [(1, 200, 1000)], [("S1", 1000, 3000, 0.8), ("S2", 200, 1000, 1.0)]),
        ([[1000, 1100]], [(0, 200, 1000)], [("S1", 200, 1100, 0.8)]),
        ([[1000, 1300, 2000, 3000]], [(0, 200, 1000)], [("S1", 200, 1300, 0.8), ("S1", 2000, 3000, 0.8)]),
    ],
    ids=[
        "it goes on",
        "after a short pause",
        "not after a longer one",
        "not in another speaker's",
        "for a moment only",
        "once",
    ],
)
def test_settled_speech_goes_on(
    heard: list[list[int]], carried: list[tuple[int, int, int]], expected: list[Shown]
) -> None:
    assert shown(heard, Voices([0], [0.8], carried=carried, from_ms=1000)) == expected


def test_a_separated_voice_is_shown_beside_what_the_windows_say() -> None:
    separated = [(2, 400, 900, 0.9), (0, 1500, 1700, 0.6), (1, 1200, 1600, 0.7)]
    assert shown([[0, 2000]], Voices([0], [0.8], separated)) == [
        ("S1", 0, 2000, pytest.approx(0.8, abs=0.03)),
        ("S2", 1200, 1600, 0.7),
        ("S3", 400, 900, 0.9),
    ]
    for from_ms, third in ((500, [("S3", 500, 900)]), (900, [])):
        later = shown([[0, 2000]], Voices([0], [0.8], separated, from_ms=from_ms))
        assert [one[:3] for one in later] == [("S1", from_ms, 2000), ("S2", 1200, 1600), *third]


def test_without_windows_nothing_is_shown() -> None:
    assert channel_timeline(History(2), Voices([], []), ClusterSettings()) == []


SAID = [LabelledSpan("S1", 0, 1000, 0.9), LabelledSpan("S2", 1000, 2000, 0.6), LabelledSpan("S3", 1500, 2000, 0.7)]


@pytest.mark.parametrize(
    ("open_ms", "window_ms", "now_ms", "end_ms"),
    [
        (1000, 2000, 2600, 2600),
        (1000, 2000, 2001, 2001),
        (1000, 2000, 2000, None),
        (1000, 2000, 5000, 5000),
        (1000, 2000, 5001, 5000),
        (1000, 2399, 3000, 3000),
        (1000, 2400, 3000, None),
        (2399, 2000, 3000, 3000),
        (2400, 2000, 3000, None),
        (2300, 2000, 2300, None),
    ],
    ids=[
        "up to now",
        "from the first moment on",
        "a window has heard everything",
        "for three seconds",
        "and no longer",
        "over a short pause of the last window",
        "not over a longer one",
        "over a short pause before the segment",
        "not over a longer one before it",
        "not before the segment begins",
    ],
)
def test_the_last_and_surest_speaker_goes_on(open_ms: int, window_ms: int, now_ms: int, end_ms: int | None) -> None:
    found = extended(SAID, open_ms, window_ms, now_ms)
    expected = [*SAID[:2], LabelledSpan("S3", 1500, end_ms, 0.7)] if end_ms else []
    assert found == expected


def test_where_nobody_spoke_nobody_goes_on() -> None:
    assert extended([], 0, 0, 1000) == []
