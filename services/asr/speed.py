"""How long Whisper takes for one live call: prints the share of a second for each second of the call.

It runs in a process of its own, which gives its memory back. Always the same work is done, however fast: sound that
nobody spoke, and as many tokens as people would have said.
"""

import sys
import time

import numpy as np

from speakerline.services.asr.engine import RATE, Piece
from speakerline.services.asr.interims import EVERY_MS
from speakerline.services.asr.whisper import Whisper

FAST_S, SETTLED_S = 6, 20
TOKENS_PER_S = 4
"""What people say."""

RUNS = 3


def live_load(folder: str, device: str, precision: str) -> float:
    """Interim and final words of one call without a pause."""
    whisper = Whisper(folder, device, precision, "off")
    noise = np.random.default_rng(0).normal(0, 0.02, SETTLED_S * RATE).astype(np.float32)
    fast, settled = Piece(noise[: FAST_S * RATE], "en", fast=True), Piece(noise, "en")
    whisper.recognise([fast])
    taken = [min(_taken(whisper, piece) for _ in range(RUNS)) for piece in (fast, settled)]
    return taken[0] * 1000 / EVERY_MS + taken[1] / SETTLED_S


def _taken(whisper: Whisper, piece: Piece) -> float:
    began = time.perf_counter()
    whisper.search(piece, round(piece.seconds * TOKENS_PER_S))
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.stdout.write(f"{live_load(*sys.argv[1:4])}\n")
