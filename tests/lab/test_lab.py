"""The laboratory: simulated calls, calibration; speech is made of noise bursts, so no data is needed."""

import asyncio
import wave
from pathlib import Path

import numpy as np
import pytest

from speakerline.services.clustering.stage import ClusteringStage
from speakerline.shared.contract.v1 import Finalized, LocalVoice, VoiceWindow
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import CLUSTERING, SOURCES, SPEECH, TURNS, VOICES
from speakerline.shared.runtime.log import Logged
from speakerline.shared.runtime.stage import Event
from speakerline.shared.timeline.spans import Span, clip
from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.shared.voiceprints.vectors import encode_vector
from speakerline.tools.lab.calibrate import calibrate_windows
from speakerline.tools.lab.evaluate import row
from speakerline.tools.lab.from_speech import some_settings, split_speakers
from speakerline.tools.lab.measuring import figures, offline
from speakerline.tools.media.whole_file import read_mono
from speakerline.tools.score.files import InvalidFile, read_rttm, write_rttm
from speakerline.tools.score.labelled import LabelledCall, read_labelled
from speakerline.tools.score.report import Report
from speakerline.tools.score.score import score
from speakerline.tools.simulate.simulator import CallSettings, active_spans, simulate_call, simulate_folder
from speakerline.tools.simulate.telephone import at_level, handset, mu_law_round_trip, reverberant
from speakerline.tools.simulate.turn_taking import Conversation, plan_turns
from speakerline.tools.simulate.voices import find_utterances
from tests.timeline.events import numbered

