"""What the pictures of the page show: the sample call, ten people of many scripts, a busy office, and an archive."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from speakerline.services.archive.folding import Folding
from speakerline.shared.archive.sound import SoundFolder
from speakerline.shared.codec import read
from speakerline.shared.contract import v1
from speakerline.shared.event_kinds import body_of
from speakerline.shared.pipeline import TIMELINE
from speakerline.tools.bench.told_call import ToldCall
from speakerline.tools.sample_call import sample_call
from tests.archive.archived_calls import a_folding, keep, record, store_of
from tests.timeline.conversation import transcript, words_of
from tests.timeline.events import turn

Said = list[tuple[int, Any]]
"""(at_ms, body) pairs."""

NAMES = (  # in scripts of the fonts that Debian installs with its browser
    "ليلى حداد",
    "Ann Miller",
    "Дмитрий Орлов",
    "Zoë Ångström",
    "שירה לוי",
    "O'Brien & Sons",
    "Ravi",
    "Ana",
    "Jürgen",
    "Mei",
)
QUEUES = ("sales", "support", "claims", "roadside")
LINES = (
    "thanks for calling how can I help you today",
    "my car light is on and the manual says nothing",
    "let me just pull up your account one moment please",
    "no that is the old address we moved in March",
    "so the refund should be with you within five days",
    "نعم ، بالتأكيد",
    "could you spell that for me",
)
DAY_MS = 86_400_000
A_MONDAY_MS = 20_591 * DAY_MS


def sample_events(pace: str) -> Said:
    """What the pipeline makes of the sample call, sent in "realtime" or "max"; the former needs a quiet machine."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "speakerline.tools.cli.main", "process", str(sample_call())]
        command += ["--pace", pace, "--out", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (found,) = Path(folder).glob("*.events.jsonl")
        events = [read(TIMELINE, line) for line in found.read_bytes().splitlines()]
    return [(event.at_ms, body) for event in events if (body := body_of(event)) is not None]


def crowd() -> Said:
    """Ten people with names in many scripts."""
    said: Said = [(0, v1.CallStarted(call_id="crowd", sample_rate=8000, channels=1))]
    for number, name in enumerate(NAMES):
        speaker = f"S{number + 1}"
        said += [(0, v1.SpeakerCreated(speaker_id=speaker)), (0, v1.SpeakerNamed(speaker, name, 0.9))]
        for again in range(3):
            start_ms = 900 + 1100 * number + 12_000 * again
            said.append((40_000, turn(f"{speaker}-{again}", speaker, start_ms, start_ms + 1500)))
        text = "نعم ، بالتأكيد" if number == 0 else "כן, בטח" if number == 4 else "yes, of course"
        said.append((40_000, transcript(speaker, *words_of(speaker, text, 900 + 1100 * number))))
    return said


async def office(redis: Any, calls: int = 100) -> None:
    """So many calls at once: some are silent for long, some have ended, some have statistics."""
    for number in range(calls):
        random = np.random.default_rng(number)
        call = ToldCall(redis, f"{QUEUES[number % 4]}-{2000 + 37 * number % 991}")
        length_ms = int(random.integers(20_000, 900_000))
        agent = NAMES[(number * 7 + 1) % len(NAMES)]
        metadata = {"queue": QUEUES[number % 4], "agent": agent}
        said: Said = [(0, v1.CallStarted(call_id=call.timeline.call_id, sample_rate=8000, metadata=metadata))]
        people = ("S1", "S2", "S3")[: 3 if number % 9 == 4 else 2]
        said += [(0, v1.SpeakerCreated(speaker_id=one)) for one in people]
        said += [(0, v1.SpeakerNamed("S1", agent, 0.9))] if number % 3 else []
        quiet_ms = 34_000 if number in (2, 42, 61) else 4_000 if number % 6 == 0 else 0
        at_ms, spoken_ms, whose = max(0, length_ms - 70_000), length_ms - quiet_ms, 0
        while at_ms < spoken_ms:
            end_ms = min(spoken_ms, at_ms + int(random.integers(900, 9000)))
            said.append((length_ms, turn(f"t{at_ms}", people[whose % len(people)], at_ms, end_ms)))
            at_ms, whose = end_ms + int(random.integers(-500, 900)), whose + 1
        words = words_of(people[0], LINES[random.integers(len(LINES))], spoken_ms - 3000)
        said.append((length_ms, transcript("w", *words)))
        if not quiet_ms:
            said.append((length_ms, v1.Speech("s", state=v1.SpeechState.OPENED, start_ms=length_ms - 900)))
        if length_ms > 60_000:
            overlap_ms = int(random.integers(0, 30_000))
            said.append((length_ms, _summary(people, length_ms, random.uniform(0.3, 0.7), overlap_ms)))
        if number % 17 == 9:
            said.append((length_ms, v1.CallEnded(length_ms, v1.EndReason.HANGUP)))
        await call.tell(*said)


def _summary(people: Sequence[str], length_ms: int, first: float, overlap_ms: int) -> v1.CallSummary:
    """`first`: the share of the first speaker; the others share the rest."""
    shares = [first, *[(1 - first) / (len(people) - 1)] * (len(people) - 1)]
    summaries = [
        v1.SpeakerSummary(one, "", int(share * length_ms), share, 9, 20_000)
        for one, share in zip(people, shares, strict=True)
    ]
    return v1.CallSummary(length_ms, summaries, length_ms, overlap_ms, 4000, 3, 1, 1)


def archived(url: str, sound_url: str, sample: Said) -> int:
    """An archive with the sample call, recorded, and others; its id there."""
    store = store_of(url)
    others = [_other(number) for number in range(len(LINES))]
    call = a_folding("sample", A_MONDAY_MS + 30_000_000, [body for _, body in sample[1:]], queue="support", agent="Ann")
    keep(store, *others, call)
    samples, rate = soundfile.read(sample_call(), dtype="int16")
    record(store, SoundFolder(sound_url), call, np.ascontiguousarray(samples[:: rate // 8000]))
    store.engine.dispose()
    return call.archive_id


def _other(number: int) -> Folding:
    """A finished call of two people."""
    name, length_ms = NAMES[number], 61_000 + 47_000 * number
    events: list[v1.TimelineBody] = [
        v1.SpeakerCreated("S1"),
        v1.SpeakerCreated("S2"),
        v1.SpeakerNamed("S1", name, 0.9),
        turn("t1", "S1", 1000, 8000),
        turn("t2", "S2", 9000, 15_000),
        transcript("w1", *words_of("S1", LINES[0], 1000)),
        transcript("w2", *words_of("S2", LINES[number], 9000)),
        _summary(("S1", "S2"), length_ms, 0.58, 2000),
        v1.CallEnded(length_ms, v1.EndReason.HANGUP),
    ]
    began_at_ms, queue = A_MONDAY_MS + 31_000_000 + 2_400_000 * number, QUEUES[number % 4]
    return a_folding(f"{queue}-{2100 + number}", began_at_ms, events, queue=queue, agent=name)
