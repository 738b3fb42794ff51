"""Compares recognised words with the reference."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from speakerline.shared.timeline.spans import Span
from speakerline.shared.timeline.timeline import Timeline
from speakerline.shared.timeline.utterances import SpokenWord, in_utterances, spoken_words
from speakerline.tools.score.normalise import normalise, normalise_reference
from speakerline.tools.score.transcripts import Said, Words
from speakerline.tools.score.word_errors import SpeakerWordErrors, WordErrors, speaker_word_errors, word_errors
from speakerline.tools.score.word_speakers import WordAttribution, word_attribution

Normalise = Callable[[str], list[str]]


@dataclass(frozen=True, slots=True)
class WordReport:
    """The score of one transcript; docs/scoring.md defines each figure."""

    wer: WordErrors
    cpwer: SpeakerWordErrors
    attribution: WordAttribution | None
    """None where the reference does not know when each word was said."""

    def figures(self) -> dict[str, Any]:
        """For JSON."""
        figures: dict[str, Any] = {"wer": _figures(self.wer), "cpwer": _figures(self.cpwer.errors)}
        figures["speakers"] = dict(self.cpwer.mapping)
        if self.attribution is not None:
            one = self.attribution
            figures["attribution"] = {"share": one.share, "right": one.right, "found": one.found, "words": one.words}
        return figures


def words_of(timeline: Timeline) -> Words:
    """What the timeline has recognised, word by word, by the ids of the speakers."""
    spoken = spoken_words(timeline)
    return Words(tuple(Said(word.speaker_id, word.start_ms, word.end_ms, word.text) for word in spoken))


def score_words(reference: Words, hypothesis: Words, scored: Sequence[Span] | None = None) -> WordReport:
    """Both in words of `tools.score.normalise`; where given, only what has its middle in the `scored` regions.

    Raises ValueError where the reference has no word there."""
    true = [one for one in reference.said if _counts(one, scored, reference.ignored)]
    said = [one for one in hypothesis.said if _counts(one, scored, reference.ignored)]
    wanted = _in_a_row(true, normalise_reference)
    if not wanted:
        raise ValueError("the reference transcript has no word within the scored regions")
    cpwer = speaker_word_errors(_by_speaker(true, normalise_reference), _by_speaker(said, normalise))
    timed, found = _timed(true, normalise_reference), _timed(said, normalise)
    return WordReport(
        wer=word_errors(wanted, _in_a_row(said, normalise)),
        cpwer=cpwer,
        attribution=None if timed is None or found is None else word_attribution(timed, found, cpwer.mapping),
    )


def _counts(one: Said, scored: Sequence[Span] | None, ignored: Sequence[Span]) -> bool:
    if any(start <= one.middle_ms < end for start, end in ignored):
        return False
    return scored is None or any(start <= one.middle_ms < end for start, end in scored)


def _in_a_row(said: Sequence[Said], normalised: Normalise) -> list[str]:
    """All words, utterance by utterance, so that two who talk at once are not mixed word by word."""
    words = [SpokenWord(one.text, one.start_ms, one.end_ms, 1.0, one.speaker, 0, True) for one in said]
    return [word for utterance in in_utterances(words) for word in normalised(utterance.text)]


def _by_speaker(said: Sequence[Said], normalised: Normalise) -> dict[str, list[str]]:
    """All words of each speaker, in the order of their times; who said no word is left out."""
    texts: dict[str, list[str]] = defaultdict(list)
    for one in said:
        texts[one.speaker].append(one.text)
    words = {speaker: normalised(" ".join(parts)) for speaker, parts in texts.items()}
    return {speaker: own for speaker, own in words.items() if own}


def _timed(said: Sequence[Said], normalised: Normalise) -> list[Said] | None:
    """None if an entry holds several words: then nobody knows when each was said."""
    timed = []
    for one in said:
        if len(one.text.split()) > 1:
            return None
        timed += [replace(one, text=word) for word in normalised(one.text)]
    return timed


def _figures(errors: WordErrors) -> dict[str, Any]:
    return {
        "rate": errors.rate,
        "words": errors.words,
        "substitutions": errors.substitutions,
        "deletions": errors.deletions,
        "insertions": errors.insertions,
    }
