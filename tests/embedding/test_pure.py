"""The pure parts of embedding: windows, schedule, local voices, mel, crosstalk, calibration."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchaudio.compliance.kaldi as kaldi

from speakerline.services.embedding.crosstalk import Relation, compare, silent_channels
from speakerline.services.embedding.schedule import Schedule
from speakerline.shared.arrays import AnyArray, Float32s
from speakerline.shared.models.files import ModelMissing
from speakerline.shared.voiceprints.calibration import Calibration, load_calibration, save_calibration
from speakerline.shared.voiceprints.campplus import CALIBRATION_FILE
from speakerline.shared.voiceprints.fbank import fbank
from speakerline.shared.voiceprints.local_voices import find_overlaps, find_voices, frame_edges_ms
from speakerline.shared.voiceprints.vectors import decode_vector, encode_vector


def test_a_voiceprint_survives_its_event() -> None:
    vector = np.random.default_rng(0).standard_normal(256).astype(np.float32)
    vector /= np.linalg.norm(vector)
    assert float(decode_vector(encode_vector(vector)) @ vector) > 0.9999
    assert len(decode_vector("")) == 0


def test_half_a_number_is_refused() -> None:
    with pytest.raises(ValueError, match="got 1 bytes"):
        decode_vector("AA==")


@pytest.mark.parametrize(
    ("speech", "decided_ms", "closed", "due"),
    [
        ([(500, 2500)], 3000, False, [1000, 2000, 3000]),
        ([(500, 2500)], 2500, False, [1000, 2000]),
        ([(500, 2500)], 2700, True, [1000, 2000, 2700]),
        ([(500, 600), (4200, 4300)], 9000, False, [1000, 5000]),
        ([(1000, 2000)], 9000, False, [2000]),
        ([], 9000, True, []),
    ],
    ids=[
        "every grid point with new speech",
        "a grid point waits until the VAD has decided it",
        "the end of the call is a last window",
        "silence has no windows",
        "speech up to a grid point needs no other",
        "a silent call has none",
    ],
)
def test_when_windows_are_due(speech: list[tuple[int, int]], decided_ms: int, closed: bool, due: list[int]) -> None:
    schedule = Schedule()
    for start, end in speech:
        schedule.add_speech(start, end)
    assert schedule.due(decided_ms, closed) == due


def test_windows_do_not_depend_on_how_speech_was_told() -> None:
    grown, found = Schedule(), []
    for now in range(0, 8000, 70):
        if now > 700:
            grown.add_speech(700, min(now, 6400))
        found += grown.due(now)
        assert grown.quiet_until_ms(now) > (found[-1] if found else 0)
    at_once = Schedule()
    at_once.add_speech(700, 6400)
    assert found == at_once.due(8000)


def test_the_promise_is_kept() -> None:
    schedule, promised = Schedule(), 0
    for now in range(0, 9000, 130):
        if 2500 < now < 6000:
            schedule.add_speech(2500, now)
        for end in schedule.due(now):
            assert end >= promised
        promised = schedule.quiet_until_ms(now)


def test_backward_speech_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\[200, 100\)"):
        Schedule().add_speech(200, 100)


def scores_of(*activities: tuple[int, int]) -> AnyArray:
    scores = np.zeros((293, 3), np.float32)
    for speaker, (first, last) in enumerate(activities):
        scores[first:last, speaker] = 0.9
    return scores


def test_frames_are_where_the_model_heard_them() -> None:
    edges = frame_edges_ms(12_000)
    assert edges[0] == 7000 and edges[-1] == 12_000
    assert edges[101] - 7000 == round(1000 * (0.031 + 0.016875 * 100.5))


def test_local_voices_and_their_clean_frames() -> None:
    one, two = find_voices(scores_of((0, 100), (80, 200)), 0, 5000)
    assert one.clean.sum() == 80 and two.clean.sum() == 100
    assert one.spans_ms[0] == 0 and two.spans_ms[1] == one.spans_ms[1] + round(100 * 16.875)
    assert two.spans_ms[0] == frame_edges_ms(5000)[80] + 50  # the model marks voices too early
    (overlap,) = find_overlaps([one, two], 1, 5000, 0, 5000)
    assert (overlap.channel, overlap.start_ms, overlap.end_ms) == (1, two.spans_ms[0] - 50, one.spans_ms[1])
    assert find_overlaps([one, two], 1, 5000, 2000, 5000) == []


def test_what_was_padded_is_not_heard() -> None:
    (voice,) = find_voices(scores_of((0, 293)), 0, 2000)
    assert voice.spans_ms == [0, 2000]


def test_blips_are_no_voices() -> None:
    assert find_voices(scores_of((10, 13)), 0, 5000) == []


def test_the_filter_bank_equals_kaldis() -> None:
    samples = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1
    samples[8000:12_000] *= 0.001
    theirs = kaldi.fbank(
        torch.from_numpy(samples)[None], num_mel_bins=80, sample_frequency=16_000.0, dither=0.0
    ).numpy()
    np.testing.assert_allclose(fbank(samples, np.arange(98)), theirs, atol=1e-3)
    np.testing.assert_array_equal(fbank(samples, np.array([7, 40])), fbank(samples, np.arange(98))[[7, 40]])


def speech_like(seed: int) -> Float32s:
    random = np.random.default_rng(seed)
    loudness = np.repeat(random.random(50), 800)
    return np.asarray(random.standard_normal(40_000) * loudness * 0.1, np.float32)


def test_two_lines_are_independent() -> None:
    assert compare(speech_like(1), speech_like(2), 8000).relation is Relation.INDEPENDENT
    assert silent_channels([speech_like(1), speech_like(2)], 8000) == set()


def test_dual_mono_has_one_speaking_channel() -> None:
    assert compare(speech_like(1), np.float32(0.8) * speech_like(1), 8000).relation is Relation.DUAL_MONO
    assert silent_channels([speech_like(1), np.float32(0.8) * speech_like(1)], 8000) == {1}


def test_bleed_is_found_though_late_and_noisy() -> None:
    source = speech_like(1)
    bleed = np.roll(source, 80) * 0.05 + 0.001 * np.random.default_rng(3).standard_normal(len(source))
    assert silent_channels([source, bleed.astype(np.float32)], 8000) == {1}
    assert silent_channels([bleed.astype(np.float32), source], 8000) == {0}


def test_silence_is_nobodys_copy() -> None:
    silence = np.zeros(40_000, np.float32)
    assert silent_channels([silence, speech_like(1)], 8000) == set()


def test_channels_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="one length"):
        compare(np.zeros(3, np.float32), np.zeros(4, np.float32), 8000)


def test_a_calibration_survives_its_file(tmp_path: Path) -> None:
    shipped = load_calibration(CALIBRATION_FILE)
    save_calibration(shipped, tmp_path / "copy.npz")
    again = load_calibration(tmp_path / "copy.npz")
    assert again.name == "campplus" and again.size == 192
    np.testing.assert_array_equal(again.prior_mean, shipped.prior_mean)
    np.testing.assert_array_equal(again.merge, shipped.merge)
    np.testing.assert_array_equal(again.known, shipped.known)
    assert again.cut == shipped.cut == 0.8


def test_a_missing_calibration_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ModelMissing, match="speakerline calibrate"):
        load_calibration(tmp_path / "none.npz")


def test_a_calibration_with_other_merge_weights_is_refused() -> None:
    with pytest.raises(ValueError, match="4 merge weights, want 5; make it anew"):
        Calibration("x", np.zeros(3, np.float32), np.zeros(4), np.zeros(2), 0.8)


def test_the_centre_moves_from_the_prior_to_the_call() -> None:
    calibration = Calibration(
        "x",
        np.array([1.0, 0.0], np.float32),
        np.zeros(5),
        np.zeros(2),
        0.8,
    )
    voice = np.array([[0.0, 1.0]])
    shares = [calibration.centre(voice, np.array([mass]))[1] for mass in (0.0, 5.0, 20.0, 1e6)]
    assert shares[0] == 0 and shares == sorted(shares)
    assert shares[-1] == pytest.approx(0.5, abs=1e-3)
    assert calibration.centre(voice, np.array([1e6]), people=2)[1] == pytest.approx(2 / 3, abs=1e-3)
