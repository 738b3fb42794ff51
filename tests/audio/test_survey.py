"""What blocks of sound say of the channels of a call: made of noise, whose likeness is known exactly."""

import numpy as np
import pytest

from speakerline.shared.arrays import Float32s
from speakerline.shared.audio.survey import BLOCK_MS, ChannelSurvey, Heard

RATE = 8000
SIZE = BLOCK_MS * RATE // 1000
RANDOM = np.random.default_rng(3)
FIRST, SECOND = (0.1 * RANDOM.standard_normal(12 * SIZE).astype(np.float32) for _ in range(2))
for sound in (FIRST, SECOND):
    sound[SIZE // 2 :: SIZE] = 0
    sound.reshape(12, SIZE)[:, -SIZE // 4 :] *= 0.001  # a pause in each block, in which the noise of the line is heard
NONE = np.zeros_like(FIRST)


def told(*planes: Float32s, voiced: tuple[bool, ...] = (True, True)) -> tuple[ChannelSurvey, list[list[Heard]]]:
    survey, channels = ChannelSurvey(len(planes), RATE), np.stack(planes).astype(np.float32)
    blocks = [channels[:, at : at + SIZE] for at in range(0, channels.shape[1], SIZE)]
    return survey, [survey.push(block, voiced) for block in blocks]


def test_two_voices_are_their_own() -> None:
    survey, heard = told(FIRST, SECOND)
    assert heard == [[Heard.OWN, Heard.OWN]] * 12
    assert survey.copy_of(0) is survey.copy_of(1) is None


@pytest.mark.parametrize(
    ("copy", "words"),
    [
        (FIRST, "the same sound as channel 1"),
        (0.1 * FIRST, "the same sound as channel 1 (-20 dB)"),
        (-2 * FIRST, "the same sound as channel 1 (+6 dB, upside down)"),
        (np.roll(FIRST, 200), "the same sound as channel 1 (25 ms later)"),
        (np.roll(-FIRST, -160), "the same sound as channel 1 (20 ms earlier, upside down)"),
    ],
)
def test_a_copy_is_told_with_its_gain_delay_and_polarity(copy: Float32s, words: str) -> None:
    survey, heard = told(FIRST, copy)
    assert heard == [[Heard.COPIED, Heard.COPIED]] * 12
    assert (survey.copy_of(0), str(survey.copy_of(1))) == (None, words)


def test_two_blocks_make_a_copy_and_two_of_its_own_take_it_back() -> None:
    copied = np.concatenate([FIRST[: 2 * SIZE], SECOND[2 * SIZE : 4 * SIZE]])
    for blocks, copy in ((1, False), (2, True), (3, True), (4, False)):
        survey, _ = told(FIRST[: blocks * SIZE], copied[: blocks * SIZE])
        assert (survey.copy_of(1) is not None) is copy


def test_where_nobody_speaks_nothing_is_learnt() -> None:
    survey, heard = told(FIRST, FIRST, voiced=(False, False))
    assert heard == [[Heard.NOTHING, Heard.NOTHING]] * 12 and survey.copy_of(1) is None


def test_a_voice_beside_silence_is_its_own() -> None:
    survey, heard = told(FIRST, NONE, voiced=(True, False))
    assert heard == [[Heard.OWN, Heard.NOTHING]] * 12 and survey.copy_of(1) is None


def test_of_copies_the_one_with_less_noise_is_the_original() -> None:
    noise = 0.005 * RANDOM.standard_normal(len(FIRST)).astype(np.float32)
    survey, _ = told(FIRST + noise, FIRST)
    assert str(survey.copy_of(0)) == "the same sound as channel 2" and survey.copy_of(1) is None


def test_lines_that_leak_into_each_other_are_two() -> None:
    turns = np.repeat([1, 0] * 6, SIZE).astype(np.float32)
    one, other = FIRST * turns, SECOND * (1 - turns)
    survey, _ = told(one + 0.1 * other, other + 0.1 * one)
    assert survey.copy_of(0) is survey.copy_of(1) is None


def test_hum_that_both_lines_have_is_no_likeness() -> None:
    hum = (0.5 * np.sin(2 * np.pi * 50 * np.arange(len(FIRST)) / RATE)).astype(np.float32)
    survey, heard = told(FIRST + hum, SECOND + hum)
    assert not any(Heard.COPIED in block for block in heard) and survey.copy_of(1) is None


def test_a_sum_of_two_sides_stands_for_both() -> None:
    turns = np.repeat([1, 0] * 6, SIZE).astype(np.float32)
    one, other = FIRST * turns, SECOND * (1 - turns)
    survey = ChannelSurvey(3, RATE)
    for at, speaks in zip(range(0, len(FIRST), SIZE), [True, False] * 6, strict=True):
        block = np.stack([one, other, one + other])[:, at : at + SIZE]
        survey.push(block, (speaks, not speaks, True))
    assert [copy and copy.of for copy in map(survey.copy_of, range(3))] == [2, 2, None]
