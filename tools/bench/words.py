"""How late words are shown, beside labels, with every stage at work and overload handled as it ships."""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from speakerline.shared.contract.v1 import Transcript, Word
from speakerline.tools.bench.arithmetic import CallTimings, percentile
from speakerline.tools.bench.load import Load, Trial
from speakerline.tools.bench.system import PARTS
from speakerline.tools.tables import Report, Table

SAME_PLACE_MS = 1500
"""How far the interim form of a word may lie from its final one, in the order in which both say their words: the times
of interim words are less exact."""
PLACE_MS = 100
"""How far a word may lie beside the place of another."""

MEASURE_S = 40.0
"""More than the longest window of words, 25 s."""


@dataclass(slots=True)
class WordDelays:
    """Seconds from the sending of the frame that completes a word to its arrival, for each final word of the mixture.

    seen: the first time that any word stood at its place. shown: the first time that it stood there itself. final: when
    it was final. interims: how many were shown before they were final."""

    seen: list[float] = field(default_factory=list)
    shown: list[float] = field(default_factory=list)
    final: list[float] = field(default_factory=list)
    interims: int = 0

    def add(self, other: "WordDelays") -> None:
        self.seen += other.seen
        self.shown += other.shown
        self.final += other.final
        self.interims += other.interims


def word_delays(call: CallTimings, from_s: float, to_s: float) -> WordDelays:
    """Of the words whose sound was complete within [from_s, to_s). Words of separated voices don't count: they repeat
    what the mixture says. A final transcript comes again when its words change hands; its first coming counts. A word
    whose final text never stood there before is shown when it is final."""
    found = WordDelays()
    for channel in {transcript.channel for _, transcript in _transcripts(call)}:
        finals = _finals(call, channel)
        first_s, seen_s = _first_shown(call, channel, list(finals)), _first_seen(call, channel, list(finals))
        for number, (word, final_s) in enumerate(finals.items()):
            spoken_s = call.sent_at(word[1])
            if spoken_s is None or not from_s <= spoken_s < to_s:
                continue
            shown_s = min(final_s, first_s.get(number, final_s))
            found.seen.append(min(shown_s, seen_s.get(number, shown_s)) - spoken_s)
            found.shown.append(shown_s - spoken_s)
            found.final.append(final_s - spoken_s)
            found.interims += shown_s < final_s
    return found


_Said = tuple[int, int, str]
"""Where a word begins and ends, in ms, and its letters."""


def _transcripts(call: CallTimings) -> Iterator[tuple[float, Transcript]]:
    for received_s, event in call.events:
        if event.transcript is not None:
            yield received_s, event.transcript


def _said(transcript: Transcript) -> list[_Said]:
    """The words of the mixture."""
    return [(word.start_ms, word.end_ms, _letters(word)) for word in transcript.words if not word.source_id]


def _finals(call: CallTimings, channel: int) -> dict[_Said, float]:
    """The final words in order of time, each with the second of its first coming."""
    found: dict[_Said, float] = {}
    for received_s, transcript in _transcripts(call):
        if transcript.final and transcript.channel == channel:
            for word in _said(transcript):
                found.setdefault(word, received_s)
    return dict(sorted(found.items()))


def _first_shown(call: CallTimings, channel: int, finals: Sequence[_Said]) -> dict[int, float]:
    """The number of each final word that an interim transcript shows, and the second at which the first one did."""
    first_s: dict[int, float] = {}
    for received_s, transcript in _transcripts(call):
        if transcript.final or transcript.channel != channel or not (said := _said(transcript)):
            continue
        low = bisect_left(finals, (said[0][0] - SAME_PLACE_MS,))
        near = finals[low : bisect_left(finals, (said[-1][0] + SAME_PLACE_MS + 1,))]
        alike = SequenceMatcher(None, [word[2] for word in near], [word[2] for word in said], autojunk=False)
        for at, place, length in alike.get_matching_blocks():
            for one in range(length):
                if abs(near[at + one][0] - said[place + one][0]) <= SAME_PLACE_MS:
                    first_s.setdefault(low + at + one, received_s)
    return first_s


