"""Clustering as a stage: windows and separations in, changes out; the algorithm is `CallClusterer`.

speech ─────────┐
voices ─────────┼──> CallClusterer ──> speakers, turns, Separated
sources ─(2 s)──┤    gaps and degraded spans of voices and sources pass as they are
operator ───────┘

Between two windows the last speaker goes on for as long as a segment of speech is open.
"""

import json
from collections.abc import Mapping, Sequence

from typing_extensions import assert_never

from speakerline.services.clustering import stored
from speakerline.services.clustering.clusterer import CallClusterer
from speakerline.services.clustering.correcting import correct
from speakerline.services.clustering.settings import ClusterSettings
from speakerline.shared.arrays import Float32s
from speakerline.shared.client.voiceprints import StoredVoiceprint
from speakerline.shared.codec import SAMPLE_RATES
from speakerline.shared.contract import v1
from speakerline.shared.pipeline import CLUSTERING, SPEECH, TURNS
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage
from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.shared.voiceprints.vectors import decode_vector

EXTEND_AT_MS = (0, 400)
"""Where in every second speech that no window reaches yet is given to the last speaker. Multiples of WATERMARK_MS:
what lies between two of these is told up to 100 ms later, because the aggregator hears of time in such steps."""


class ClusteringStage(Stage):
    """Makes a ClusteringCall a call."""

    def __init__(self, calibration: Calibration, settings: ClusterSettings | None = None) -> None:
        self._calibration, self._settings = calibration, settings
        self._known_voices: dict[int, dict[str, dict[str, Float32s]]] = {}

    def know(self, voices: Mapping[str, Mapping[str, StoredVoiceprint]]) -> None:
        """The enrolled voices by tenant and name, for calls that are opened from now on; those of another embedder
        can't be compared, and are left out."""
        self._known_voices = {
            rate: {tenant: self._comparable(theirs, rate) for tenant, theirs in voices.items()} for rate in SAMPLE_RATES
        }

    def open(self, call: v1.CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "ClusteringCall":
        clusterer = CallClusterer(
            self._calibration,
            self._settings,
            expected_speakers=call.expected_speakers or None,
            max_speakers=call.max_speakers or None,
            known_voices=self._known_voices.get(call.sample_rate, {}).get(call.tenant, {}),
            channels=call.channels,
            separate=call.channel_mode == v1.ChannelMode.SEPARATE,
        )
        return ClusteringCall(clusterer, parts)

    def _comparable(self, voices: Mapping[str, StoredVoiceprint], sample_rate: int) -> dict[str, Float32s]:
        """The voiceprints (D,) as the voices sound on lines of this rate."""
        same = {name: one for name, one in voices.items() if one.embedder == self._calibration.name}
        return {name: decode_vector(one.at_rate(sample_rate)) for name, one in same.items()}


class ClusteringCall(CallStage):
    """One call."""

    spec = CLUSTERING

    def __init__(self, clusterer: CallClusterer, parts: Mapping[str, bytes]) -> None:
        super().__init__()
        self._clusterer = clusterer
        self._dumped: Mapping[str, bytes] | None = None
        """The stored form of the clusterer, until it changes: most steps only let time pass."""
        if parts:
            stored.load(clusterer, parts)
        state = json.loads(parts.get("state", b"{}"))
        self._promised_ms: int = state.get("promised_ms", -1)
        self._finalized_ms: int = state.get("finalized_ms", 0)
        self._last_ms: int = state.get("last_ms", 0)
        """The place of the last event, or of the answer to it."""
        self._passed_ms: int = state.get("passed_ms", 0)
        """Up to where the last speakers have gone on; they don't where an entry is skipped."""
        self._closing_ms: int = state.get("closing_ms", FOREVER)
        """After the empty window that ends a call no further promise is made: what follows is placed from there on,
        wherever separation's promises have got to."""

    async def on_event(self, event: Event, at_ms: int) -> None:
        body = event.body
        self._last_ms = max(self._last_ms, following(at_ms) if isinstance(body, v1.Correction) else at_ms)
        if event.stream == SPEECH:
            if isinstance(body, v1.Speech):
                self._dumped = None
                self._clusterer.note_speech(body)
            return
        self._dumped = None
        if isinstance(body, v1.Correction):
            self._publish_changes(self._last_ms, correct(self._clusterer, body, at_ms))
            return
        if not isinstance(body, v1.VoiceBody | v1.SourceBody):
            return
        match body:
            case v1.Separation():
                self._publish_changes(self._last_ms, self._clusterer.take(body))
            case v1.Gap() | v1.Degraded():
                self.publish(Event(TURNS, self._last_ms, body))
            case v1.VoiceWindow() if body.end_ms > body.start_ms:
                self._publish_changes(self._last_ms, self._clusterer.push(body))
            case v1.VoiceWindow():
                self._closing_ms = at_ms
            case _:
                assert_never(body)

    async def on_time(self, through_ms: int) -> None:
        through_ms = min(through_ms, self._closing_ms - 1)
        for now_ms in extensions(self._passed_ms, through_ms):
            if extended := self._clusterer.extend(now_ms):
                self._dumped = None
                self._publish_changes(now_ms, extended)
        self._passed_ms = through_ms

    async def on_end(self) -> None:
        self._dumped = None
        self._publish_changes(self._end_at_ms, self._clusterer.finish())

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        event = entry if isinstance(entry, Event) else None
        at_ms = self.place(event) if event else self._end_at_ms
        self._last_ms = max(self._last_ms, following(at_ms) if event else at_ms)
        self.publish(Event(TURNS, self._last_ms, self.gap(event, at_ms, detail)))
        self._passed_ms = min(through_ms, self._closing_ms - 1)

    def promise(self, through_ms: int, quiet_ms: int) -> int:
        """Ahead to where a turn may grow next, unless it has something to answer before."""
        ahead_ms = min(quiet_ms, following(through_ms + 1) - 1, self._closing_ms - 1)
        self._promised_ms = max(self._promised_ms, ahead_ms)
        return self._promised_ms

    def snapshot(self) -> Mapping[str, bytes]:
        if self._dumped is None:
            self._dumped = stored.dump(self._clusterer)
        state = {
            "promised_ms": self._promised_ms,
            "finalized_ms": self._finalized_ms,
            "last_ms": self._last_ms,
            "passed_ms": self._passed_ms,
            "closing_ms": self._closing_ms,
        }
        return {**self._dumped, "state": json.dumps(state).encode()}

    @property
    def _end_at_ms(self) -> int:
        return max(self._last_ms, self._promised_ms + 1)

    def _publish_changes(self, at_ms: int, changed: Sequence[v1.TurnBody]) -> None:
        self.publish(*(Event(TURNS, at_ms, change) for change in changed))
        if self._clusterer.finalized_through_ms > self._finalized_ms:
            self._finalized_ms = self._clusterer.finalized_through_ms
            self.publish(Event(TURNS, at_ms, v1.Finalized(self._finalized_ms)))


def following(at_ms: int) -> int:
    """The first point of EXTEND_AT_MS from a position on. What nobody knew to come, such as a correction, is answered
    there: no promise reaches it that was made before."""
    return extensions(at_ms - 1, at_ms + 1000)[0]


def extensions(after_ms: int, through_ms: int) -> list[int]:
    """The points of EXTEND_AT_MS in (after_ms, through_ms]."""
    seconds = range(after_ms // 1000 * 1000, through_ms + 1, 1000)
    return [second + at for second in seconds for at in EXTEND_AT_MS if after_ms < second + at <= through_ms]
