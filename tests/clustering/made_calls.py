"""Made-up voice windows: people are random directions, their windows noisy copies; no model runs."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from speakerline.shared.arrays import AnyArray
from speakerline.shared.contract.v1 import LocalVoice, Turn, TurnBody, TurnWithdrawn, VoiceWindow
from speakerline.shared.voiceprints.calibration import Calibration
from speakerline.shared.voiceprints.vectors import encode_vector

SIZE = 16


def calibration() -> Calibration:
    """A calibration under which people are well apart."""
    return Calibration(
        name="made",
        prior_mean=np.full(SIZE, 0.2, np.float32),
        merge=np.array([-3.0, 10.0, -0.5, -1.0, 0.0]),
        known=np.array([0.5, 12.0]),
        cut=0.6,
    )


def person(number: float) -> AnyArray:
    """The uncentred voiceprint of one person; 1.4 lies between 1 and 2, nearer to 1."""
    whole, share = int(number), number % 1
    vector = (1 - share) * _direction(whole) + share * _direction(whole + 1) if share else _direction(whole)
    return vector / np.linalg.norm(vector)


def _direction(number: int) -> AnyArray:
    return np.full(SIZE, 0.2) + np.random.default_rng([number, 7]).standard_normal(SIZE) * 0.12


def conversation(
    turns: Sequence[tuple[float, int, int]], end_ms: int, channel: int = 0, noise: float = 0.01, seed: int = 0
) -> list[VoiceWindow]:
    """Windows every second of what (person, start_ms, end_ms) turns say."""
    random = np.random.default_rng([seed, channel])
    windows = []
    for end in range(1000, end_ms + 1, 1000):
        start = max(0, end - 5000)
        heard = [(who, max(a, start), min(b, end)) for who, a, b in turns if min(b, end) > max(a, start)]
        if not any(b > end - 1000 for _, _, b in heard):
            continue
        voices = []
        for who in sorted({who for who, _, _ in heard}):
            spans = [edge for w, a, b in heard if w == who for edge in (a, b)]
            clean_ms = sum(spans[1::2]) - sum(spans[::2])
            vector = person(who) + random.standard_normal(SIZE) * noise
            text = encode_vector((vector / np.linalg.norm(vector)).astype(np.float32)) if clean_ms >= 200 else ""
            voices.append(LocalVoice(spans, clean_ms, text))
        windows.append(VoiceWindow(channel, start, end, voices))
    return windows


def dialogue(
    end_ms: int, people: tuple[float, ...] = (1, 2), turn_ms: int = 3000, pause_ms: int = 300
) -> list[tuple[float, int, int]]:
    """People who take turns."""
    return [
        (people[at % len(people)], start, min(start + turn_ms - pause_ms, end_ms))
        for at, start in enumerate(range(200, end_ms - 500, turn_ms))
    ]


def told(changes: Sequence[Any]) -> list[str]:
    """Changes as short texts: `S1 created`, `S2 merged into S1`, `T1.2 S1 0-1000 0.9 provisional`, `T1.3 withdrawn`."""
    return [_text(change) for change in changes]


def _text(change: Any) -> str:
    match type(change).__name__:
        case "SpeakerCreated":
            return f"{change.speaker_id} created"
        case "SpeakerMerged":
            return f"{change.speaker_id} merged into {change.into_speaker_id}"
        case "SpeakerSplit":
            return f"{change.speaker_id} split from {change.from_speaker_id}"
        case "SpeakerNamed":
            return f"{change.speaker_id} is {change.name}"
        case "SpeakerRole":
            return f"{change.speaker_id} is the {change.role}"
        case "Correction":
            return f"corrected: {change.correction_id}"
        case "TurnWithdrawn":
            return f"{change.turn_id}.{change.revision} withdrawn"
        case "Turn":
            name = f"{change.turn_id}.{change.revision} {change.speaker_id or 'nobody'}"
            state = " provisional" if change.provisional else ""
            return f"{name} {change.start_ms}-{change.end_ms} {change.confidence:.2f}{state}"
    return f"{change.separation_id}.{change.revision} of " + ", ".join(one.speaker_id for one in change.sources)


def of_speakers(changes: Sequence[Any]) -> list[str]:
    """What is told of speakers, without turns and separations."""
    return [text for text in told(changes) if text.startswith("S") and " of " not in text]


def turns_of(changes: list[list[TurnBody]]) -> dict[str, Turn]:
    """The turns that stand after all changes; each revision is the next."""
    standing: dict[str, Turn] = {}
    for change in (one for step in changes for one in step):
        if isinstance(change, Turn):
            known = standing.get(change.turn_id)
            assert change.revision == (known.revision + 1 if known else 1)
            standing[change.turn_id] = change
        elif isinstance(change, TurnWithdrawn):
            assert change.revision == standing.pop(change.turn_id).revision + 1
    return standing
