"""What names are judged by: how alike speakers are to their own enrolled voices, and to those of others.

People with several recordings are enrolled from the first half of them, and speak the second half on calls. Even odds
lie between how alike a speaker is to the own voice, and to the most similar voice of somebody else.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from speakerline.shared.arrays import Bools, Float64s
from speakerline.shared.client.voiceprints import StoredVoiceprint
from speakerline.shared.client.voices import make_voiceprint
from speakerline.shared.voiceprints.calibration import Calibration, unit
from speakerline.tools.media.whole_file import read_mono
from speakerline.tools.simulate.simulator import CallSettings
from speakerline.tools.simulate.turn_taking import Conversation
from speakerline.tools.simulate.voices import Speakers

ENROLLED_RECORDINGS = 4
"""Whoever has so many recordings can be enrolled from half of them, and speak the other half."""

LINES = {
    "telephone, 8 kHz": CallSettings(Conversation(duration_s=60.0)),
    "wideband, 16 kHz": replace(CallSettings.meeting(Conversation(duration_s=60.0)), reverb_s=(0.05, 0.3)),
}
"""The calls on which they speak."""

Voices = Mapping[str, Float64s]
"""Of people: each one's voiceprint (D,), as it is or as a sum."""


def enrolled_voices(people: Speakers) -> dict[str, StoredVoiceprint]:
    """Each from the first half of its recordings, as `speakerline enroll` does it."""
    return {
        name: make_voiceprint([read_mono(file, 16_000) for file in files[: len(files) // 2]], 16_000)
        for name, files in people.items()
    }


def second_halves(people: Speakers) -> Speakers:
    """The recordings from which nobody is enrolled."""
    return {name: files[len(files) // 2 :] for name, files in people.items()}


def naming_examples(calls: Sequence[tuple[Voices, Voices]], calibration: Calibration) -> tuple[Float64s, Bools]:
    """(n,) cosines of speakers and enrolled voices, as clustering compares them; (n,) whether both are one person.

    calls: of each the voices of its speakers, and all enrolled ones as they sound on its line. A speaker gives two
    examples: with the own enrolled voice, and with the most similar other one."""
    examples = [example for spoken, enrolled in calls for example in _compared(spoken, enrolled, calibration)]
    return np.array([cosine for cosine, _ in examples]), np.array([same for _, same in examples], np.bool_)


def _compared(spoken: Voices, enrolled: Voices, calibration: Calibration) -> Iterator[tuple[float, bool]]:
    prior, names = calibration.prior_mean.astype(np.float64), sorted(enrolled)
    known = calibration.place(np.stack([enrolled[name] for name in names]), prior)
    for speaker, voice in sorted(spoken.items()):
        alike = dict(zip(names, known @ calibration.place(unit(voice)[None], prior)[0], strict=True))
        if speaker in alike:
            yield float(alike.pop(speaker)), True
        if alike:
            yield float(max(alike.values())), False
