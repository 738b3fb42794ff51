"""Asr as a stage: which windows are due, what was said in each, and what can be shown before.

speech, sources ──> Windows ──due──> sound ──> recogniser ──> guards, seams ──> Transcript, final
                       └─────open─────────────────────────> Stability ──> Transcript, interim

Finals follow from the events and the sound alone, and come in the order in which they fell due. Interims are made only
while there is time for them, and for live calls: nobody waits for the words of a recording while they are spoken.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Any

from speakerline.services.asr.decoding import Decoder, Said, SharedRecogniser
from speakerline.services.asr.interims import Shown, revision_at
from speakerline.services.asr.sound import best_pause_ms
from speakerline.services.asr.stability import Guess
from speakerline.services.asr.windows import Region, Window, Windows
from speakerline.shared.contract.v1 import CallStarted, Degraded, Gap, GapReason, ServiceClass, Transcript, Word
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import ASR, WORDS
from speakerline.shared.runtime.isolation import ModelFailed
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage
from speakerline.shared.runtime.together import together
from speakerline.shared.timeline.spans import Span

NO_INTERIMS = "no interim words"


@dataclass(frozen=True, slots=True)
class AsrOptions:
    """language: of calls that name none. max_lag_s: how late finals may be before they are skipped, on a worker that is
    asked to do less."""

    language: str = ""
    interims: bool = True
    max_lag_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Job:
    """What fell due at `at_ms`."""

    at_ms: int
    what: Window | Region


class AsrStage(Stage):
    """Makes an AsrCall a call. Their pieces gather in one recogniser."""

    def __init__(self, recogniser: SharedRecogniser, options: AsrOptions | None = None) -> None:
        self._recogniser, self._options = recogniser, options or AsrOptions()

    def open(self, call: CallStarted, parts: Mapping[str, bytes], audio: AudioReader) -> "AsrCall":
        return AsrCall(call, parts, audio, self._recogniser, self._options)


class AsrCall(CallStage):
    """One call."""

    spec = ASR

    def __init__(
        self,
        call: CallStarted,
        parts: Mapping[str, bytes],
        audio: AudioReader,
        recogniser: SharedRecogniser,
        options: AsrOptions,
    ) -> None:
        super().__init__()
        self._call, self._audio, self._recogniser, self._options = call, audio, recogniser, options
        self._language = _primary(call.language or options.language)
        self._shows_interims = options.interims and call.service_class != ServiceClass.BULK
        self._decoder = Decoder(recogniser, audio, call.sample_rate, self._language)
        self._windows = Windows(call.channels, parts.get("windows", b""))
        state = json.loads(parts.get("words", b"{}"))
        none: list[None] = [None] * call.channels
        self._said = [_load_said(one) for one in state.get("said", none)]
        self._shown = [Shown.load(one) if one else Shown() for one in state.get("shown", none)]
        self._promised_ms: int = state.get("promised_ms", -1)
        self._shed_from_ms: int | None = state.get("shed_from_ms")
        self._jobs: list[Job] = []
        self._log = Log(stage=ASR.name, call_id=call.call_id)

    async def on_event(self, event: Event, at_ms: int) -> None:
        self._windows.take(event, at_ms)

    async def on_time(self, through_ms: int) -> None:
        """What falls due until then. The sound is asked only where a long window is cut amid speech."""
        while due := self._windows.next_due(through_ms):
            cut_ms = None
            if due.search is not None:
                cut_ms = await best_pause_ms(due.search, due.channel, self._audio, self._call.sample_rate)
            self._jobs.append(Job(due.at_ms, self._windows.decode(due, cut_ms)))

    async def work(self, through_ms: int) -> None:
        jobs, self._jobs = self._jobs, []
        events = await self._finals(jobs)
        events += self._going_on()
        if not jobs and through_ms != FOREVER:
            events += await self._interims(through_ms)
        self.publish(*events, *self._after(events, closed=through_ms == FOREVER))

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        events = []
        while due := self._windows.next_due(through_ms):
            one = self._windows.decode(due, None if due.search is None else due.search[1] - 1)
            events += self._answer(Job(due.at_ms, one), _gap(one, detail))
        events += self._going_on()
        if isinstance(entry, Event):
            at_ms = max([self.place(entry), *(event.position for event in events)])
            events.append(Event(WORDS, at_ms, self.gap(entry, entry.position, detail)))
        self.publish(*events, *self._after(events, closed=through_ms == FOREVER))

    def snapshot(self) -> Mapping[str, bytes]:
        state = {
            "said": [
                {"language": said.language, "words": [astuple(word) for word in said.words]} for said in self._said
            ],
            "shown": [shown.dump() for shown in self._shown],
            "promised_ms": self._promised_ms,
            "shed_from_ms": self._shed_from_ms,
        }
        return {"windows": self._windows.snapshot(), "words": json.dumps(state).encode()}

    def promise(self, through_ms: int, quiet_ms: int) -> int:
        self._promised_ms = through_ms
        return through_ms

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        rate = self._call.sample_rate
        return {
            channel: self._windows.needed_from_ms(channel, through_ms) * rate // 1000
            for channel in range(self._call.channels)
        }

    async def _finals(self, jobs: Sequence[Job]) -> list[Event]:
        """Channels side by side, and those of one channel one after the other, because each goes on from what was said
        before."""
        channels = sorted({job.what.channel for job in jobs})
        chains = [[job for job in jobs if job.what.channel == channel] for channel in channels]
        answers = await together(self._chain(chain) for chain in chains)
        found = {id(job): events for answered in answers for job, events in answered}
        return [event for job in jobs for event in found[id(job)]]

    async def _chain(self, jobs: Sequence[Job]) -> list[tuple[Job, list[Event]]]:
        return [(job, self._answer(job, await self._decode(job))) for job in jobs]

    async def _decode(self, job: Job) -> "list[Transcript] | Gap | Degraded":
        what, recogniser = job.what, self._recogniser
        start_ms, end_ms = what.start_ms, what.end_ms
        if not recogniser.knows(self._language):
            known = ", ".join(sorted(recogniser.languages or ()))
            return Degraded(
                start_ms, end_ms, ASR.name, f"no words: {recogniser.name} knows {known}, not {self._language}"
            )
        if self.shed_level and self.behind_s > self._options.max_lag_s:
            return Degraded(start_ms, end_ms, ASR.name, f"no words: more than {self._options.max_lag_s:g} s behind")
        try:
            return await (self._window(what, job.at_ms) if isinstance(what, Window) else self._region(what))
        except ModelFailed as error:
            self._log.error("window skipped", start_ms=start_ms, end_ms=end_ms, reason=error.reason)
            return _gap(what, str(error))

    async def _window(self, window: Window, at_ms: int) -> list[Transcript]:
        said = self._said[window.channel]
        if not window.speech:
            return [self._final(window, at_ms, ())]
        words, language = await self._decoder.window(window, said, narrow=self.shed_level > 0)
        said.add(words, language)
        return [self._final(window, at_ms, words)]

    async def _region(self, region: Region) -> list[Transcript]:
        found = await self._decoder.region(region, self._said[region.channel])
        return [
            self._transcript(
                voice.transcript_id, 1, region.channel, (region.start_ms, region.end_ms), words, final=True
            )
            for voice, words in zip(region.voices, found, strict=True)
        ]

    def _answer(self, job: Job, answer: "list[Transcript] | Gap | Degraded") -> list[Event]:
        """Of what could not be decoded, the words that were shown stand."""
        is_shown, shown = False, list[Guess]()
        if isinstance(job.what, Window):
            mine = self._shown[job.what.channel]
            is_shown, shown = mine.is_of(job.what), mine.close(job.what)
        bodies: list[Transcript | Gap | Degraded]
        if isinstance(answer, list):
            bodies = [one for one in answer if one.words or is_shown]
        else:
            bodies = [answer]
            if isinstance(job.what, Window) and (shown or is_shown):
                bodies.insert(0, self._final(job.what, job.at_ms, shown))
        return [Event(WORDS, job.at_ms, body) for body in bodies]

    def _going_on(self) -> list[Event]:
        """What was shown behind the end of a window, under the name of the next."""
        return [
            self._interim(window) for window, _ in self._windows.open() if self._shown[window.channel].go_on(window)
        ]

    async def _interims(self, through_ms: int) -> list[Event]:
        """What open windows say so far: none that would have to wait."""
        if not self._shows_interims or not self._recogniser.knows(self._language):
            return []
        events: list[Event] = []
        for window, goes_on in self._windows.open():
            if self.shed_level:
                if self._shed_from_ms is None:
                    self._shed_from_ms = window.start_ms
            elif not self._recogniser.busy and await self._show(window, goes_on, through_ms):
                events.append(self._interim(window))
        return events

    async def _show(self, window: Window, goes_on: bool, through_ms: int) -> bool:
        """Whether there is more to show now."""
        shown, said = self._shown[window.channel], self._said[window.channel]
        news, stability = False, shown.stability
        if span := shown.next_span(window, goes_on, through_ms):
            try:
                hypothesis = await self._decoder.hypothesis(window.channel, span, said, stability.staying)
            except ModelFailed as error:
                self._log.warning("no interim words", start_ms=window.start_ms, reason=error.reason)
            else:
                news = stability.add(hypothesis, span[1])
        if not goes_on:
            news = stability.settle() or news
        return news

    def _after(self, events: Sequence[Event], closed: bool) -> list[Event]:
        """What follows from shedding that has ended."""
        if self._shed_from_ms is None or (self.shed_level and not closed):
            return []
        at_ms = max([self._windows.now_ms, self._promised_ms + 1, *(event.position for event in events)])
        end_ms = max(self._shed_from_ms, self._windows.now_ms)
        mark = Degraded(self._shed_from_ms, end_ms, ASR.name, NO_INTERIMS)
        self._shed_from_ms = None
        return [Event(WORDS, at_ms, mark)]

    def _interim(self, window: Window) -> Event:
        shown = self._shown[window.channel]
        span, staying = (window.start_ms, window.end_ms), len(shown.stability.staying)
        transcript = self._transcript(
            window.transcript_id, shown.revision(window), window.channel, span, shown.words, final=False
        )
        for word in transcript.words[staying:]:
            word.tentative = True
        return Event(WORDS, max(self._windows.now_ms, self._promised_ms + 1), transcript)

    def _final(self, window: Window, at_ms: int, words: Sequence[Guess]) -> Transcript:
        span, revision = (window.start_ms, window.end_ms), revision_at(at_ms, window.start_ms)
        return self._transcript(window.transcript_id, revision, window.channel, span, words, final=True)

    def _transcript(
        self, transcript_id: str, revision: int, channel: int, span: Span, words: Sequence[Guess], final: bool
    ) -> Transcript:
        return Transcript(
            transcript_id=transcript_id,
            revision=revision,
            channel=channel,
            start_ms=min([span[0], *(word.start_ms for word in words)]),
            end_ms=max([span[1], *(word.end_ms for word in words)]),
            final=final,
            language=self._said[channel].language or self._language,
            engine=self._recogniser.name,
            words=[Word(one.text, one.start_ms, one.end_ms, round(one.confidence, 3), one.source_id) for one in words],
        )


def _load_said(stored: Mapping[str, Any] | None) -> Said:
    return Said(stored["language"], [Guess(*word) for word in stored["words"]]) if stored else Said()


def _gap(what: Window | Region, detail: str) -> Gap:
    return Gap(what.channel, what.start_ms, what.end_ms, GapReason.POISON, ASR.name, detail)


def _primary(language: str) -> str:
    """`en` of `en-US`, which recognisers do not know."""
    return language.replace("_", "-").split("-")[0].lower()
