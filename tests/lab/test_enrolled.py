"""What names are judged by, from calls between people who are enrolled."""

from pathlib import Path

import numpy as np
import pytest

from speakerline.shared.arrays import Float64s
from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.tools.lab.calibrate import remember, voices_of
from speakerline.tools.lab.enrolled import Voices, naming_examples, second_halves
from speakerline.tools.lab.from_speech import calibrate_from_speech
from speakerline.tools.pipeline.settings import Settings
from tests.lab.test_lab import listened

FLAT = Calibration("made", np.zeros(2, np.float32), np.zeros(5), np.zeros(2), 0.8)


def voice(degrees: float, seconds: float = 1.0) -> Float64s:
    return seconds * np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])


def compared(*calls: tuple[Voices, Voices], calibration: Calibration = FLAT) -> list[tuple[float, bool]]:
    cosines, same = naming_examples(calls, calibration)
    return [(round(float(one), 3), bool(is_same)) for one, is_same in zip(cosines, same, strict=True)]


def test_a_speaker_is_compared_with_the_own_enrolled_voice_and_with_the_most_similar_other_one() -> None:
    enrolled = {"ann": voice(0), "bob": voice(90), "eve": voice(150)}
    assert compared(({"ann": voice(60, 9.0), "bob": voice(90, 5.0)}, enrolled)) == [
        (0.5, True),
        (0.866, False),  # ann and bob
        (1.0, True),
        (0.5, False),  # bob and eve
    ]


def test_a_stranger_is_compared_with_others_only_and_who_is_enrolled_alone_with_nobody_else() -> None:
    assert compared(({"eve": voice(60)}, {"ann": voice(0)}), ({"ann": voice(60)}, {"ann": voice(0)})) == [
        (0.5, False),
        (0.5, True),
    ]


def test_voices_are_compared_as_seen_from_the_prior_mean() -> None:
    moved = Calibration("made", np.array([0.0, 1.0], np.float32), np.zeros(5), np.zeros(2), 0.8)
    assert compared(({"ann": voice(150, 7.0)}, {"ann": voice(30)}), calibration=moved) == [(-0.5, True)]


def test_the_voices_of_a_call_are_those_who_say_enough_by_their_seconds() -> None:
    call, windows = listened((200, 201), 0)
    history, young = remember(windows), remember(windows, 4000)
    assert history is not None and young is not None
    found, said_s = voices_of(history, call.truth), float(np.sum(history.mass_s))
    assert sorted(found) == ["200", "201"]
    assert 0.8 * said_s < sum(float(np.linalg.norm(one)) for one in found.values()) < said_s
    assert voices_of(young, call.truth) == {}


def test_nobody_speaks_on_calls_what_he_was_enrolled_from() -> None:
    files = [Path(name) for name in "abcde"]
    assert second_halves({"ann": files}) == {"ann": files[2:]}


async def test_a_calibration_needs_people_with_several_recordings() -> None:
    few = {"ann": [Path("a")] * 4, "bob": [Path("b")] * 3}
    with pytest.raises(ValueError, match="4 recordings or more: expected at least two, got 1"):
        await calibrate_from_speech(Settings(), [few], 1)
