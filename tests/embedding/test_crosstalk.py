"""When a channel has a voice of its own: made-up channels of noise, by how alike, how loud and how late they are."""

import numpy as np
import pytest

from speakerline.services.embedding.crosstalk import BLEED_DB, Comparison, Relation, compare, silent_channels
from speakerline.shared.arrays import AnyArray

RATE = 8000
RANDOM = np.random.default_rng(5)
VOICE, OTHER, THIRD = (RANDOM.standard_normal(16_000).astype(np.float32) * 0.1 for _ in range(3))


def late(samples: AnyArray, by: int) -> AnyArray:
    return np.concatenate([np.zeros(by, np.float32), samples[: len(samples) - by]])


@pytest.mark.parametrize(
    ("correlation", "level_db", "relation"),
    [
        pytest.param(0.9, 0.0, Relation.DUAL_MONO, id="the same"),
        pytest.param(0.89, 0.0, Relation.INDEPENDENT, id="as loud, and not quite the same"),
        pytest.param(1.0, -BLEED_DB + 0.1, Relation.DUAL_MONO, id="the same, quieter"),
        pytest.param(1.0, -BLEED_DB, Relation.BLEED, id="the same, much quieter"),
        pytest.param(0.5, -BLEED_DB, Relation.BLEED, id="much quieter, and half of it the same"),
        pytest.param(0.49, -20.0, Relation.INDEPENDENT, id="quiet, but another voice"),
        pytest.param(0.6, 20.0, Relation.INDEPENDENT, id="louder than what bleeds into it"),
        pytest.param(0.95, 20.0, Relation.DUAL_MONO, id="the same, louder"),
    ],
)
def test_what_a_channel_is_to_another(correlation: float, level_db: float, relation: Relation) -> None:
    assert Comparison(correlation, level_db).relation is relation


@pytest.mark.parametrize("by", [0, 1, 120, 240])
def test_a_copy_is_found_up_to_thirty_milliseconds_apart_whichever_is_late(by: int) -> None:
    for one, two in ((late(VOICE, by), VOICE), (VOICE, late(VOICE, by))):
        assert compare(one, two, RATE).correlation == pytest.approx(1.0, abs=0.02)


@pytest.mark.parametrize("by", [241, 400, 8000])
def test_what_is_later_than_that_is_no_copy(by: int) -> None:
    for one, two in ((late(VOICE, by), VOICE), (VOICE, late(VOICE, by))):
        assert compare(one, two, RATE).correlation < 0.1


def test_sound_does_not_come_round_from_the_end_to_the_start() -> None:
    """The last 20 ms of one channel are the first of the other."""
    one, two = np.zeros(16_000, np.float32), np.zeros(16_000, np.float32)
    one[:160], two[-160:] = VOICE[:160], VOICE[:160]
    assert compare(one, two, RATE).correlation < 0.1


def test_the_level_is_that_of_the_channel_beside_the_other() -> None:
    found = compare(VOICE * 0.1, VOICE, RATE)
    assert found.level_db == pytest.approx(-20, abs=0.01)
    assert found.correlation == pytest.approx(1)


def test_an_offset_of_the_line_is_no_likeness() -> None:
    assert compare(VOICE + 1, OTHER + 1, RATE).correlation < 0.1
    assert compare(VOICE + 1, np.full_like(VOICE, 0.7), RATE) == Comparison(0.0, 0.0), "a line without sound"


def test_a_channel_without_sound_is_like_none() -> None:
    silence = np.zeros_like(VOICE)
    assert compare(silence, VOICE, RATE) == compare(VOICE, silence, RATE) == Comparison(0.0, 0.0)
    assert compare(VOICE * 1e-5, VOICE, RATE) == compare(VOICE, VOICE * 1e-5, RATE) == Comparison(0.0, 0.0)
    assert compare(VOICE * 1e-3, VOICE, RATE).correlation == pytest.approx(1), "faint sound is sound"


@pytest.mark.parametrize(("dbfs", "heard"), [(-89.5, True), (-90.5, False)])
def test_what_is_below_ninety_decibels_of_full_scale_is_silence(dbfs: float, heard: bool) -> None:
    faint = VOICE / np.sqrt(np.mean(VOICE**2)) * 10 ** (dbfs / 20)
    for one, two in ((faint, VOICE), (VOICE, faint)):
        assert compare(one.astype(np.float32), two, RATE).correlation == pytest.approx(float(heard), abs=0.01)


def test_of_copies_the_first_channel_speaks() -> None:
    assert silent_channels([OTHER, VOICE, VOICE], RATE) == {2}
    assert silent_channels([VOICE, VOICE, VOICE], RATE) == {1, 2}


def test_of_two_that_bleed_into_a_third_both_are_silent_and_what_they_hold_silences_nobody() -> None:
    faint = VOICE * 0.1
    assert silent_channels([faint, VOICE, faint], RATE) == {0, 2}
    assert silent_channels([VOICE * 0.01, VOICE, faint, OTHER], RATE) == {0, 2}
