"""What every speech detector must do, on real speech."""

import numpy as np
import pytest

from speakerline.services.vad.detector import FRESH, Request, chunk_samples
from speakerline.services.vad.energy import Energy
from speakerline.services.vad.silero import Silero
from speakerline.shared.arrays import Int16s
from speakerline.shared.audio import pcm
from speakerline.shared.contract.v1 import Encoding
from tests.vad.listening import conversation, heard_ms, spoken_ms

LINES = [(8000, Encoding.MULAW), (8000, Encoding.ALAW), (8000, Encoding.S16LE), (16000, Encoding.S16LE)]


@pytest.fixture(scope="module", params=[Silero, Energy])
def detector(request):
    return request.param()


def requests_of(samples: Int16s, sample_rate: int) -> Request:
    size = chunk_samples(sample_rate)
    return Request(sample_rate, FRESH, pcm.to_float32(samples[: len(samples) // size * size]))


def noise(level_dbfs: float, sample_rate: int) -> Int16s:
    values = np.random.default_rng(7).standard_normal(20 * sample_rate) * 10 ** (level_dbfs / 20)
    return pcm.to_int16(values.astype(np.float32))


@pytest.mark.parametrize(("sample_rate", "encoding"), LINES)
def test_a_phone_conversation_is_heard_and_its_silence_is_not(detector, sample_rate, encoding) -> None:
    heard, spoken = heard_ms(detector, conversation(sample_rate), sample_rate, encoding), spoken_ms()
    assert heard[spoken].mean() > 0.97
    assert heard[~spoken].mean() < 0.12
    assert heard[:6400].sum() <= 320  # nobody speaks in the first 6.69 s; a breath may be taken for it


def test_the_same_conversation_12_db_quieter_is_heard(detector) -> None:
    quieter = conversation(8000) // 4
    assert heard_ms(detector, quieter, 8000, Encoding.S16LE)[spoken_ms()].mean() > 0.95


@pytest.mark.parametrize("sample_rate", [8000, 16000])
@pytest.mark.parametrize("level_dbfs", [-60, -40, -20])
def test_white_noise_is_not_speech(detector, sample_rate, level_dbfs) -> None:
    assert not heard_ms(detector, noise(level_dbfs, sample_rate), sample_rate, Encoding.S16LE).any()


@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_digital_silence_is_not_speech(detector, sample_rate) -> None:
    assert not heard_ms(detector, np.zeros(20 * sample_rate, np.int16), sample_rate, Encoding.S16LE).any()


def test_speech_18_db_over_noise_is_heard(detector) -> None:
    noisy = np.clip(conversation(8000).astype(int) + np.resize(noise(-50, 8000), 240_000), -32768, 32767)
    assert heard_ms(detector, noisy.astype(np.int16), 8000, Encoding.S16LE)[spoken_ms()].mean() > 0.95


@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_a_probability_lies_between_0_and_1_one_for_each_chunk(detector, sample_rate) -> None:
    request = requests_of(conversation(sample_rate), sample_rate)
    (answer,) = detector.run([request])
    assert answer.probabilities.shape == (937,)
    assert answer.probabilities.min() >= 0
    assert answer.probabilities.max() <= 1


@pytest.mark.parametrize("sample_rate", [8000, 16000])
def test_the_cut_into_requests_changes_no_bit(detector, sample_rate) -> None:
    whole = requests_of(conversation(sample_rate)[: 6 * sample_rate], sample_rate)
    (expected,) = detector.run([whole])
    state, parts = FRESH, []
    for piece in np.split(whole.samples, np.array([1, 2, 5, 40, 41, 100]) * chunk_samples(sample_rate)):
        (answer,) = detector.run([Request(sample_rate, state, piece)])
        state = answer.state
        parts.append(answer.probabilities)
    assert np.concatenate(parts).tobytes() == expected.probabilities.tobytes()
    assert state == expected.state


def test_company_in_a_batch_changes_no_bit(detector) -> None:
    requests = [
        requests_of(conversation(rate)[start * rate : (start + length) * rate], rate)
        for rate, start, length in [(8000, 7, 3), (16000, 10, 1), (8000, 0, 1), (8000, 20, 4), (16000, 12, 2)] * 3
    ]
    for together, request in zip(detector.run(requests), requests, strict=True):
        (alone,) = detector.run([request])
        assert together.probabilities.tobytes() == alone.probabilities.tobytes()
        assert together.state == alone.state


def test_no_chunks_leave_the_state_as_it_was(detector) -> None:
    (before,) = detector.run([requests_of(conversation(8000)[:8000], 8000)])
    (after,) = detector.run([Request(8000, before.state, np.zeros(0, np.float32))])
    assert after.state == before.state
    assert len(after.probabilities) == 0


def test_nothing_asked_nothing_answered(detector) -> None:
    assert detector.run([]) == []


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        pytest.param(
            Request(8000, FRESH, np.zeros(300, np.float32)), "300 samples: expected a multiple of 256", id="part"
        ),
        pytest.param(Request(44100, FRESH, np.zeros(512, np.float32)), "44100: expected 8000 or 16000", id="rate"),
    ],
)
def test_a_wrong_request_is_refused_with_value_and_expectation(detector, request_, message) -> None:
    with pytest.raises(ValueError, match=message):
        detector.run([request_])