CHANNELS = {"ann": 0, "bob": 1}


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two naming styles: folders of speakers, and files whose names begin with the speaker."""
    folder = tmp_path_factory.mktemp("speech")
    for number, name in enumerate(("ada/1.wav", "ada/2.wav", "bob-7-1.wav", "eve-3-2.wav")):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        random = np.random.default_rng(number)
        loudness = np.repeat(random.random(40) > 0.3, 1600) * 0.1 + 1e-4
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            samples = random.standard_normal(64_000) * loudness * 32767
            file.writeframes(samples.clip(-32768, 32767).astype("<i2").tobytes())
    return folder


def test_speakers_come_from_folders_and_from_names(speech: Path) -> None:
    found = find_utterances(speech)
    assert {name: len(files) for name, files in found.items()} == {"ada": 2, "bob": 1, "eve": 1}


def test_audio_is_read_at_the_wanted_rate(speech: Path) -> None:
    assert abs(len(read_mono(speech / "bob-7-1.wav", 8000)) - 32_000) < 20


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no audio"):
        find_utterances(tmp_path)


def test_a_seed_always_gives_the_same_call(speech: Path) -> None:
    one, two, other = (simulate_call(find_utterances(speech), seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.samples, two.samples)
    assert one.truth == two.truth and one.truth != other.truth


def test_a_stereo_call_has_one_speaker_a_channel(speech: Path) -> None:
    call = simulate_call(find_utterances(speech), 1, CallSettings(stereo=True))
    assert call.samples.shape[1] == 2
    assert set(call.truth) == set(call.channels) and sorted(call.channels.values()) == [0, 1]


def test_a_meeting_is_wideband_and_sounds_on_after_the_voice(speech: Path) -> None:
    call = simulate_call(find_utterances(speech), 1, CallSettings.meeting(Conversation(speakers=3, duration_s=10)))
    assert call.rate == 16_000 and call.samples.shape == (11 * 16_000, 1)
    click = np.zeros(16_000, np.float32)
    click[0] = 1.0
    heard = reverberant(click, 16_000, 0.3, np.random.default_rng(0))
    energy = np.cumsum(np.square(heard[::-1]))[::-1]
    assert heard[0] == pytest.approx(1.0, abs=1e-3) and energy[1600] > 1e-4 > 1e-6 > energy[5000]


def test_too_few_speakers_are_refused(speech: Path) -> None:
    with pytest.raises(ValueError, match="needs as many in the folder, it has 3"):
        simulate_call(find_utterances(speech), 1, CallSettings(Conversation(speakers=4)))


def test_conversations_have_the_statistics_of_real_ones() -> None:
    overlapped, spoken = 0, 0
    for seed in range(40):
        frames = np.zeros((2, 12_000), np.int8)
        for turn in plan_turns(Conversation(duration_s=110), np.random.default_rng(seed)):
            frames[turn.speaker, int(turn.start_s * 100) : int((turn.start_s + turn.duration_s) * 100)] = 1
        overlapped += int((frames.sum(axis=0) == 2).sum())
        spoken += int((frames.sum(axis=0) >= 1).sum())
    assert 0.05 < overlapped / spoken < 0.15


def test_calls_are_written_with_their_truth(speech: Path, tmp_path: Path) -> None:
    (path,) = simulate_folder(speech, tmp_path, 1, first_seed=3)
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getnchannels()) == (8000, 1)
    assert read_rttm(path.with_suffix(".rttm")) == {"simulated-3": simulate_call(find_utterances(speech), 3).truth}


def test_written_truth_is_in_the_order_of_time_and_tells_the_channels(tmp_path: Path) -> None:
    write_rttm(tmp_path / "x.rttm", "call", {"ann": [(0, 1500), (4000, 5000)], "bob": [(1250, 3000)]}, CHANNELS)
    assert (tmp_path / "x.rttm").read_text().splitlines() == [
        "SPEAKER call 1 0.000 1.500 <NA> <NA> ann <NA> <NA>",
        "SPEAKER call 2 1.250 1.750 <NA> <NA> bob <NA> <NA>",
        "SPEAKER call 1 4.000 1.000 <NA> <NA> ann <NA> <NA>",
    ]


def test_the_line_keeps_the_telephone_band() -> None:
    time = np.arange(16_000) / 8000
    kept, lost = (handset(np.sin(2 * np.pi * hz * time).astype(np.float32), 8000, 0.0) for hz in (1000, 100))
    assert kept[4000:].std() > 0.65 and lost[4000:].std() < 0.02


def test_mu_law_is_close_and_level_is_as_asked() -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 1000).astype(np.float32)
    assert np.abs(mu_law_round_trip(samples) - samples).max() < 0.03
    assert 20 * np.log10(at_level(samples, -23.0).std()) == pytest.approx(-23, abs=0.5)


def test_active_spans_leave_the_pauses_out() -> None:
    samples = np.concatenate([np.full(8000, 1e-4), np.sin(np.arange(8000)), np.full(8000, 1e-4)]).astype(np.float32)
    assert active_spans(samples, 8000) == [(8000, 16_000)]


def listened(people: tuple[int, ...], seed: int) -> tuple[LabelledCall, list[VoiceWindow]]:
    """A call of 60 s in which people take turns of 3 s, listened to by a made-up embedder."""
    random = np.random.default_rng([seed, 1])
    truth: dict[str, list[Span]] = {}
    for at in range(20):
        truth.setdefault(str(people[at % len(people)]), []).append((3000 * at + 100, 3000 * at + 2800))
    line, windows = random.standard_normal(24) * 0.05, []
    for end in range(1000, 60_001, 1000):
        voices = []
        for who in sorted(set(people)):
            spans = [edge for span in clip(truth[str(who)], end - 5000, end) for edge in span]
            clean_ms = sum(spans[1::2]) - sum(spans[::2])
            if clean_ms >= 200:
                own = np.random.default_rng(who).standard_normal(24) * 0.3 + 0.5
                mood = np.random.default_rng([who, end // 15_000]).standard_normal(24) * 0.36
                voice = own + mood + line + random.standard_normal(24) * 0.1
                voices.append(LocalVoice(spans, clean_ms, encode_vector(voice / np.linalg.norm(voice))))
        windows.append(VoiceWindow(0, max(0, end - 5000), end, voices))
    return LabelledCall(f"made-{seed}", np.zeros((480_000, 1), np.float32), 8000, truth), windows


def test_a_calibration_from_some_people_tells_others_apart() -> None:
    calls = [listened((100 + 2 * at, 101 + 2 * at), at) for at in range(6)]
    calls += [listened((130 + at,), at) for at in range(4)]
    own, other = np.eye(24)[:2]
    made = calibrate_windows("made", calls, [({"ann": own}, {"ann": own, "bob": other})] * 20)
    assert made.size == 24 and made.merge[1] > 0
    placed = made.place(np.stack([own, other]), made.prior_mean.astype(np.float64))
    assert float(placed[0] @ placed[1]) < made.known[0] < 1 and made.known[1] > 0
    found = asyncio.run(clustered(*listened((200, 201), 99), made))
    assert found.found_speakers == 2 and found.final.attribution > 0.99
    assert {one.after_s: one.attribution for one in found.live}[5.0] > 0.90
    cells = row([found, found]).split(" | ")
    assert len(cells) == 7 and cells[0] == figures(found.final) and cells[5] == "0 of 2"


async def clustered(call: LabelledCall, windows: list[VoiceWindow], calibration: Calibration) -> Report:
    """The score of what the clustering stage makes of the windows."""
    heard = offline(call)
    closed = Logged(LAST_POSITION, 0, None)
    said = [Logged(one.end_ms, 0, Event(VOICES, one.end_ms, one)) for one in windows]
    heard.logs |= {SPEECH: [closed], VOICES: [*said, closed], SOURCES: [closed]}
    await heard.run(ClusteringStage(calibration), CLUSTERING)
    turns = [(event.position, event.body) for event in heard.events(TURNS)]
    return score(call.truth, numbered((at, body) for at, body in turns if not isinstance(body, Finalized)))


def test_calibration_needs_people_who_are_not_alone() -> None:
    with pytest.raises(ValueError, match="at least two calls"):
        calibrate_windows("made", [], [])


def test_calls_to_calibrate_with_differ_and_a_seed_always_gives_the_same() -> None:
    made = [some_settings(number, number) for number in range(40)]
    assert made == [some_settings(number, number) for number in range(40)]
    assert {one.conversation.speakers for one in made} == {1, 2, 3, 4}
    assert {one.rate for one in made} == {8000, 16_000}
    assert len({one.effort_db for one in made}) == 40 and all(1 <= one.effort_db <= 4.5 for one in made)
    assert {one.noise_dbfs for one in made} == {(-62.0, -42.0), (-48.0, -34.0)}
    assert {one.reverb_s for one in made} == {(0.0, 0.0), (0.15, 0.6), (0.01, 0.5)}


def test_speakers_are_split_for_good(speech: Path) -> None:
    fit, held = split_speakers(find_utterances(speech), 1 / 3, 0)
    assert len(fit) == 2 and len(held) == 1 and not set(fit) & set(held)
    assert split_speakers(find_utterances(speech), 1 / 3, 0) == (fit, held)


def test_a_recording_finds_its_truth(speech: Path, tmp_path: Path) -> None:
    truth = {"ann": [(0, 5000)], "bob": [(5000, 10_000)]}
    write_rttm(tmp_path / "one.rttm", "any", truth, CHANNELS)
    call = read_labelled(speech / "bob-7-1.wav", tmp_path / "one.rttm")
    assert call.truth == truth and call.rate == 16_000 and call.duration_s == 4
    text = (tmp_path / "one.rttm").read_text("utf-8")
    (tmp_path / "two.rttm").write_text(text + text.replace(" any ", " other "), "utf-8")
    with pytest.raises(InvalidFile, match=r"two.rttm holds any, other: expected one file only, or bob-7-1"):
        read_labelled(speech / "bob-7-1.wav", tmp_path / "two.rttm")
