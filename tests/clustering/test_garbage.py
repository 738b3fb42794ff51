"""Input that cannot be is refused at the door; what no model would give is survived."""

import numpy as np
import pytest

from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.services.clustering.stored import dump, load
from speakerline.shared.contract.v1 import LocalVoice, TurnBody, VoiceWindow
from speakerline.shared.voiceprints.vectors import encode_vector
from tests.clustering.made_calls import calibration, conversation, dialogue, turns_of


@pytest.mark.parametrize("count", [0, -2])
def test_an_impossible_count_is_refused(count: int) -> None:
    with pytest.raises(ValueError, match=f"expected_speakers must be at least 1, got {count}"):
        CallClusterer(calibration(), expected_speakers=count)


def test_windows_out_of_order_are_refused() -> None:
    one, two = conversation(dialogue(10_000), 10_000)[:2]
    clusterer = CallClusterer(calibration())
    clusterer.push(two)
    with pytest.raises(ValueError, match="windows must come in order: 1000 ms after 2000 ms"):
        clusterer.push(one)


def test_a_window_after_the_end_is_refused() -> None:
    clusterer = CallClusterer(calibration())
    clusterer.finish()
    with pytest.raises(ValueError, match="the call is finished"):
        clusterer.push(conversation(dialogue(10_000), 10_000)[0])


def test_a_voiceprint_of_another_embedder_is_refused() -> None:
    window = conversation(dialogue(10_000), 10_000)[3]
    voice = LocalVoice(window.voices[0].spans_ms, 900, window.voices[0].voiceprint[:16])
    with pytest.raises(ValueError, match="has 16 numbers, got 6"):
        CallClusterer(calibration()).push(VoiceWindow(0, window.start_ms, window.end_ms, [voice]))


def noise_window(random: np.random.Generator, end_ms: int, channel: int) -> VoiceWindow:
    """A window as no model would give it: any spans, voices without voiceprints, no voices at all."""
    start_ms, voices = max(0, end_ms - 5000), []
    for _ in range(random.integers(0, 4)):
        edges = np.unique(random.integers(start_ms, end_ms + 1, 2 * random.integers(1, 4)))
        spans = edges[: len(edges) // 2 * 2].tolist()
        clean_ms = int(random.integers(0, 4000))
        vector = random.standard_normal(16).astype(np.float32) if random.random() < 0.7 else np.zeros(0, np.float32)
        voices.append(LocalVoice(spans, clean_ms, encode_vector(vector)))
    return VoiceWindow(channel, start_ms, end_ms, voices)


@pytest.mark.parametrize("seed", range(4))
def test_nonsense_is_survived_and_restored(seed: int) -> None:
    random = np.random.default_rng(seed)
    settings = ClusterSettings(horizon_ms=60_000)
    expected = [None, 2, 1, 3][seed]

    def new() -> CallClusterer:
        return CallClusterer(calibration(), settings, expected_speakers=expected, channels=2)

    whole, resumed = new(), new()
    standing: list[list[TurnBody]] = []
    for end_ms in range(1000, 100_000, 1000):
        for channel in range(2):
            if random.random() < 0.8:
                window = noise_window(random, end_ms, channel)
                changes = whole.push(window)
                if random.random() < 0.3:
                    parts, resumed = dump(resumed), new()
                    load(resumed, parts)
                assert resumed.push(window) == changes
                standing.append(changes)
    standing.append(whole.finish())
    assert resumed.finish() == standing[-1]
    for turn in turns_of(standing).values():
        assert turn.start_ms < turn.end_ms and 0 <= turn.confidence <= 1
