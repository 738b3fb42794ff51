"""Clustering as a stage: windows in, what changed out; the algorithm is `CallClusterer`."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from services.clustering import changes
from services.clustering.clusterer import CallClusterer
from services.clustering.settings import ClusterSettings
from services.embedding import windows
from services.embedding.calibration import Calibration
from shared.contract import v1
from shared.pipeline import CLUSTERING
from shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage, Step

PROMISE = "promise"
"""Name of the part that holds the position promised, how far turns are final, and where the last window was."""


class ClusteringStage(Stage):
    """Makes a ClusteringCall a call."""

    def __init__(self, calibration: Calibration, settings: ClusterSettings | None = None) -> None:
        self._calibration, self._settings = calibration, settings
        self._known_voices: Mapping[str, NDArray[np.float32]] = {}

    @property
    def embedder_name(self) -> str:
        """Whose voiceprints it compares."""
        return self._calibration.name

    def know(self, voices: Mapping[str, NDArray[np.float32]]) -> None:
        """The enrolled voiceprints (D,) by name, for calls that are opened from now on."""
        self._known_voices = voices

    def open(self, call: v1.CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "ClusteringCall":
        clusterer = CallClusterer(
            self._calibration,
            self._settings,
            expected_speakers=call.expected_speakers or None,
            max_speakers=call.max_speakers or None,
            known_voices=self._known_voices,
            channels=call.channels,
        )
        return ClusteringCall(clusterer, parts)


class ClusteringCall(CallStage):
    """One call."""

    def __init__(self, clusterer: CallClusterer, parts: Mapping[str, bytes]) -> None:
        self._clusterer = clusterer
        self._promised_ms, self._finalized_ms, self._last_ms = -1, 0, 0
        if PROMISE in parts:
            self._promised_ms, self._finalized_ms, self._last_ms = (int(word) for word in parts[PROMISE].split())
            clusterer.restore({name: value for name, value in parts.items() if name != PROMISE})

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        step = Step(through_ms=through_ms)
        for entry in entries:
            if isinstance(entry, Event) and isinstance(entry.body, v1.VoiceWindow):
                self._last_ms = entry.position
                if entry.body.end_ms > entry.body.start_ms:
                    self._publish(step, entry.position, self._clusterer.push(_window(entry.body)))
        if through_ms == FOREVER and not self._clusterer.finished:
            self._publish(step, max(self._last_ms, self._promised_ms + 1), self._clusterer.finish())
        self._promised_ms = through_ms
        return step

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        step = Step(through_ms=through_ms)
        if isinstance(entry, Event) and isinstance(entry.body, v1.VoiceWindow):
            window = entry.body
            gap = v1.Gap(window.channel, window.start_ms, window.end_ms, v1.GapReason.POISON, CLUSTERING.name, detail)
            step.events.append(Event("turns", entry.position, gap))
        self._promised_ms = through_ms
        return step

    def snapshot(self) -> Mapping[str, bytes]:
        promise = f"{self._promised_ms} {self._finalized_ms} {self._last_ms}"
        return {**self._clusterer.snapshot(), PROMISE: promise.encode()}

    def _publish(self, step: Step, at_ms: int, changed: Sequence[changes.Change]) -> None:
        at_ms = max([at_ms, *(event.position for event in step.events)])
        step.events += [Event("turns", at_ms, _message(change)) for change in changed]
        if self._clusterer.finalized_through_ms > self._finalized_ms:
            self._finalized_ms = self._clusterer.finalized_through_ms
            step.events.append(Event("turns", at_ms, v1.Finalized(self._finalized_ms)))


def _window(message: v1.VoiceWindow) -> windows.VoiceWindow:
    voices = [windows.LocalVoice(list(one.spans_ms), one.clean_ms, one.voiceprint) for one in message.voices]
    return windows.VoiceWindow(message.channel, message.start_ms, message.end_ms, voices)


def _message(change: changes.Change) -> Any:
    """The contract's message of the same name and fields."""
    fields = {name: getattr(change, name) for name in change.__dataclass_fields__}
    if isinstance(change, changes.Turn):
        fields["confidence"] = round(change.confidence, 3)
    return getattr(v1, type(change).__name__)(**fields)
