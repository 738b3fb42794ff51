"""The files of a call are whole or not there; what was heard of a call that was left early is kept, and marked."""

import asyncio
import errno
import os
from pathlib import Path

import pytest
from rich.console import Console

from speakerline.shared.timeline.formats import FORMATS
from speakerline.shared.timeline.timeline import Timeline
from speakerline.tools.cli import file_commands
from speakerline.tools.cli.main import main
from speakerline.tools.cli.results import SUFFIXES, ResultFiles, check_folder, is_taken, print_summary, write_file
from speakerline.tools.failure import Failure
from speakerline.tools.media.media_error import MediaError
from speakerline.tools.sample_call import sample_call
from tests.timeline.conversation import bodies
from tests.timeline.events import numbered

Capture = pytest.CaptureFixture[str]


def heard(folder: Path, stem: str = "call", events: int | None = None) -> Timeline:
    """A call whose first events are written; all of them and the files where no number is given."""
    timeline = Timeline("c1")
    with ResultFiles(folder, stem) as files:
        for event in numbered(bodies())[:events]:
            timeline.apply(event)
            files.add(event)
        if events is None:
            files.finish(timeline)
    return timeline


def test_the_summary_of_a_call_without_a_voice_has_no_empty_table(capsys: Capture) -> None:
    print_summary(Console(), Timeline("c1"), [])
    assert capsys.readouterr().out.splitlines()[0] == "nobody speaks"


def test_all_files_are_there_once_the_call_has_ended(tmp_path: Path) -> None:
    heard(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"call.{suffix}" for suffix in SUFFIXES)


def test_what_was_heard_of_a_call_that_was_left_early_is_kept_and_marked(tmp_path: Path) -> None:
    heard(tmp_path, events=4)
    assert [path.name for path in tmp_path.iterdir()] == ["call.partial.events.jsonl"]
    assert len((tmp_path / "call.partial.events.jsonl").read_text().splitlines()) == 4


def test_of_a_call_of_which_nothing_was_heard_nothing_stays(tmp_path: Path) -> None:
    heard(tmp_path, events=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("events", [None, 4], ids=["whole", "partial"])
def test_results_take_their_name(tmp_path: Path, events: int | None) -> None:
    assert not is_taken(tmp_path, "call")
    heard(tmp_path, events=events)
    assert is_taken(tmp_path, "call") and not is_taken(tmp_path, "call-2")


def test_a_file_that_can_not_be_replaced_stays_and_is_named(tmp_path: Path) -> None:
    (tmp_path / "call.rttm").mkdir()
    with pytest.raises(Failure, match=r"call\.rttm: Is a directory, expected a writable file"):
        write_file(tmp_path / "call.rttm", "text")
    assert [path.name for path in tmp_path.iterdir()] == ["call.rttm"]


def test_a_file_system_on_which_nothing_can_be_removed_either_is_named_by_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*given: object, **named: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(Failure, match=r"call.vtt: Read-only file system, expected a writable file"):
        write_file(tmp_path / "call.vtt", "text")


def test_a_disk_that_is_full_in_the_middle_is_told_with_the_name_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "call.partial.events.jsonl").symlink_to("/dev/full")
    with pytest.raises(Failure, match=r"call\.partial\.events\.jsonl: No space left on device"):
        heard(tmp_path)


def test_a_disk_without_room_is_found_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(file: int, offset: int, length: int) -> None:
        os.write(os.open("/dev/full", os.O_WRONLY), b"x" * min(length, 100))

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(Failure, match="No space left on device, expected a writable folder with 3 MB of room"):
        check_folder(tmp_path, 3)


def test_every_format_is_made_of_the_events(tmp_path: Path, capsys: Capture) -> None:
    timeline = heard(tmp_path)
    events = str(tmp_path / "call.events.jsonl")
    for name, form in FORMATS.items():
        assert main(["export", events, "--format", name]) == 0
        assert capsys.readouterr().out == form.write(timeline)
    again = tmp_path / "again"
    assert main(["export", events, "--format", "all", "--out", str(again)]) == 0
    assert {path.name: path.read_bytes() for path in again.iterdir()} == {
        path.name: path.read_bytes() for path in tmp_path.glob("call.*") if path.name != "call.events.jsonl"
    }


