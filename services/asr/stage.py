"""Asr as a stage: decodes the utterances that are due, and publishes final and interim words.

turns, overlaps ──> Utterances ──due──> sound ──> recogniser ──> guards ──> Transcript, final
                        └──────open──────────────────────────> Stability ──> Transcript, interim

Finals follow from the events and the sound alone, and come in the order in which they fell due. Interims are made only
while there is time for them.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from speakerline.services.asr.decoding import Decoded, SharedRecogniser, decode
from speakerline.services.asr.interims import Interims
from speakerline.services.asr.sound import best_pause_ms
from speakerline.services.asr.stability import Guess
from speakerline.services.asr.utterances import Utterance, Utterances
from speakerline.shared.contract.v1 import CallStarted, Degraded, Gap, GapReason, Transcript, Word
from speakerline.shared.logs import Log
from speakerline.shared.pipeline import ASR, WORDS
from speakerline.shared.runtime.isolation import ModelFailed
from speakerline.shared.runtime.stage import FOREVER, AudioReader, CallStage, Entry, Event, Stage
from speakerline.shared.runtime.together import together

SURE_OF_LANGUAGE = 0.5
WORDS_FOR_LANGUAGE = 3
"""An utterance with so many words, whose language is more likely than that, settles the language of its channel."""

AT_ONCE = 16
"""So many utterances of a call are decoded side by side: enough for any batch, and little sound to hold when a call has
fallen behind."""

NO_INTERIMS = "no interim words"

WITHDRAWN_REVISION = 2**31 - 1
"""Of an interim whose turn is no longer believed: an empty final transcript ends it."""


@dataclass(frozen=True, slots=True)
class AsrOptions:
    """`step_ms`: the grid of the embedding stage. `max_lag_s`: how late finals may be before they are given up, on a
    worker that is asked to do less."""

    language: str = ""
    step_ms: int = 1000
    interims: bool = True
    max_lag_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Job:
    """An utterance that fell due at `at_ms`."""

    at_ms: int
    utterance: Utterance


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
        self._utterances = Utterances(call.channels, options.step_ms, parts.get("utterances", b""))
        state = json.loads(parts.get("state", b"{}"))
        language = _primary(call.language or options.language)
        self._languages: list[str] = state.get("languages", [language] * call.channels)
        self._shown = Interims(state.get("shown", {}))
        self._promised_ms: int = state.get("promised_ms", -1)
        self._shed_from_ms: int | None = state.get("shed_from_ms")
        self._jobs: list[Job] = []
        self._has_news = False
        self._log = Log(stage=ASR.name, call_id=call.call_id)

    async def on_event(self, event: Event, at_ms: int) -> None:
        self._utterances.take(event)
        self._has_news = True

    async def on_time(self, through_ms: int) -> None:
        """What falls due until then. The sound is asked only where a long utterance may be cut."""
        while due := self._utterances.next_due(through_ms):
            cut_ms = None
            if due.search:
                cut_ms = await best_pause_ms(due.search, due.channel, self._audio, self._call.sample_rate)
            self._jobs += [Job(due.at_ms, one) for one in self._utterances.decode(due, cut_ms)]

    async def work(self, through_ms: int) -> None:
        jobs, self._jobs = self._jobs, []
        events = await self._finals(jobs)
        events += self._going_on()
        if self._has_news and not jobs:
            events += await self._interims()
        self._has_news = False
        self.publish(*events, *self._after(events, closed=through_ms == FOREVER))

    async def on_skip(self, entry: Entry | None, through_ms: int, detail: str) -> None:
        events = []
        while due := self._utterances.next_due(through_ms):
            cut_ms = due.search[-1][1] - 1 if due.search else None
            for one in self._utterances.decode(due, cut_ms):
                events += self._answer(Job(due.at_ms, one), _gap(one, detail))
        events += self._going_on()
        if isinstance(entry, Event):
            at_ms = max([entry.position, *(event.position for event in events)])
            events.append(Event(WORDS, at_ms, self.gap(entry, entry.position, detail)))
        self.publish(*events, *self._after(events, closed=through_ms == FOREVER))

    def snapshot(self) -> Mapping[str, bytes]:
        state = {
            "languages": self._languages,
            "shown": self._shown.dump(),
            "promised_ms": self._promised_ms,
            "shed_from_ms": self._shed_from_ms,
        }
        return {"utterances": self._utterances.snapshot(), "state": json.dumps(state).encode()}

    def promise(self, through_ms: int) -> int:
        self._promised_ms = through_ms
        return through_ms

    def audio_from(self, through_ms: int) -> Mapping[int, int]:
        rate = self._call.sample_rate
        return {
            channel: self._utterances.needed_from_ms(channel, through_ms) * rate // 1000
            for channel in range(self._call.channels)
        }

    async def _finals(self, jobs: Sequence[Job]) -> list[Event]:
        """Decoded side by side, and one after the other while the language is not settled, because it follows from the
        utterances before."""
        events: list[Event] = []
        waiting = list(jobs)
        while waiting:
            known = all(self._languages[job.utterance.channel] for job in waiting[:AT_ONCE])
            count = AT_ONCE if known else 1
            now, waiting = waiting[:count], waiting[count:]
            answers = await together(self._decode(job) for job in now)
            for job, answer in zip(now, answers, strict=True):
                events += self._answer(job, answer)
        return events

    async def _decode(self, job: Job) -> "Decoded | Gap | Degraded":
        utterance, recogniser = job.utterance, self._recogniser
        language = self._languages[utterance.channel]
        start_ms, end_ms = utterance.start_ms, utterance.end_ms
        if not self._knows_language(utterance.channel):
            known = ", ".join(sorted(recogniser.languages or ()))
            return Degraded(start_ms, end_ms, ASR.name, f"no words: {recogniser.name} knows {known}, not {language}")
        if self.shed_level and self.behind_s > self._options.max_lag_s:
            return Degraded(start_ms, end_ms, ASR.name, f"no words: more than {self._options.max_lag_s:g} s behind")
        try:
            return await decode(utterance, language, recogniser, self._audio, self._call.sample_rate)
        except ModelFailed as error:
            self._log.error("utterance given up", start_ms=start_ms, end_ms=end_ms, reason=error.reason)
            return _gap(utterance, str(error))

    def _answer(self, job: Job, answer: "Decoded | Gap | Degraded") -> list[Event]:
        """Of what could not be decoded, the words that were shown stand."""
        utterance = job.utterance
        is_shown, shown = self._shown.is_shown(utterance.transcript_id), self._shown.close(utterance)
        bodies: list[Transcript | Gap | Degraded]
        if isinstance(answer, Decoded):
            self._settle_language(utterance.channel, answer)
            final = self._transcript(utterance, answer.words, answer.language, mixed=answer.mixed, final=True)
            bodies = [final] if answer.words or is_shown else []
        else:
            language, mixed = self._languages[utterance.channel], bool(utterance.mixed)
            final = self._transcript(utterance, shown, language, mixed=mixed, final=True)
            bodies = [final, answer] if shown or is_shown else [answer]
        return [Event(WORDS, job.at_ms, body) for body in bodies]

    def _going_on(self) -> list[Event]:
        """What was shown behind a cut, under its new name."""
        events: list[Event] = []
        for one, words in self._shown.go_on(self._utterances.open()):
            interim = self._transcript(one, words, self._languages[one.channel], mixed=False, final=False)
            events.append(Event(WORDS, self._utterances.now_ms, interim))
        return events

    def _settle_language(self, channel: int, decoded: Decoded) -> None:
        sure = decoded.language_confidence >= SURE_OF_LANGUAGE and len(decoded.words) >= WORDS_FOR_LANGUAGE
        if sure and not self._languages[channel]:
            self._languages[channel] = decoded.language

    async def _interims(self) -> list[Event]:
        """What open turns say so far: of each only the newest state, and none that would have to wait."""
        grown = [one for one in self._shown.grown(self._utterances.open()) if self._knows_language(one.channel)]
        if not grown or not self._options.interims:
            return []
        if self.shed_level:
            if self._shed_from_ms is None:
                self._shed_from_ms = min(one.start_ms for one in grown)
            return []
        events: list[Event] = []
        for one in grown:
            if not self._recogniser.busy and (words := await self._show(one)):
                interim = self._transcript(one, words, self._languages[one.channel], mixed=False, final=False)
                events.append(Event(WORDS, self._utterances.now_ms, interim))
        return events

    async def _show(self, utterance: Utterance) -> Sequence[Guess]:
        """The words to show, where they became more."""
        language = self._languages[utterance.channel]
        try:
            decoded = await decode(
                utterance, language, self._recogniser, self._audio, self._call.sample_rate, final=False
            )
        except ModelFailed as error:
            self._log.warning("no interim words", start_ms=utterance.start_ms, reason=error.reason)
            return ()
        return self._shown.update(utterance, decoded.words)

    def _knows_language(self, channel: int) -> bool:
        language, known = self._languages[channel], self._recogniser.languages
        return not language or known is None or language in known

    def _after(self, events: Sequence[Event], closed: bool) -> list[Event]:
        """What follows from what is not open any more, and from shedding that has ended."""
        at_ms = max([self._utterances.now_ms, self._promised_ms + 1, *(event.position for event in events)])
        after: list[Event] = []
        for key, shown in self._shown.withdraw(self._utterances.open()):
            span = (shown.channel, shown.start_ms, shown.end_ms)
            after.append(
                Event(WORDS, at_ms, Transcript(key, WITHDRAWN_REVISION, *span, True, engine=self._recogniser.name))
            )
        if self._shed_from_ms is not None and (closed or not self.shed_level):
            end_ms = max(self._shed_from_ms, self._utterances.now_ms)
            after.append(Event(WORDS, at_ms, Degraded(self._shed_from_ms, end_ms, ASR.name, NO_INTERIMS)))
            self._shed_from_ms = None
        return after

    def _transcript(
        self, utterance: Utterance, words: Sequence[Guess], language: str, mixed: bool, final: bool
    ) -> Transcript:
        return Transcript(
            transcript_id=utterance.transcript_id,
            revision=utterance.revision,
            channel=utterance.channel,
            start_ms=min([utterance.start_ms, *(word.start_ms for word in words)]),
            end_ms=max([utterance.end_ms, *(word.end_ms for word in words)]),
            final=final,
            language=language,
            engine=self._recogniser.name,
            words=[Word(one.text, one.start_ms, one.end_ms, round(one.confidence, 3), one.source_id) for one in words],
            mixed=mixed,
        )


def _gap(utterance: Utterance, detail: str) -> Gap:
    return Gap(utterance.channel, utterance.start_ms, utterance.end_ms, GapReason.POISON, ASR.name, detail)


def _primary(language: str) -> str:
    """`en` of `en-US`, which recognisers do not know."""
    return language.replace("_", "-").split("-")[0].lower()
