"""What the archive costs, on SQLite and, where one is named, on PostgreSQL: catching up after an hour away, and
questions to an archive of generated calls.

The words of a call are drawn by Zipf's law from a vocabulary, as in speech: few words are in nearly every call, most in
few. Questions are of every kind that the gateway answers, and come to the functions that it calls.
"""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import Engine, insert, text

from speakerline.shared.archive.database import migrate, open_database
from speakerline.shared.archive.ids import first_id
from speakerline.shared.archive.search import Wanted, scope_of, search
from speakerline.shared.archive.tables import calls as calls_table
from speakerline.shared.archive.tables import facts, speakers, texts, transcripts
from speakerline.shared.archive.words import Query
from speakerline.tools.bench.catching_up import measure_catching_up
from speakerline.tools.tables import Report, Table

WORDS, TURN = 100, 20
"""Of a call, and of a turn."""
VOCABULARY = 30_000
BATCH = 1000
TABLES = (calls_table, texts, facts, speakers, transcripts)
NO_TIMES = ("overlap_ms", "silence_ms", "gap_ms", "longest_monologue_ms")
TALK = ("channel", "talk_ms", "turns", "longest_monologue_ms", "interruptions", "overlap_ms", "words")
AWAY = 500
"""It was away for one of so many calls: of 100,000, an hour with 200."""
QUESTIONS = 40
"""Of each kind."""
PAGE = 20
BEGAN_MS = 1_700_000_000_000
EVERY_MS = 10_000
"""From one call to the next."""
RARE, COMMON = 5_000, 20
"""Words of these ranks: in one call of hundreds, and in most."""

Ask = Callable[[np.random.Generator, int], Wanted]


def _word(rank: int) -> str:
    return f"w{rank}"


def _query(*ranks: int, form: str = "{}") -> Query:
    return Query.read(form.format(" ".join(map(_word, ranks))))


KINDS: dict[str, Ask] = {
    "a rare word": lambda rng, _: Wanted(query=_query(int(rng.integers(RARE, VOCABULARY)))),
    "a common word": lambda rng, _: Wanted(query=_query(int(rng.integers(1, COMMON)))),
    "two words": lambda rng, _: Wanted(query=_query(int(rng.integers(1, COMMON)), int(rng.integers(100, RARE)))),
    "a phrase": lambda rng, _: Wanted(query=_query(*map(int, rng.integers(1, 300, 2)), form='"{}"')),
    "words that begin so": lambda rng, _: Wanted(query=_query(int(rng.integers(100, 999)), form="{}*")),
    "a common word, of a queue": lambda rng, _: Wanted(
        query=_query(int(rng.integers(1, COMMON))), queue=f"queue {rng.integers(20)}"
    ),
    "a common word, of a day": lambda rng, calls: _of_a_day(rng, calls, _query(int(rng.integers(1, COMMON)))),
    "a day": lambda rng, calls: _of_a_day(rng, calls, None),
    "a number": lambda rng, calls: Wanted(party=f"+4930{rng.integers(calls)}"),
    "a speaker": lambda rng, _: Wanted(speaker=f"Agent {rng.integers(200)}"),
}


def _of_a_day(rng: np.random.Generator, calls: int, query: Query | None) -> Wanted:
    from_ms = BEGAN_MS + int(rng.integers(calls)) * EVERY_MS
    return Wanted(from_ms=from_ms, to_ms=from_ms + 86_400_000, query=query)