def test_the_part_that_was_heard_is_exported_though_its_last_line_is_cut(tmp_path: Path, capsys: Capture) -> None:
    timeline = heard(tmp_path, events=6)
    partial = tmp_path / "call.partial.events.jsonl"
    partial.write_bytes(partial.read_bytes() + b'{"call_id": "c1", "se')
    assert main(["export", str(partial), "--format", "json"]) == 0
    assert capsys.readouterr().out == FORMATS["json"].write(timeline)


def test_nothing_is_exported_over_a_file_unless_that_is_meant(tmp_path: Path, capsys: Capture) -> None:
    heard(tmp_path)
    words = ["export", str(tmp_path / "call.events.jsonl"), "--format", "rttm", "--out", str(tmp_path / "call.rttm")]
    (tmp_path / "call.rttm").write_text("mine")
    assert main(words) == 1
    assert "call.rttm: there already; --force replaces" in capsys.readouterr().err
    assert (tmp_path / "call.rttm").read_text() == "mine"
    assert main([*words, "--force"]) == 0
    assert (tmp_path / "call.rttm").read_text().startswith("SPEAKER c1 ")


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "no events, expected one JSON object per line"), ("no\n", "line 1"), (None, "No such file or directory")],
)
def test_a_file_that_holds_no_events_is_named(
    tmp_path: Path, capsys: Capture, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "call.jsonl").write_text(content)
    assert main(["export", str(tmp_path / "call.jsonl")]) == 1
    said = capsys.readouterr().err
    assert "call.jsonl" in said and message in said and said.count("\n") == 1


class Nowhere:
    """Stands for a pipeline that is never used."""

    async def __aenter__(self) -> str:
        return "redis://127.0.0.1:1"

    async def __aexit__(self, *error: object) -> None: ...


def test_a_bad_file_among_many_is_skipped_and_named_at_the_end(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bad from the start, and bad in the middle."""
    done = []

    async def process_one(console: object, url: str, job: file_commands.Job, given: object) -> None:
        await asyncio.sleep(0)
        if job.stem == "broken":
            raise MediaError(job.path, "breaks in the middle")
        done.append(job.stem)

    monkeypatch.setattr(file_commands, "_pipeline", lambda redis: Nowhere())
    monkeypatch.setattr(file_commands, "_process_one", process_one)
    sample = sample_call().read_bytes()
    for name in ("first", "broken", "last"):
        (tmp_path / f"{name}.wav").write_bytes(sample)
    (tmp_path / "text.wav").write_text("no sound at all")
    files = [str(tmp_path / f"{name}.wav") for name in ("first", "gone", "broken", "text", "last")]
    assert main(["process", *files, "--out", str(tmp_path / "out")]) == 1
    assert done == ["first", "last"]
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 4
    assert "gone.wav: no such file" in said[0] and "text.wav: could not be decoded" in said[1]
    assert "broken.wav: breaks in the middle" in said[2] and said[3] == "speakerline: 2 of 5 files processed"


def test_what_was_skipped_is_named_though_a_signal_ends_the_command(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def process_one(console: object, url: str, job: file_commands.Job, given: object) -> None:
        if job.stem == "second":
            raise asyncio.CancelledError

    monkeypatch.setattr(file_commands, "_pipeline", lambda redis: Nowhere())
    monkeypatch.setattr(file_commands, "_process_one", process_one)
    sample = sample_call().read_bytes()
    for name in ("first", "second", "third"):
        (tmp_path / f"{name}.wav").write_bytes(sample)
    files = [str(tmp_path / f"{name}.wav") for name in ("gone", "first", "second", "third")]
    assert main(["process", *files, "--out", str(tmp_path / "out")]) == 130
    said = capsys.readouterr().err.splitlines()
    assert "gone.wav: no such file" in said[0] and said[1] == "speakerline: 1 of 4 files processed"


def test_results_that_are_there_are_numbered_not_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stems = []

    async def process_one(console: object, url: str, job: file_commands.Job, given: object) -> None:
        stems.append(job.stem)

    monkeypatch.setattr(file_commands, "_pipeline", lambda redis: Nowhere())
    monkeypatch.setattr(file_commands, "_process_one", process_one)
    heard(tmp_path, "sample")
    words = ["process", str(sample_call()), "--out", str(tmp_path)]
    assert main(words) == 0 and main([*words, "--force"]) == 0
    assert stems == ["sample-2", "sample"]
