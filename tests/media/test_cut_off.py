"""A file that was cut off is told so, wherever that was."""

from pathlib import Path

import pytest

from speakerline.tools.media.cut_off import is_cut_off
from speakerline.tools.media.reading import open_recording
from tests.media.make_audio import encode_file, tone

KINDS = [
    pytest.param("call.voc", "pcm_u8", 8000, "voc", id="voc"),
    pytest.param("call.avi", "mp2", 48000, "avi", id="avi"),
    pytest.param("call.mpg", "mp2", 48000, "mpeg", id="mpeg program stream"),
    pytest.param("call.ts", "mp2", 48000, "mpegts", id="mpeg transport stream"),
]


@pytest.mark.parametrize(("name", "codec", "rate", "container"), KINDS)
def test_a_cut_is_seen_amid_anything_and_a_whole_file_is_not_taken_for_one(
    tmp_path: Path, name: str, codec: str, rate: int, container: str
) -> None:
    call = encode_file(tmp_path / name, tone(440, 2.0, rate)[None], rate, codec)
    whole = call.read_bytes()
    assert not is_cut_off(call, container)
    assert open_recording(call).flaws.warnings() == []
    for missing in (37, 500, len(whole) // 2 + 1):
        call.write_bytes(whole[:-missing])
        assert is_cut_off(call, container), missing
    recording = open_recording(call)
    assert recording.read().shape[1] / recording.sample_rate == pytest.approx(1.0, abs=0.3)
    assert [line for line in recording.flaws.warnings() if "truncated" in line]


def test_of_other_formats_nothing_is_said(tmp_path: Path) -> None:
    assert not is_cut_off(tmp_path / "there is none", "wav")