async def measure_archive(calls: int, postgresql: str, report: Report, say: Callable[[str], None]) -> None:
    """How it catches up, and a row for each kind of question. `postgresql`: the URL of an empty database; without one
    only SQLite is measured."""
    with tempfile.TemporaryDirectory(prefix="speakerline-") as folder:
        urls = {"SQLite": f"sqlite:///{Path(folder)}/archive.db", **({"PostgreSQL": postgresql} if postgresql else {})}
        await measure_catching_up(calls // AWAY, urls, report, say)
        await asyncio.to_thread(_measure, calls, urls, report, say)


def _measure(calls: int, urls: Mapping[str, str], report: Report, say: Callable[[str], None]) -> None:
    found: dict[str, dict[str, list[float]]] = {}
    for name, url in urls.items():
        engine = open_database(url)
        seconds = _fill(engine, calls)
        say(f"archive: {calls} calls of {WORDS} words into {name}: {seconds:.0f} s")
        found[name] = _ask_all(engine, calls)
        engine.dispose()
    rows = [
        [kind, *(f"{np.percentile(found[name][kind], share):.0f}" for name in found for share in (50, 95))]
        for kind in KINDS
    ]
    together = {name: [one for took in of_kind.values() for one in took] for name, of_kind in found.items()}
    every = [f"{np.percentile(together[name], share):.0f}" for name in found for share in (50, 95)]
    columns = ["", *(f"{name} {share}" for name in found for share in ("p50", "p95"))]
    note = f"ms, for a page of {PAGE} calls with their speakers and snippets; {QUESTIONS} questions of each kind."
    title = f"Search over {calls} calls of {WORDS} words"
    report.tables.append(Table(title, columns, [*rows, ["all", *every]], note))
    report.figures["archive"] = {"calls": calls, "ms": found}


def _ask_all(engine: Engine, calls: int) -> dict[str, list[float]]:
    """Milliseconds of each question; kinds take turns, so that each meets what the others left in memory."""
    rng = np.random.default_rng(1)
    took: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(QUESTIONS):
        for kind, ask in KINDS.items():
            wanted, began = ask(rng, calls), time.perf_counter()
            with engine.connect() as connection:
                search(connection, "", wanted, PAGE)
            took[kind].append(1000 * (time.perf_counter() - began))
    return took


def _fill(engine: Engine, calls: int) -> float:
    """Seconds that it took to put the calls into the tables that search reads."""
    migrate(engine)
    rng, began = np.random.default_rng(0), time.perf_counter()
    weights = 1 / np.arange(1, VOCABULARY + 1)
    weights /= weights.sum()
    for first in range(0, calls, BATCH):
        ranks = 1 + rng.choice(VOCABULARY, (min(BATCH, calls - first), WORDS), p=weights)
        rows: dict[str, list[dict[str, Any]]] = {table.name: [] for table in TABLES}
        for number, words in enumerate(ranks.tolist(), first):
            _add(rows, number, [_word(rank) for rank in words])
        with engine.begin() as connection:
            for table in TABLES:
                connection.execute(insert(table), rows[table.name])
    if engine.dialect.name == "postgresql":
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))  # as autovacuum does
    return time.perf_counter() - began


def _add(rows: dict[str, list[dict[str, Any]]], number: int, words: list[str]) -> None:
    """The rows of one call of two people, who take turns every TURN words."""
    call, began = first_id(BEGAN_MS + number * EVERY_MS), BEGAN_MS + number * EVERY_MS
    metadata = {"queue": f"queue {number % 20}", "from": f"+4930{number}"}
    times = dict.fromkeys(("at_ms", "duration_ms", "speech_ms"), 400 * WORDS) | dict.fromkeys(NO_TIMES, 0)
    told = {"tenant": "", "call_id": f"call-{number}", "epochs": "", "end_reason": "HANGUP", "language": "en"}
    flags = {"ended": True, "lost": False, "released": True, "metadata": metadata, "started_at": ""}
    counts = {"seq": 12, "channels": 1, "sample_rate": 8000, "interruptions": 0, "words": WORDS}
    row = {"id": call, "began_at_ms": began, "changed_at_ms": began, **times, **told, **flags, **counts}
    rows["calls"].append(row)
    rows["texts"].append({"call": call, "scope": scope_of(""), "text": " ".join(words)})
    for name, value in metadata.items():
        rows["facts"].append({"call": call, "name": name, "tenant": "", "folded_name": name, "folded_value": value})
    for speaker, name in (("S1", f"Agent {number % 200}"), ("S2", "")):
        who = {"speaker_id": speaker, "tenant": "", "name": name, "folded_name": name.casefold(), "merged_into": ""}
        rows["speakers"].append({"call": call, **who, **dict.fromkeys(TALK, 0), "talk_ratio": 0.5})
    for at in range(0, WORDS, TURN):
        speaker = f"S{1 + at // TURN % 2}"
        said = [[word, 400 * n, 400 * n + 300, speaker] for n, word in enumerate(words[at : at + TURN], at)]
        times = {"channel": 0, "start_ms": 400 * at, "end_ms": 400 * (at + TURN) - 100}
        rows["transcripts"].append({"call": call, "transcript_id": f"w{at}", **times, "language": "en", "words": said})
