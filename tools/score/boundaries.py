"""How exactly turns begin and end."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from speakerline.shared.timeline.spans import Span
from speakerline.tools.score.files import Labels


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and 90th percentile of `count` values; `missing` more had none."""

    count: int
    missing: int
    median: float | None
    p90: float | None


def spread(values: Sequence[float], missing: int = 0) -> Spread:
    if not values:
        return Spread(0, missing, None, None)
    median, p90 = np.percentile(values, [50, 90])
    return Spread(len(values), missing, float(median), float(p90))


def boundary_errors_ms(reference: Labels, labels: Labels, mapping: Mapping[str, str], scored: Sequence[Span]) -> Spread:
    """Distance from each start of a reference turn to the nearest start of a turn of the mapped speaker, and from each
    end to the nearest end. Boundaries outside the scored regions do not count; those of a reference speaker to whom
    nobody is mapped are `missing`."""
    mapped = {speaker: labels[label] for label, speaker in mapping.items()}
    errors: list[float] = []
    missing = 0
    for speaker, spans in reference.items():
        for side in (0, 1):
            wanted = [span[side] for span in spans if any(start <= span[side] <= end for start, end in scored)]
            if speaker not in mapped:
                missing += len(wanted)
                continue
            shown = np.array([span[side] for span in mapped[speaker]])
            errors += [float(np.abs(shown - at).min()) for at in wanted]
    return spread(errors, missing)
