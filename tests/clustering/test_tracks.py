"""What is divided among people: the tracklets of the history, and what has settled of each speaker."""

import numpy as np
import pytest

from speakerline.services.clustering.history import History
from speakerline.services.clustering.tracks import tracks_of
from speakerline.shared.contract.v1 import LocalVoice, VoiceWindow
from speakerline.shared.voiceprints.vectors import encode_vector
from tests.clustering.made_calls import SIZE, calibration, conversation, person


def test_behind_the_tracklets_stands_each_settled_speaker_who_said_something() -> None:
    history = History(SIZE)
    for window in conversation([(1, 0, 2_000)], 2_000):
        history.append(window)
    settled = {4: (7 * person(3), 7.0), 2: (np.zeros(SIZE), 0.0), 1: (0.5 * person(2), 0.5)}
    tracks, centre = tracks_of(history, calibration(), [0], settled)
    assert tracks.shown.tolist() == [0, 1, 4]
    assert tracks.windows.tolist() == [2, 1, 1], "what has settled counts as one window"
    assert tracks.mass_s.tolist() == pytest.approx([2.0, 0.5, 7.0])
    raw = np.stack([*history.means(), person(2), person(3)])
    np.testing.assert_allclose(tracks.vectors, calibration().place(raw, centre))
    assert tracks_of(history, calibration())[0].shown.tolist() == [-1], "nobody was shown yet"


def heard_together(windows: int, together: int) -> History:
    """So many windows of one voice, in the first of them with another one."""
    history = History(SIZE)
    for number in range(windows):
        end_ms = 1000 * (number + 1)
        spans = [[end_ms - 1000, end_ms - 500], [end_ms - 500, end_ms]][: 2 if number < together else 1]
        prints = [encode_vector(person(who).astype(np.float32)) for who in (1, 2)]
        voices = [LocalVoice(span, 800, text) for span, text in zip(spans, prints, strict=False)]
        history.append(VoiceWindow(0, max(0, end_ms - 5000), end_ms, voices))
    return history


def test_only_tracklets_were_heard_together_or_followed_each_other() -> None:
    history = heard_together(6, 3)
    tracks, _ = tracks_of(history, calibration(), settled={0: (person(1), 1.0)})
    count = history.tracklets
    for all_of, own in ((tracks.beside, history.beside()), (tracks.followed, history.followed())):
        assert all_of[:count, :count].tolist() == own.tolist()
        assert not all_of[count:].any() and not all_of[:, count:].any()


@pytest.mark.parametrize(
    ("windows", "together", "people"),
    [
        pytest.param(9, 0, 1.0, id="one voice: the call's mean may be that voice"),
        pytest.param(1, 1, 1 + (np.log(0.2 / 0.03) - 0.17) / 3 / 3, id="once two together: perhaps another"),
        pytest.param(9, 5, 1 + (5 * np.log(0.2 / 0.03) - 9 * 0.17) / 3 / 3, id="again and again: nearly sure"),
        pytest.param(9, 9, 2.0, id="always: surely two, and most of the mean is the line"),
    ],
)
def test_the_centre_counts_the_voices_that_are_surely_there(windows: int, together: int, people: float) -> None:
    history = heard_together(windows, together)
    _, centre = tracks_of(history, calibration())
    expected = calibration().centre(history.means(), np.array(history.mass_s), people)
    np.testing.assert_allclose(centre, expected)
