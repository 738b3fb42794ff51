"""G.711 and 16-bit samples, and time."""

import sys
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speakerline.shared.audio import pcm
from speakerline.shared.contract.v1 import Encoding

ALL = (Encoding.MULAW, Encoding.ALAW, Encoding.S16LE)
EVERY_SAMPLE = np.arange(65536).astype(np.uint16).view(np.int16)
EVERY_BYTE = bytes(range(256))

# ITU-T G.711 tables 1a and 2a (positive values, scaled to 16 bits as in G.191), and their negative mirror.
ITU = [
    (Encoding.MULAW, 0xFF, 0),
    (Encoding.MULAW, 0xFE, 8),
    (Encoding.MULAW, 0xEF, 132),
    (Encoding.MULAW, 0xF0, 120),
    (Encoding.MULAW, 0x80, 32124),
    (Encoding.MULAW, 0x00, -32124),
    (Encoding.MULAW, 0x7E, -8),
    (Encoding.ALAW, 0xD5, 8),
    (Encoding.ALAW, 0x55, -8),
    (Encoding.ALAW, 0xD4, 24),
    (Encoding.ALAW, 0xC5, 264),
    (Encoding.ALAW, 0xAA, 32256),
    (Encoding.ALAW, 0x2A, -32256),
]


@pytest.mark.parametrize(("encoding", "code", "sample"), ITU)
def test_codes_of_the_itu_tables_decode_to_their_values(encoding: Encoding, code: int, sample: int) -> None:
    assert pcm.decode(bytes([code]), encoding).tolist() == [sample]


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="audioop left the standard library with Python 3.13")
def test_g711_equals_the_standard_librarys_for_every_byte_and_every_sample() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        import audioop
    samples = EVERY_SAMPLE.tobytes()
    assert pcm.decode(EVERY_BYTE, Encoding.MULAW).tobytes() == audioop.ulaw2lin(EVERY_BYTE, 2)
    assert pcm.decode(EVERY_BYTE, Encoding.ALAW).tobytes() == audioop.alaw2lin(EVERY_BYTE, 2)
    assert pcm.encode(EVERY_SAMPLE, Encoding.MULAW) == audioop.lin2ulaw(samples, 2)
    assert pcm.encode(EVERY_SAMPLE, Encoding.ALAW) == audioop.lin2alaw(samples, 2)


@pytest.mark.parametrize("encoding", ALL)
def test_what_was_decoded_encodes_and_decodes_to_itself(encoding: Encoding) -> None:
    decoded = pcm.decode(EVERY_BYTE, encoding)
    assert np.array_equal(pcm.decode(pcm.encode(decoded, encoding), encoding), decoded)


@pytest.mark.parametrize("encoding", (Encoding.MULAW, Encoding.ALAW))
def test_companding_errs_by_at_most_half_a_step(encoding: Encoding) -> None:
    """Half a step is 1/32 of the sample with its bias of at most 132, and a few units more that are never looked at."""
    error = np.abs(pcm.decode(pcm.encode(EVERY_SAMPLE, encoding), encoding).astype(int) - EVERY_SAMPLE)
    magnitude = np.abs(EVERY_SAMPLE.astype(int))
    inside = magnitude <= pcm.full_scale(encoding)
    assert (error <= (magnitude + 132) / 32 + 8)[inside].all()


def test_every_16_bit_sample_survives_float32() -> None:
    assert np.array_equal(pcm.to_int16(pcm.to_float32(EVERY_SAMPLE)), EVERY_SAMPLE)


def test_floats_beyond_full_scale_are_clipped() -> None:
    assert pcm.to_int16(np.array([-2, -1, 1, 2], np.float32)).tolist() == [-32768, -32768, 32767, 32767]


@pytest.mark.parametrize("encoding", ALL)
def test_full_scale_is_the_largest_sample_of_the_encoding(encoding: Encoding) -> None:
    loudest = pcm.decode(pcm.encode(np.array([32767], np.int16), encoding), encoding)
    assert loudest.tolist() == [pcm.full_scale(encoding)]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        pytest.param(lambda: pcm.decode(b"abc", Encoding.S16LE), "3 bytes of s16le: expected an even", id="odd bytes"),
        pytest.param(
            lambda: pcm.decode(b"ab", Encoding.UNSPECIFIED), "expected mu-law, A-law or s16le", id="no encoding"
        ),
        pytest.param(
            lambda: pcm.to_int16(np.array([0, np.nan], np.float32)),
            "sample 1 is nan: expected a finite",
            id="not a number",
        ),
    ],
)
def test_what_is_no_audio_is_refused_with_value_and_expectation(wrong, message) -> None:
    with pytest.raises(pcm.InvalidAudio, match=message):
        wrong()


@given(ms=st.integers(0, 2**32 - 1), sample_rate=st.sampled_from([8000, 16000]))
def test_milliseconds_survive_the_way_over_samples(ms: int, sample_rate: int) -> None:
    assert pcm.samples_to_ms(pcm.ms_to_samples(ms, sample_rate), sample_rate) == ms
    assert pcm.samples_to_ms(pcm.ms_to_samples(ms, sample_rate) + sample_rate // 1000 - 1, sample_rate) == ms
