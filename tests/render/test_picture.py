"""The picture, looked at by its pixels."""

import io

import numpy as np
import pytest
from matplotlib.image import imread

from speakerline.shared.contract import v1
from speakerline.tools.render.lanes import PALETTE, amount, clock
from speakerline.tools.render.picture import draw
from tests.timeline.events import folded, sample_timeline, turn


def pixels(png):
    return (imread(io.BytesIO(png))[:, :, :3] * 255).round().astype(int)


def share_of(image, colour):
    wanted = [int(colour[at : at + 2], 16) for at in (1, 3, 5)]
    return float((np.abs(image - wanted).max(axis=2) <= 2).mean())


def test_a_picture_is_1600_wide_and_shows_every_speaker_in_a_colour():
    turns = [turn("a", "S1", 0, 9000, confidence=1.0), turn("b", "S2", 9000, 12_000, confidence=1.0)]
    timeline = folded((0, one) for one in turns)
    image = pixels(draw(timeline, 12_000))
    assert image.shape[1] == 1600
    assert share_of(image, PALETTE[0]) > 2.5 * share_of(image, PALETTE[1]) > 0.01


def test_an_unsure_turn_is_paler():
    sure, unsure = (
        pixels(draw(folded([(0, turn("t", "S1", 0, 1000, confidence=confidence))]), 1000)) for confidence in (1.0, 0.2)
    )
    assert share_of(sure, PALETTE[0]) > 0.05
    assert share_of(unsure, PALETTE[0]) < 0.01


def test_reference_lanes_make_it_higher():
    reference = {"ann": [(0, 9000)], "bob": [(9000, 12_000)]}
    assert (
        pixels(draw(sample_timeline(), 30_000, reference)).shape[0] > pixels(draw(sample_timeline(), 30_000)).shape[0]
    )


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param([], id="nothing yet"),
        pytest.param([(0, v1.Gap(start_ms=0, end_ms=500))], id="nothing but a gap"),
        pytest.param([(0, turn("t", "", 0, 400, provisional=True))], id="nobody known"),
    ],
)
def test_a_call_with_little_to_show_is_drawn(bodies):
    assert pixels(draw(folded(bodies))).shape[1] == 1600


@pytest.mark.parametrize(("ms", "text"), [(0, "0:00"), (59_999, "0:59"), (61_000, "1:01"), (3_600_000, "1:00:00")])
def test_clock(ms, text):
    assert clock(ms) == text


@pytest.mark.parametrize(("ms", "text"), [(40, "0.0 s"), (59_940, "59.9 s"), (59_960, "1:00"), (90_600, "1:31")])
def test_amount(ms, text):
    assert amount(ms) == text
