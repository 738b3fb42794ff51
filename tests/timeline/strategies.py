"""Hypothesis strategies: any sequence of bodies that stages may send, with few ids so that they meet."""

from typing import Any

from hypothesis import strategies as st

from speakerline.shared.contract import v1

_times = st.integers(0, 100_000)
_spans = st.tuples(_times, st.integers(0, 20_000)).map(lambda pair: {"start_ms": pair[0], "end_ms": sum(pair)})
_speaker_ids = st.sampled_from(["S1", "S2", "S3"])
_turn_ids = st.sampled_from([f"t{number}" for number in range(40)])
_failures = st.sampled_from([v1.SeparationOutcome.FAILED, v1.SeparationOutcome.ONE_VOICE])
SOURCE_IDS = ("p1-a", "p1-b", "p2-a")
_channels = st.integers(0, 1)


def _spanned(message: type, **fields: Any) -> st.SearchStrategy[Any]:
    values = {name: value if isinstance(value, st.SearchStrategy) else st.just(value) for name, value in fields.items()}
    return st.builds(lambda span, others: message(**span, **others), _spans, st.fixed_dictionaries(values))


_speech_states = st.sampled_from([v1.SpeechState.OPENED, v1.SpeechState.GREW, v1.SpeechState.CLOSED])

speech_bodies = st.one_of(
    _spanned(v1.Speech, segment_id=st.sampled_from(["a", "b"]), channel=_channels, state=_speech_states),
    _spanned(v1.Gap, channel=_channels, reason=v1.GapReason.LOST, stage="vad"),
    _spanned(v1.Silence, channel=_channels),
    _spanned(v1.Clipping, channel=_channels, ratio=0.5),
    _spanned(v1.Music, channel=_channels),
    _spanned(v1.Absence, absence_id=st.sampled_from(("a0-1", "a1-1")), channel=_channels, over=st.booleans()),
    _spanned(v1.Idle, over=st.booleans()),
    _spanned(v1.FormatDoubt, channel=_channels, looks_like=v1.SoundFormat.ALAW),
    _spanned(v1.ChannelContent, channel=_channels, content=v1.Content.COPY),
    st.builds(v1.Dtmf, channel=_channels, pressed_ms=_times, digit=st.sampled_from("0*D")),
)


@st.composite
def separations(draw: st.DrawFn) -> v1.Separated:
    """Of two stretches, each with two sources at most."""
    name = draw(st.sampled_from(["p1", "p2"]))
    span: dict[str, Any] = draw(_spans)
    people = draw(st.lists(st.sampled_from(["", "S1", "S2", "S3"]), max_size=2, unique=True))
    return v1.Separated(
        separation_id=name,
        revision=draw(st.integers(1, 5)),
        outcome=v1.SeparationOutcome.SEPARATED if people else draw(_failures),
        sources=[
            v1.SpeakerSource(f"{name}-{which}", who, draw(st.sampled_from([0.25, 1.0])), **span)
            for which, who in zip("ab", people, strict=False)
        ],
        **span,
    )


@st.composite
def transcripts(draw: st.DrawFn) -> v1.Transcript:
    """A few words in a row, at times of a separated source; at times final."""
    at_ms, source_id, words = draw(_times), draw(st.sampled_from(["", *SOURCE_IDS])), list[v1.Word]()
    for gap, length in draw(st.lists(st.tuples(st.integers(0, 900), st.integers(0, 600)), min_size=1, max_size=8)):
        text = draw(st.sampled_from(["well,", "yes.", "no", "hello"]))
        confidence = draw(st.sampled_from([0.25, 0.5, 1.0]))
        start_ms = words[-1].end_ms + gap if words else at_ms
        words.append(v1.Word(text, start_ms, start_ms + length, confidence, source_id))
    return v1.Transcript(
        transcript_id=draw(st.sampled_from([f"w{number}" for number in range(12)])),
        revision=draw(st.integers(1, 5)),
        channel=draw(_channels),
        start_ms=at_ms,
        end_ms=words[-1].end_ms,
        final=draw(st.booleans()),
        words=words,
    )


overlap_bodies = _spanned(v1.Overlap, overlap_id=st.sampled_from(["o1", "o2", "o3"]), voices=2)
turn_bodies = st.one_of(
    _spanned(
        v1.Turn,
        turn_id=_turn_ids,
        revision=st.integers(1, 5),
        speaker_id=st.sampled_from(["", "S1", "S2", "S3"]),
        confidence=st.sampled_from([0.25, 0.9]),
        provisional=st.booleans(),
    ),
    st.builds(v1.TurnWithdrawn, turn_id=_turn_ids, revision=st.integers(1, 5)),
    st.builds(v1.SpeakerCreated, speaker_id=_speaker_ids, channel=_channels),
    st.builds(v1.SpeakerMerged, speaker_id=_speaker_ids, into_speaker_id=_speaker_ids),
    st.builds(v1.SpeakerSplit, speaker_id=_speaker_ids, from_speaker_id=_speaker_ids),
    st.builds(v1.SpeakerRole, speaker_id=_speaker_ids, role=st.sampled_from(["", "agent"])),
    st.builds(
        v1.Correction,
        correction_id=st.sampled_from(["k1", "k2"]),
        by=st.sampled_from(["", "Ann"]),
        merge_speakers=st.builds(v1.MergeSpeakers, speaker_id=_speaker_ids, into_speaker_id=_speaker_ids),
        refused=st.sampled_from(["", "S9: expected one of S1 to S3"]),
    ),
    st.builds(v1.SpeakerNamed, speaker_id=_speaker_ids, name=st.sampled_from(["", "Ada L"]), confidence=st.just(0.5)),
    st.builds(v1.Finalized, through_ms=_times),
    _spanned(v1.Degraded, stage="embedding", shed="density"),
    separations(),
)
word_bodies = st.one_of(
    transcripts(),
    _spanned(v1.Gap, channel=_channels, reason=v1.GapReason.POISON, stage="asr"),
    _spanned(v1.Degraded, stage="asr", shed="interims"),
)
bodies = st.one_of(
    turn_bodies,
    word_bodies,
    speech_bodies,
    overlap_bodies,
    st.builds(v1.CallSummary, duration_ms=_times),
)


@st.composite
def timeline_bodies(draw: st.DrawFn, max_size: int = 60) -> list[tuple[int, Any]]:
    """(at_ms, body) pairs of one call, from CallStarted on, times never going back; at times ended."""
    drawn = draw(st.lists(bodies, max_size=max_size))
    times = sorted(draw(st.lists(_times, min_size=len(drawn), max_size=len(drawn))))
    ended = [(120_000, v1.CallEnded(end_ms=119_000, reason=v1.EndReason.HANGUP))] if draw(st.booleans()) else []
    return [(0, v1.CallStarted(call_id="c1", sample_rate=8000)), *zip(times, drawn, strict=True), *ended]
