"""The figures of a run beside those of an earlier one, as ratios; pure but for the reading of the file."""

import argparse
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from speakerline.tools.tables import Table

YARDSTICK = "yardstick_cpu_ms"
"""The figure that tools/bench/yardstick.py gives, by section."""

SHOWN = (
    "capacity",
    "trials *: cost *",
    "trials *: lag_ms turn p??",
    "trials *: redis_bytes_per_call",
    "workers *: capacity",
    "workers *: cost *",
    "kinds *: cost *",
    "kinds *: inputs_per_minute *",
    "kinds *: redis_bytes_per_call",
    "words *: shown_s p??",
    "words *: final_s p??",
    "words *: label_lag_p95_s",
    "gateway *: us_a_piece",
    "watchers *: cpu_s",
    "watchers *: waits_s p??",
    "long_call *: redis_bytes",
    "long_call *: cost *",
    "streaming *: real_time_factor",
    "process: steady_times_real_time",
    f"{YARDSTICK}: *",
)
"""Of all figures of a run, those that are compared: what something costs, and how late it comes."""
CPU_TIMES = ("*: cost *", "gateway *: us_a_piece", "watchers *: cpu_s", "streaming *: real_time_factor")
"""Those of them that the speed of the machine changes as it does the yardstick."""
NOTE = (
    "More is worse, but for the capacity and for times real time. At one speed: over the ratio of the yardstick, a "
    "piece of work that never changes. Beside other programs ratios differ by a fifth all the same."
)


def figures_in(text: str) -> dict[str, Any]:
    """The figures of an earlier run, from the file that `--json` wrote. Raises ArgumentTypeError."""
    try:
        found = json.loads(Path(text).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text}: expected a file of `--json` ({error})") from error
    if not isinstance(found, dict) or "cores" not in found:
        raise argparse.ArgumentTypeError(f"{text}: expected a file of `--json`, with the figures of a run")
    return found


def comparison(now: Mapping[str, Any], before: Mapping[str, Any]) -> Table:
    """A row for each figure that both runs have."""
    old, new = dict(flattened(before)), dict(flattened(now))
    ratios = {name: value / old[name] for name, value in new.items() if old.get(name) and _is_one_of(SHOWN, name)}
    rows = [
        [name, f"{old[name]:.4g}", f"{new[name]:.4g}", f"{ratio:.2f}", _at_one_speed(name, ratios)]
        for name, ratio in ratios.items()
    ]
    cores = f"Cores: {before['cores']} before, {now['cores']} now. "
    return Table("Beside an earlier run", ["", "before", "now", "ratio", "at one speed"], rows, cores + NOTE)


def _at_one_speed(name: str, ratios: Mapping[str, float]) -> str:
    section = re.split("[: ]", name, maxsplit=1)[0]
    speed = ratios.get(f"{YARDSTICK}: {section}")
    return f"{ratios[name] / speed:.2f}" if speed and _is_one_of(CPU_TIMES, name) else ""


def _is_one_of(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def flattened(figures: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Each number with its name: `kinds silence: cost vad`, the parts of a section being together, with their sum."""
    for section, found in figures.items():
        if not isinstance(found, Mapping):
            yield from _numbers(section, found)
        elif all(isinstance(part, Mapping) for part in found.values()):
            for name, part in found.items():
                yield from _numbers(f"{section} {name}:", part)
        else:
            yield from _numbers(f"{section}:", found)


def _numbers(name: str, value: Any) -> Iterator[tuple[str, float]]:
    if isinstance(value, Mapping):
        parts = dict(value)
        if costs := parts.pop("cost_cpu_s_per_audio_s", None):
            parts["cost"] = {**costs, "all": sum(costs.values())}
        for part, inner in parts.items():
            yield from _numbers(f"{name} {part}", inner)
    elif isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        yield name, float(value)
