"""What counts as the same word when transcripts are compared; docs/scoring.md lists the rules."""

import re
import unicodedata

from speakerline.shared.timeline.writing import is_unspaced

FILLERS = frozenset({"ah", "eh", "er", "erm", "hm", "hmm", "mm", "uh", "uhm", "um"})
"""Hesitations: no side gains or loses by them. "uh-huh" and "mhm" are answers, and stay."""

_TAG = re.compile(r"<[^<>]*>|\[[^\[\]]*\]")
_OPTIONAL = re.compile(r"\([^()]*\)")
_ALTERNATIVES = re.compile(r"\{([^{}/]*)/[^{}]*\}")
_APART = re.compile(r"[-–—/_]+")
_QUOTES = str.maketrans("’‘`", "'''")


def normalise_reference(text: str) -> list[str]:
    """Words of a reference transcript, in which marks are no words: `<unk>`, `[noise]`, `(%hesitation)`, `{a / b}`.

    What may be left out is left out, of alternatives the first stands, a fragment (`wor-`) is none."""
    text = _ALTERNATIVES.sub(r"\1", _OPTIONAL.sub(" ", _TAG.sub(" ", text)))
    kept = (word for word in text.split() if not word.startswith(("%", "-")) and not word.rstrip(".,?!").endswith("-"))
    return normalise(" ".join(kept))


def normalise(text: str) -> list[str]:
    """Words in lower case without punctuation; apostrophes within stay, compounds come apart, fillers go. Of a script
    that is written without blanks each character is a word."""
    text = unicodedata.normalize("NFKC", text).translate(_QUOTES).lower()
    apart = "".join(map(_apart, _joined_answers(text))).split()
    words = (word.strip("'") for word in apart)
    return [word for word in words if word and word not in FILLERS]


def _apart(character: str) -> str:
    """Letters, their marks and numbers stay."""
    if character != "'" and unicodedata.category(character)[0] not in "LMN":
        return " "
    return f" {character} " if is_unspaced(character) else character


def _joined_answers(text: str) -> str:
    """Hyphens become blanks, but in "uh-huh" and "mm-hm", which are one word."""
    return _APART.sub(" ", re.sub(r"\b(uh|mm)-(huh|hm)\b", r"\1\2", text))
