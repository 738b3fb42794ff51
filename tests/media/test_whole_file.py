"""Whole files for measurements: the samples as they are, or an error."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from speakerline.tools.media.media_error import MediaError
from speakerline.tools.media.whole_file import read_audio, read_mono
from tests.media.make_audio import encode_file, tone, two_tones


def test_samples_are_as_the_file_has_them(tmp_path: Path) -> None:
    samples = 4 * two_tones(0.5, 8000).T
    samples[17, 1] = np.nan
    soundfile.write(tmp_path / "loud.wav", samples, 8000, subtype="FLOAT")
    found, rate = read_audio(tmp_path / "loud.wav")
    assert rate == 8000
    assert np.array_equal(found, samples, equal_nan=True)


def test_channels_are_averaged_at_the_wanted_rate(tmp_path: Path) -> None:
    planes = np.stack([tone(440, 1, 16000, 0.4), tone(440, 1, 16000, 0.2)])
    soundfile.write(tmp_path / "call.wav", planes.T, 16000, subtype="FLOAT")
    assert np.abs(read_mono(tmp_path / "call.wav", 8000) - tone(440, 1, 8000, 0.3))[400:-400].max() < 1e-3


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    whole = encode_file(tmp_path / "call.flac", two_tones(3, 16000), 16000, "flac").read_bytes()
    at = len(whole) // 2
    (tmp_path / "damaged.flac").write_bytes(whole[:at] + bytes(4000) + whole[at + 4000 :])
    with pytest.raises(MediaError, match=r"damaged\.flac: packets could not be decoded"):
        read_audio(tmp_path / "damaged.flac")


def test_a_playlist_is_no_sound(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "call.wav", tone(440, 1, 8000), 8000)
    (tmp_path / "list.m3u8").write_text(f"#EXTM3U\n#EXTINF:1,\n{tmp_path / 'call.wav'}\n#EXT-X-ENDLIST\n")
    with pytest.raises(MediaError, match=r"list\.m3u8: could not be decoded"):
        read_audio(tmp_path / "list.m3u8")
