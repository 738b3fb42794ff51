"""The graph of stages: who reads what, who writes what, and in which order inputs are merged.

audio:<ch> ─> vad ─> speech ─┬────────────────────────────────────────────────────> clustering ─> turns ─┐
                             ├─> embedding ─┬─> voices ───────────────────────────────┤                  │
                             │              └─> overlaps ─┬─> separation ─> sources ──┤                  │
                             ├────────────────────────────┼───────────────────────────┴─> asr ─> words ──┤
                             └────────────────────────────┴──────────> aggregator <──────────────────────┘
                                                                           └─> timeline
Embedding, separation and asr read sound by time. Clustering also reads `operator`, which the gateway writes.
"""

from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

from speakerline.shared.contract import v1

EventBody = (
    v1.SpeechBody
    | v1.VoiceBody
    | v1.OverlapBody
    | v1.SourceBody
    | v1.TurnBody
    | v1.WordBody
    | v1.OperatorBody
    | v1.TimelineEvent
)
Body = TypeVar("Body", bound=EventBody)


class Stream(str, Generic[Body]):
    """The name of a stream; for a type checker also what travels on it."""

    __slots__ = ()


AUDIO: Final[Stream[Any]] = Stream("audio")
"""Pseudo-stream: the frames of all channels of the call."""

SPEECH: Final[Stream[v1.SpeechBody]] = Stream("speech")
VOICES: Final[Stream[v1.VoiceBody]] = Stream("voices")
OVERLAPS: Final[Stream[v1.OverlapBody]] = Stream("overlaps")
SOURCES: Final[Stream[v1.SourceBody]] = Stream("sources")
TURNS: Final[Stream[v1.TurnBody]] = Stream("turns")
WORDS: Final[Stream[v1.WordBody]] = Stream("words")

TIMELINE: Final[Stream[v1.TimelineEvent]] = Stream("timeline")
"""The public stream: its entry ids are the `seq` of its events, so it carries no watermarks."""

OPERATOR: Final[Stream[v1.OperatorBody]] = Stream("operator")
"""What people correct. No stage writes it, but the gateway, at the position that the reading stage has reached."""

LABEL_DELAY_MS = 200
"""How much later than speech the labels are placed in the timeline's order.

Events of several inputs are merged by position, never by arrival, so that the same audio gives the same timeline in
every run. Labels need a model, so without a delay every speech event would wait for them: with it, speech passes at
once as long as labels come within this time."""


SOURCES_DELAY_MS = 2000
"""The same for sources among voiceprints: how long separation may take before labels have to wait for it."""

LIFTED_DELAY_MS = 5000
"""The same for sources among speech: how long separation may take before words have to wait for it."""

SEPARATION_BEFORE_MS, SEPARATION_AFTER_MS = 1500, 750
"""The context of an overlap that is separated with it: the voices often speak alone there."""


@dataclass(frozen=True, slots=True)
class Input:
    """A stream that a stage reads. An event at `at_ms` is merged as if it had happened at `at_ms + delay_ms`."""

    stream: Stream[Any]
    delay_ms: int = 0
    awaited: bool = True
    """False: its events come when they come, and nothing waits for them but the end of the call. Their place among
    the events of other inputs is then not the same in every run; among themselves it is."""
    inserted: bool = False
    """Whether its entries are written at the place that this stage had reached then (`insert.lua`), so that they keep
    it in every run. Nothing waits for more of them, not even the end of the call. Such an input is the last one."""
    answered: bool = True
    """False: an event of it makes the stage say nothing at once, but later, by time. So the stage can promise more than
    this input has."""

    @property
    def placed(self) -> bool:
        """Whether the place of its events in the order of all inputs follows from their positions."""
        return self.awaited or self.inserted


@dataclass(frozen=True, slots=True)
class StageSpec:
    name: str
    inputs: tuple[Input, ...]
    outputs: tuple[Stream[Any], ...]
    reads_audio: bool = False
    """Whether it reads sound, so that no frame may be trimmed before it is done with it."""
    state_version: int = 1
    """Of what its snapshots look like: raised with every change, so that no other worker reads them. A test compares
    them with tests/pipeline/stored_states.json."""
    oldest_state: int | None = None
    """The first version of them that it reads; None = its own alone."""
    sheds: bool = False
    """Whether it can do less under overload."""
    calls_a_core: int = 50
    """How many live calls one core of a processor keeps up with: docs/performance.md, docs/asr.md."""

    @property
    def readable(self) -> range:
        """The versions of stored states that it reads."""
        return range(self.state_version if self.oldest_state is None else self.oldest_state, self.state_version + 1)

    def place(self, stream: str, position: int) -> int:
        """Where an event stands in the order of all inputs; 0 where its input has no place in it."""
        source = next(one for one in self.inputs if one.stream == stream)
        return position + source.delay_ms if source.placed else 0


VAD = StageSpec("vad", (Input(AUDIO),), (SPEECH,), reads_audio=True, state_version=6, oldest_state=4, calls_a_core=100)
EMBEDDING = StageSpec(
    "embedding",
    (Input(SPEECH),),
    (VOICES, OVERLAPS),
    reads_audio=True,
    state_version=3,
    oldest_state=2,
    sheds=True,
    calls_a_core=34,
)
SEPARATION = StageSpec(
    "separation",
    (Input(OVERLAPS),),
    (SOURCES,),
    reads_audio=True,
    state_version=2,
    oldest_state=1,
    sheds=True,
    calls_a_core=28,
)
CLUSTERING = StageSpec(
    "clustering",
    (
        Input(SPEECH, answered=False),
        Input(VOICES),
        Input(SOURCES, SOURCES_DELAY_MS),
        Input(OPERATOR, awaited=False, inserted=True),
    ),
    (TURNS,),
    state_version=6,
    oldest_state=5,
    calls_a_core=130,
)
ASR = StageSpec(
    "asr",
    (Input(SPEECH), Input(SOURCES, LIFTED_DELAY_MS)),
    (WORDS,),
    reads_audio=True,
    state_version=4,
    sheds=True,
    calls_a_core=4,
)
AGGREGATOR = StageSpec(
    "aggregator",
    (
        Input(SPEECH),
        Input(OVERLAPS, LABEL_DELAY_MS),
        Input(TURNS, LABEL_DELAY_MS),
        Input(WORDS, awaited=False),
    ),
    (TIMELINE,),
    state_version=2,
    calls_a_core=180,
)

ARCHIVE_READER = "archive"
"""Reads sound beside the stages, where it is recorded. It is no stage: none waits for it, and sound does so no longer
than `RECORDER_HOLD_S` of `shared.runtime.commit`."""

PIPELINE = (VAD, EMBEDDING, SEPARATION, CLUSTERING, ASR, AGGREGATOR)
STREAMS = (OPERATOR, *(stream for stage in PIPELINE for stream in stage.outputs))
"""All streams of events that a call may have."""


def readers_of(stream: str) -> tuple[str, ...]:
    """Names of the stages that read a stream, or sound for `audio`: nothing they still need may be trimmed."""
    if stream == AUDIO:
        return tuple(stage.name for stage in PIPELINE if stage.reads_audio)
    return tuple(stage.name for stage in PIPELINE if any(source.stream == stream for source in stage.inputs))
