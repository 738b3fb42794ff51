"""Music on hold is found, marked from its start to its end, and no speech is reported there; talk is never music."""

import numpy as np
import pytest

from speakerline.services.vad.detector import CHUNK_MS, Answer
from speakerline.services.vad.music import REPORT_MS, MusicWatch
from speakerline.services.vad.silero import Silero
from speakerline.shared.arrays import AnyArray
from speakerline.shared.audio import pcm
from speakerline.shared.contract.v1 import AudioEnded, Encoding, FrontEnd, Music, Speech
from speakerline.shared.runtime.stage import Frame
from speakerline.tools.media.whole_file import read_mono
from speakerline.tools.simulate.music import KINDS, music
from tests.recordings import recordings
from tests.vad.listening import Call, conversation

FIND = FrontEnd(find_music=True)
MUSIC = sorted(set(KINDS) - {"ring"})


@pytest.fixture(scope="module")
def silero() -> Silero:
    return Silero()


class Says:
    """A detector that hears speech in the given spans of ms, whatever sounds there."""

    def __init__(self, *spans: tuple[int, int]) -> None:
        self._spans = spans

    def run(self, requests):
        return [self._answer(one) for one in requests]

    def _answer(self, request):
        first = int(request.state or b"0")
        count = len(request.samples) // (CHUNK_MS * request.sample_rate // 1000)
        starts = (np.arange(count) + first) * CHUNK_MS
        spoken = np.any([(starts >= a) & (starts < b) for a, b in self._spans] or [starts < 0], axis=0)
        return Answer(spoken.astype(np.float32), str(first + count).encode())


def heard(detector, *pieces: AnyArray, rate=8000, front_end: FrontEnd | None = FIND) -> Call:
    call = Call(detector, rate, Encoding.S16LE, front_end=front_end)
    samples = pcm.to_int16(np.concatenate(pieces))
    for start in range(0, len(samples), 10 * rate):
        piece = samples[start : start + 10 * rate]
        call.push(Frame(0, start + len(piece), pcm.encode(piece, Encoding.S16LE)))
    return call.close()


def spans(call: Call) -> list[tuple[int, int]]:
    """Music, adjoining pieces joined."""
    joined: list[tuple[int, int]] = []
    for piece in call.bodies(Music):
        if joined and joined[-1][1] == piece.start_ms:
            joined[-1] = (joined[-1][0], piece.end_ms)
        else:
            joined.append((piece.start_ms, piece.end_ms))
    return joined


def speech(count: int, rate=8000) -> AnyArray:
    return pcm.to_float32(conversation(rate)[6 * rate :][:count])


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("kind", MUSIC)
def test_music_is_found_from_its_start_to_its_end_between_talk(silero, kind, rate) -> None:
    """Silero takes up to 2 s to believe that the talk is over; what it called speech stays speech."""
    talk = speech(6 * rate, rate)
    call = heard(silero, talk, music(kind, 3, 20, rate), talk, rate=rate)
    found = spans(call)
    assert 5_700 < found[0][0] < 8_000
    assert found[-1][1] == pytest.approx(26_000, abs=1_000)
    assert sum(end - start for start, end in found) > 16_500
    overlapped = [(a, b) for a, b in call.segments() for start, end in found if a < end and b > start]
    assert not overlapped and len(call.segments()) >= 2


def test_nothing_is_looked_for_unless_the_call_asks(silero) -> None:
    tune = music("band", 3, 10)
    assert spans(heard(silero, tune)) and not spans(heard(silero, tune, front_end=None))


@pytest.mark.parametrize("seed", [1, 2])
def test_ring_back_tones_are_no_music(silero, seed) -> None:
    assert not spans(heard(silero, music("ring", seed, 20)))


def test_hum_that_never_changes_is_no_music(silero) -> None:
    times = np.arange(20 * 8000) / 8000
    hum = np.sum([0.05 / n * np.sin(2 * np.pi * 300 * n * times) for n in range(1, 8)], axis=0)
    assert not spans(heard(silero, hum.astype(np.float32)))


def test_a_phone_conversation_is_no_music(silero) -> None:
    call = heard(silero, pcm.to_float32(conversation(8000)))
    assert not spans(call) and call.segments() == heard(silero, pcm.to_float32(conversation(8000))).segments()


@pytest.mark.slow
@pytest.mark.parametrize("folder", ["calls", "meetings", "transcripts"])
def test_real_speech_is_no_music(silero, folder) -> None:
    for path in sorted(recordings(folder).glob("*.flac"))[::3]:
        assert not spans(heard(silero, read_mono(path, 8000))), path.name


def test_long_music_is_told_in_adjoining_pieces_while_it_lasts() -> None:
    call = heard(Says(), music("chords", 1, 30))
    pieces = call.bodies(Music)
    assert len(pieces) >= 5 and len(spans(call)) == 1
    assert all(REPORT_MS <= piece.end_ms - piece.start_ms < REPORT_MS + 400 for piece in pieces[1:-1])
    told = [event.position - event.body.end_ms for event in call.events if isinstance(event.body, Music)]
    assert max(told) < 4_000
    assert isinstance(call.events[-1].body, AudioEnded) and pieces[-1].end_ms == 30_000


def test_a_segment_that_was_music_closes_where_it_began() -> None:
    call = heard(Says((3_000, 3_400)), music("chords", 1, 12))
    states = [(one.state.name, one.start_ms, one.end_ms) for one in call.bodies(Speech)]
    assert states[0][0] == "OPENED" and states[-1][0] == "CLOSED"
    assert states[-1][2] - states[-1][1] <= 400 and len({one.segment_id for one in call.bodies(Speech)}) == 1
    assert spans(call)[0][0] < 1_000


def test_speech_that_was_open_when_music_began_keeps_its_end_and_music_begins_behind_it() -> None:
    call = heard(Says((0, 3_000)), music("chords", 1, 12))
    assert call.segments() == [(0, 3_008)]
    assert 3_008 <= spans(call)[0][0] < 3_500


def test_speech_over_music_is_speech_from_its_first_sound() -> None:
    call = heard(Says((10_000, 14_000)), music("band", 2, 24))
    assert np.ravel(call.segments()) == pytest.approx((10_000, 14_000), abs=64)
    before, after = spans(call)
    assert before[1] <= call.segments()[0][0] and after[0] >= call.segments()[0][1]


def test_a_word_within_music_that_is_no_speech_opens_nothing() -> None:
    call = heard(Says((10_000, 10_300)), music("band", 2, 20))
    assert not call.segments() and len(spans(call)) == 1


def test_music_ends_at_a_hole_and_with_the_sound() -> None:
    tune = pcm.encode(pcm.to_int16(music("chords", 1, 10)), Encoding.S16LE)
    call = Call(Says(), front_end=FIND)
    call.push(Frame(0, 80_000, tune), Frame(0, 240_000, tune)).close()
    assert [end for _, end in spans(call)] == [pytest.approx(10_000, abs=32), 30_000]
    assert spans(call)[1][0] >= 20_000


def test_a_watch_hears_the_same_at_both_rates() -> None:
    found = []
    for rate in (8000, 16000):
        watch, sound = MusicWatch(rate), music("piano", 5, 8, 8000)
        if rate == 16000:
            import soxr

            sound = soxr.resample(sound, 8000, 16000)
        size = rate * CHUNK_MS // 1000
        verdicts = [watch.push(at // size, sound[at : at + size], 0.0) for at in range(0, len(sound) - size, size)]
        found.append(next(verdict.began for verdict in verdicts if verdict.began >= 0))
    assert abs(found[0] - found[1]) <= 3
