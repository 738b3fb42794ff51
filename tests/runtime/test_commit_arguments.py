"""What goes into the commit script: outputs, changed state, trims."""

from typing import Any

from speakerline.shared.contract.v1 import CallEnded, EndReason, Separation, Speech, TimelineEvent
from speakerline.shared.keys import LAST_POSITION
from speakerline.shared.pipeline import (
    AGGREGATOR,
    AUDIO,
    EMBEDDING,
    SEPARATION,
    SOURCES,
    SPEECH,
    TIMELINE,
    VAD,
    readers_of,
)
from speakerline.shared.runtime.call import CallWork
from speakerline.shared.runtime.commit import Commit, all_keys, build, lows
from speakerline.shared.runtime.log import LAST_NUMBER, Logged
from speakerline.shared.runtime.stage import FOREVER, AudioClosed, Event, Frame, Step
from tests.runtime.playing import a_call


def vad_work(end: int, step: Step, fields: dict[str, bytes] | None = None) -> CallWork:
    work = CallWork(VAD, a_call("c"), fields or {})
    work.offer(0, [Logged(end, 0, Frame(0, end, b"x"))])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, step, 1.0)
    return work


def parse(commit: Commit) -> dict[str, Any]:
    """The arguments as the script reads them."""
    words = iter(commit.arguments)
    token, version, finished = next(words), next(words), next(words)
    inserted = {commit.keys[int(next(words)) - 1]: next(words) for _ in range(int(next(words)))}
    outputs = []
    for _ in range(int(next(words))):
        key, entry, maxlen, count = commit.keys[int(next(words)) - 1], next(words), next(words), int(next(words))
        flat = [next(words) for _ in range(count)]
        outputs.append((key, entry, maxlen, dict(zip(flat[::2], flat[1::2], strict=True))))
    sound_key = int(next(words))
    sounds = (
        commit.keys[sound_key - 1] if sound_key else "",
        {next(words): next(words) for _ in range(int(next(words)))},
        [next(words) for _ in range(int(next(words)))],
    )
    changed = {next(words): next(words) for _ in range(int(next(words)))}
    deleted = [next(words) for _ in range(int(next(words)))]
    trims = []
    for _ in range(int(next(words))):
        key, field, count = commit.keys[int(next(words)) - 1], next(words), int(next(words))
        readers = [commit.keys[int(next(words)) - 1] for _ in range(count)]
        recorder, hold = int(next(words)), int(next(words))
        trims.append((key, field, readers, commit.keys[recorder - 1] if recorder else "", hold))
    assert next(words, None) is None, "every argument is read"
    return {
        "guard": (token, version, finished),
        "inserted": inserted,
        "outputs": outputs,
        "sounds": sounds,
        "changed": changed,
        "deleted": deleted,
        "trims": trims,
    }


def test_the_guard_carries_fence_and_version() -> None:
    work = vad_work(800, Step(), {"version": b"7"})
    assert parse(build(work, "1-0/3", {}, {}))["guard"] == ("1-0/3", 7, "")


def test_only_parts_that_changed_are_written_and_missing_ones_deleted() -> None:
    work = vad_work(800, Step(), {"part:same": b"1", "part:old": b"2", "part:gone": b"3"})
    commit = build(work, "1-0/1", {"same": b"1", "old": b"9", "new": b"4"}, {})
    parsed = parse(commit)
    assert {name: value for name, value in parsed["changed"].items() if name.startswith("part:")} == {
        "part:old": b"9",
        "part:new": b"4",
    }
    assert parsed["deleted"] == ["part:gone"]
    assert commit.parts == {"same": b"1", "old": b"9", "new": b"4"}


def test_cursors_promises_and_numbering_go_with_the_state() -> None:
    work = vad_work(8000, Step([Event(SPEECH, 900, Speech())], 1000, {0: 4000}))
    changed = parse(build(work, "1-0/1", {}, {}))["changed"]
    assert changed == {
        "cursor:audio:0": "8000-0",
        "last:speech": f"1000-{LAST_NUMBER}",
        "low:audio:0": 4001,
        "through": 1000,
        "passed": 0,
        "state_version": VAD.state_version,
    }


