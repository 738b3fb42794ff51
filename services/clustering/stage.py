"""Clustering as a stage: windows and lifted voices in, what changed out; the algorithm is `CallClusterer`.

voices ─────────┬──> CallClusterer ──> speakers, turns, Separated
sources ─(2 s)──┘    gaps and degraded spans of separation pass as they are
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from typing_extensions import assert_never

from speakerline.services.clustering import stored
from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import CLUSTERING, TURNS
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage, Step
from speakerline.shared.voiceprints.calibration import Calibration

PROMISE = "promise"
"""Name of the part that holds the position promised, how far turns are final, where the last entry was, and where the
call ends."""
_DELAY_MS = {source.stream: source.delay_ms for source in CLUSTERING.inputs}


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
        self._promised_ms, self._finalized_ms, self._last_ms, self._closing_ms = -1, 0, 0, FOREVER
        if PROMISE in parts:
            words = (int(word) for word in parts[PROMISE].split())
            self._promised_ms, self._finalized_ms, self._last_ms, self._closing_ms = words
            stored.load(clusterer, {name: value for name, value in parts.items() if name != PROMISE})

    async def push(self, entries: Sequence[Entry], through_ms: int) -> Step:
        step = Step()
        for entry in entries:
            if isinstance(entry, Event):
                self._take(step, entry)
        if through_ms == FOREVER and not self._clusterer.finished:
            self._publish(step, max(self._last_ms, self._promised_ms + 1), self._clusterer.finish())
        return self._promise(step, through_ms)

    def skip(self, entry: Entry | None, through_ms: int, detail: str) -> Step:
        step = Step()
        if isinstance(entry, Event):
            at_ms, body = _place(entry), entry.body
            self._last_ms = max(self._last_ms, at_ms)
            start_ms, end_ms = getattr(body, "start_ms", at_ms), getattr(body, "end_ms", at_ms)
            channel = getattr(body, "channel", 0)
            gap = v1.Gap(channel, start_ms, end_ms, v1.GapReason.POISON, CLUSTERING.name, detail)
            step.events.append(Event(TURNS, at_ms, gap))
        return self._promise(step, through_ms)

    def _take(self, step: Step, entry: Event) -> None:
        at_ms, body = _place(entry), entry.body
        self._last_ms = max(self._last_ms, at_ms)
        if not isinstance(body, v1.VoiceBody | v1.SourceBody):
            return
        match body:
            case v1.Separation():
                self._publish(step, at_ms, self._clusterer.take(body))
            case v1.Gap() | v1.Degraded():
                step.events.append(Event(TURNS, at_ms, body))
            case v1.VoiceWindow() if body.end_ms > body.start_ms:
                self._publish(step, at_ms, self._clusterer.push(body))
            case v1.VoiceWindow():
                self._closing_ms = at_ms
            case _:
                assert_never(body)

    def _promise(self, step: Step, through_ms: int) -> Step:
        """After the empty window that ends a call no further promise is made: what follows is placed from there on,
        wherever separation's promises have got to."""
        if through_ms != FOREVER:
            through_ms = max(self._promised_ms, min(through_ms, self._closing_ms - 1))
        self._promised_ms = step.through_ms = through_ms
        return step

    def snapshot(self) -> Mapping[str, bytes]:
        promise = f"{self._promised_ms} {self._finalized_ms} {self._last_ms} {self._closing_ms}"
        return {**stored.dump(self._clusterer), PROMISE: promise.encode()}

    def _publish(self, step: Step, at_ms: int, changed: Sequence[v1.TurnBody]) -> None:
        at_ms = max([at_ms, *(event.position for event in step.events)])
        step.events += [Event(TURNS, at_ms, change) for change in changed]
        if self._clusterer.finalized_through_ms > self._finalized_ms:
            self._finalized_ms = self._clusterer.finalized_through_ms
            step.events.append(Event(TURNS, at_ms, v1.Finalized(self._finalized_ms)))


def _place(entry: Event) -> int:
    """Where an entry stands in the order of all inputs."""
    return entry.position + _DELAY_MS[entry.stream]
