"""Scores separated voices against the true ones: SI-SDR and its improvement, SDR, SIR and SAR; pure but for
`score_separation`, which reads files."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from speakerline.shared.arrays import AnyFloats
from speakerline.tools.score.files import InvalidFile

BEST_DB = 100.0
"""Ratios end at +-100 dB: beyond is a matter of rounding."""


@dataclass(frozen=True, slots=True)
class SourceScore:
    """One true voice against the estimate paired with it, all in dB, -100 to 100.

    reference, estimate: their places in what was given. si_sdri_db: None without a mixture."""

    reference: int
    estimate: int
    si_sdr_db: float
    si_sdri_db: float | None
    sdr_db: float
    sir_db: float
    sar_db: float


def si_sdr_db(estimate: AnyFloats, truth: AnyFloats) -> float:
    """Scale-invariant signal-to-distortion ratio of (n,) samples (Le Roux et al., "SDR - half-baked or well done?",
    2019). -100 for silence on either side."""
    estimate, truth = (signal - signal.mean(dtype=np.float64) for signal in (estimate, truth))
    energy = float(truth @ truth)
    if not energy:
        return -BEST_DB
    target = float(estimate @ truth) / energy * truth
    return _decibels(float(target @ target), float((estimate - target) @ (estimate - target)))


def pairing(estimates: AnyFloats, truths: AnyFloats) -> list[int]:
    """The estimate for each truth that gives the highest mean SI-SDR. Of more estimates than truths some are left."""
    from scipy.optimize import linear_sum_assignment

    scores = [[si_sdr_db(estimate, truth) for estimate in estimates] for truth in truths]
    return [int(one) for one in linear_sum_assignment(scores, maximize=True)[1]]


def improvement_db(estimates: AnyFloats, truths: AnyFloats, mixture: AnyFloats) -> float:
    """SI-SDRi: by how much the estimates are better than the mixture, mean over the truths under the best pairing."""
    gains = [
        si_sdr_db(estimates[own], truth) - si_sdr_db(mixture, truth)
        for own, truth in zip(pairing(estimates, truths), truths, strict=True)
    ]
    return float(np.mean(gains))


def score_sources(estimates: AnyFloats, truths: AnyFloats, mixture: AnyFloats | None = None) -> list[SourceScore]:
    """A score for each of the truths (voices, n), under the best pairing with the estimates (voices or more, n).

    SDR, SIR and SAR are BSS Eval's (Vincent et al., 2006) as mir_eval computes them: a filter of 512 taps between truth
    and estimate is forgiven, so they are higher than SI-SDR. A silent estimate scores -100 dB where a truth is left
    with it. Raises ValueError for too few estimates, lengths that differ, and silent truths."""
    _check(estimates, truths, mixture)
    from mir_eval.separation import bss_eval_sources

    order = pairing(estimates, truths)
    paired = estimates[order]
    silent = np.array([not one.any() for one in paired])
    given = np.where(silent[:, None], truths, paired)  # mir_eval refuses silence; the ratios of others stay the same
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # mir_eval announces a successor that it does not have yet
        ratios = bss_eval_sources(truths.astype(float), given.astype(float), compute_permutation=False)[:3]
    ratios = [np.where(silent, -BEST_DB, ratio) for ratio in ratios]
    found = []
    for at, one in enumerate(order):
        own = si_sdr_db(estimates[one], truths[at])
        improvement = None if mixture is None else own - si_sdr_db(mixture, truths[at])
        sdr, sir, sar = (float(np.clip(ratio[at], -BEST_DB, BEST_DB)) for ratio in ratios)
        found.append(SourceScore(at, one, own, improvement, sdr, sir, sar))
    return found


@dataclass(frozen=True, slots=True)
class SeparationReport:
    """The scores of a separation, with the names of the files."""

    references: Sequence[Path]
    estimates: Sequence[Path]
    scores: Sequence[SourceScore]

    def to_text(self) -> str:
        """A table, and the means."""
        names = [f"{self.references[one.reference].name} = {self.estimates[one.estimate].name}" for one in self.scores]
        width = max(map(len, [*names, "mean"]))
        lines = [" " * width + "".join(f"{name:>9}" for name in ("SI-SDR", "SI-SDRi", "SDR", "SIR", "SAR")) + "   dB"]
        rows = [[*list(asdict(one).values())[2:]] for one in self.scores]
        rows.append(list(self.means().values()))
        for name, row in zip([*names, "mean"], rows, strict=True):
            lines.append(name.ljust(width) + "".join(f"{'-' if v is None else f'{v:.2f}':>9}" for v in row))
        return "\n".join(lines)

    def to_json(self) -> str:
        """One object: `sources`, each with its files and figures, and `mean`."""
        sources = [
            asdict(one)
            | {"reference": str(self.references[one.reference]), "estimate": str(self.estimates[one.estimate])}
            for one in self.scores
        ]
        return json.dumps({"sources": sources, "mean": self.means()})

    def means(self) -> dict[str, float | None]:
        """Over the true voices."""
        names = ("si_sdr_db", "si_sdri_db", "sdr_db", "sir_db", "sar_db")
        columns = {name: [getattr(one, name) for one in self.scores] for name in names}
        return {name: None if None in values else float(np.mean(values)) for name, values in columns.items()}


def score_separation(
    references: Sequence[Path], estimates: Sequence[Path], mixture: Path | None = None
) -> SeparationReport:
    """Score files of one channel, one rate and one length. Raises InvalidFile or MediaError."""
    paths = [*references, *estimates, *([mixture] if mixture else [])]
    signals, rates = zip(*(_read(path) for path in paths), strict=True)
    for path, signal, rate in zip(paths, signals, rates, strict=True):
        if rate != rates[0]:
            raise InvalidFile(f"{path.name}: {rate} Hz, expected {rates[0]} as in {paths[0].name}")
        if len(signal) != len(signals[0]):
            raise InvalidFile(f"{path.name}: {len(signal)} samples, expected {len(signals[0])} as in {paths[0].name}")
        if not signal.any():
            raise InvalidFile(f"{path.name} is silent: expected a voice")
    if len(estimates) < len(references):
        raise InvalidFile(f"{len(estimates)} estimates for {len(references)} references: expected one each at least")
    count = len(references)
    mixed = signals[-1] if mixture else None
    scores = score_sources(np.stack(signals[count : count + len(estimates)]), np.stack(signals[:count]), mixed)
    return SeparationReport(references, estimates, scores)


def _read(path: Path) -> tuple[AnyFloats, int]:
    from speakerline.tools.media.whole_file import read_audio

    samples, rate = read_audio(path)
    if samples.shape[1] != 1:
        raise InvalidFile(f"{path.name}: {samples.shape[1]} channels, expected one voice in one channel")
    unreal = np.flatnonzero(~np.isfinite(samples))
    if len(unreal):
        raise InvalidFile(f"{path.name}: sample {unreal[0]} is {samples[unreal[0], 0]}, expected a number")
    return samples[:, 0], rate


def _check(estimates: AnyFloats, truths: AnyFloats, mixture: AnyFloats | None) -> None:
    if estimates.ndim != 2 or truths.ndim != 2 or len(estimates) < len(truths) or not len(truths):
        raise ValueError(f"estimates {estimates.shape} for truths {truths.shape}: expected one each at least")
    lengths = {estimates.shape[1], truths.shape[1], *([] if mixture is None else mixture.shape)}
    if len(lengths) > 1:
        raise ValueError(f"{sorted(lengths)} samples: expected one length")
    for at, truth in enumerate(truths):
        if not truth.any():
            raise ValueError(f"truth {at} is silent: expected a voice")


def _decibels(wanted: float, unwanted: float) -> float:
    if not wanted:
        return -BEST_DB
    return float(np.clip(10 * np.log10(wanted / max(unwanted, wanted * 1e-12)), -BEST_DB, BEST_DB))