def test_audio_is_trimmed_below_the_slowest_reader_and_not_at_every_commit() -> None:
    work = vad_work(40_000, Step(audio_from={0: 20_000}))
    commit = build(work, "1-0/1", {}, {})
    assert parse(commit)["trims"] == [
        (
            "call:{c}:audio:0",
            "low:audio:0",
            [f"call:{{c}}:stage:{name}" for name in readers_of(AUDIO)],
            "call:{c}:stage:archive",
            60 * 8000,
        )
    ]
    assert parse(build(work, "1-0/1", {}, commit.trimmed))["trims"] == []


def test_an_event_log_keeps_every_event_at_the_position_that_its_reader_has_reached() -> None:
    """Several events may share a position, and not all of them need have been read."""
    work = CallWork(EMBEDDING, a_call("c"), {})
    work.offer(0, [Logged(12_000, 0, Event(SPEECH, 12_000, Speech()))])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step(), 1.0)
    assert lows(work) == {"speech": 12_000}
    commit = build(work, "1-0/1", {}, {})
    readers = [f"call:{{c}}:stage:{name}" for name in readers_of("speech")]
    assert parse(commit)["trims"] == [("call:{c}:speech", "low:speech", readers, "", 0)]
    assert parse(commit)["changed"]["low:speech"] == 12_000


def test_a_trim_of_one_log_does_not_forget_those_of_the_others() -> None:
    work = vad_work(40_000, Step(audio_from={0: 20_000}))
    assert build(work, "1-0/1", {}, {"audio:1": 7}).trimmed == {"audio:0": 20_001, "audio:1": 7}


def test_a_reader_that_never_said_what_it_needs_keeps_all_sound() -> None:
    work = CallWork(EMBEDDING, a_call("c"), {})
    assert "audio:0" not in lows(work), "the script reads a missing field as 0 and trims nothing"


def test_what_a_finished_stage_needs_is_nothing() -> None:
    work = CallWork(VAD, a_call("c"), {"low:audio:0": b"500"})
    work.offer(0, [Logged(LAST_POSITION, 0, AudioClosed(0, EndReason.HANGUP))])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step(through_ms=FOREVER), 1.0)
    assert lows(work) == {"audio:0": LAST_POSITION}
    assert set(all_keys("c", 1)) <= set(build(work, "1-0/1", {}, {}).keys), "the last stage sets the expiry of all keys"


def test_sounds_are_kept_and_removed_with_the_events_that_speak_of_them() -> None:
    work = CallWork(SEPARATION, a_call("c"), {})
    work.offer(0, [Logged(1000, LAST_NUMBER, None)])
    unit = work.next_unit()
    assert unit is not None
    work.stepped(unit, Step([Event(SOURCES, 900, Separation("P1"))], 1000, {}, {"new": b"pcm", "old": None}), 1.0)
    parsed = parse(build(work, "1-0/1", {}, {}))
    assert parsed["sounds"] == ("call:{c}:sounds", {"new": b"pcm"}, ["old"])
    assert [entry for _, entry, _, _ in parsed["outputs"]] == ["900-0", f"1000-{LAST_NUMBER}"]
    assert parse(build(vad_work(800, Step()), "1-0/1", {}, {}))["sounds"] == ("", {}, [])


def test_timeline_events_go_to_the_firehose_too_bounded() -> None:
    work = CallWork(AGGREGATOR, a_call("c"), {})
    for number in range(len(work.inputs)):
        work.offer(number, [Logged(1000, LAST_NUMBER, None)])
    unit = work.next_unit()
    assert unit is not None
    event = TimelineEvent(call_id="c", seq=1, at_ms=10, call_ended=CallEnded())
    work.stepped(unit, Step([Event(TIMELINE, 1, event)], 1000), 1.0)
    outputs = parse(build(work, "1-0/1", {}, {}))["outputs"]
    assert [(key, entry, maxlen) for key, entry, maxlen, _ in outputs] == [
        ("call:{c}:timeline", "1-0", ""),
        ("timeline", "*", 100_000),
    ]
    assert outputs[1][3]["call_id"] == "c"


def test_a_dead_letter_tells_where_what_and_why() -> None:
    work = vad_work(800, Step())
    unit_of = CallWork(VAD, a_call("c"), {})
    unit_of.offer(0, [Logged(800, 0, Frame(0, 800, b"x"))])
    unit = unit_of.next_unit()
    assert unit is not None
    work.bury(unit, "vad failed on it 3 times")
    (letter,) = [output for output in parse(build(work, "1-0/1", {}, {}))["outputs"] if output[0] == "call:{c}:dead"]
    assert letter[3] == {"stage": "vad", "log": "audio:0", "id": "800-0", "reason": "vad failed on it 3 times"}