def _first_seen(call: CallTimings, channel: int, finals: Sequence[_Said]) -> dict[int, float]:
    """The number of each final word at whose place an interim transcript has a word, and the second at which the first
    one had."""
    first_s: dict[int, float] = {}
    for received_s, transcript in _transcripts(call):
        if transcript.final or transcript.channel != channel:
            continue
        for start_ms, end_ms, _ in _said(transcript):
            low = bisect_left(finals, (start_ms - SAME_PLACE_MS,))
            for number in range(low, bisect_left(finals, (end_ms + PLACE_MS,))):
                if finals[number][1] > start_ms - PLACE_MS:
                    first_s.setdefault(number, received_s)
    return first_s


def _letters(word: Word) -> str:
    return "".join(filter(str.isalnum, word.text.lower()))


@dataclass(frozen=True, slots=True)
class Measured:
    trial: Trial
    delays: WordDelays


async def measure_words(load: Load, counts: Sequence[int], report: Report, say: Callable[[str], None]) -> None:
    """So many live calls with words at once, one number after the other."""
    measured = []
    for calls in counts:
        await load.recover()
        delays = WordDelays()

        def note(call: CallTimings, from_s: float, to_s: float, delays: WordDelays = delays) -> None:
            delays.add(word_delays(call, from_s, to_s))

        trial = await load.trial(calls, MEASURE_S, each=note)
        measured.append(Measured(trial, delays))
        say(f"words of {calls} calls: shown after {_seconds(delays.shown, 50)} s, p95 {_seconds(delays.shown, 95)} s")
    report.tables.append(words_table(measured))
    report.figures["words"] = {one.trial.calls: figures(one) for one in measured}


def words_table(measured: Sequence[Measured]) -> Table:
    rows = [
        [
            str(one.trial.calls),
            *(_seconds(one.delays.seen, percent) for percent in (50, 95)),
            *(_seconds(one.delays.shown, percent) for percent in (50, 95)),
            *(_seconds(one.delays.final, percent) for percent in (50, 95)),
            f"{100 * one.delays.interims / len(one.delays.final):.0f} %" if one.delays.final else "-",
            f"{1000 * percentile(one.trial.lags.turn, 95):.0f}",
            f"{one.trial.degraded}",
            *(f"{1000 * one.trial.cost[part]:.0f}" for part in ("asr", "separation")),
            f"{sum(one.trial.cores[part] for part in PARTS):.2f}",
            f"{one.trial.others:.2f}",
        ]
        for one in measured
    ]
    return Table(
        "Words of live calls, seconds after they were spoken",
        [
            "calls",
            *("seen p50", "seen p95", "shown p50", "shown p95", "final p50", "final p95", "shown before final"),
            *("label lag p95 ms", "`Degraded`", "asr CPU ms a second", "separation CPU ms a second", "cores", "others"),
        ],
        rows,
        "Every stage at work with the models that ship, each with its defaults. Seen: any word stands at its place; "
        "shown: the word of the final text does.",
    )


def figures(one: Measured) -> dict[str, object]:
    """For machines."""
    return {
        "words": len(one.delays.final),
        "shown_before_final": one.delays.interims,
        **{
            f"{name}_s": {f"p{p}": percentile(values, p) for p in (50, 95)}
            for name, values in (("seen", one.delays.seen), ("shown", one.delays.shown), ("final", one.delays.final))
            if values
        },
        "label_lag_p95_s": percentile(one.trial.lags.turn, 95),
        "degraded": one.trial.degraded,
        "cost_cpu_s_per_audio_s": one.trial.cost,
        "cores": one.trial.cores,
        "cores_of_others": one.trial.others,
    }


def _seconds(values: Sequence[float], percent: float) -> str:
    return f"{percentile(values, percent):.2f}" if values else "-"
