"""How well music on hold is found: seconds of talk and noise that are taken for music, and of music that is found.

`python -m speakerline.tools.lab.music_gain DATA` prints the table of docs/accuracy.md. The music is made
(`tools/simulate/music.py`): no recorded music is at hand.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from speakerline.services.vad.detector import CHUNK_MS, Request
from speakerline.services.vad.music import MusicWatch
from speakerline.services.vad.silero import Silero
from speakerline.shared.arrays import Float32s
from speakerline.tools.media.whole_file import read_mono
from speakerline.tools.simulate.music import KINDS, music
from speakerline.tools.simulate.telephone import at_level, handset, mu_law_round_trip
from speakerline.tools.simulate.voices import AUDIO_SUFFIXES

RATE = 8000
FOLDERS = ("calls", "meetings", "speech", "transcripts", "noise")
PIECES, PIECE_S = 10, 60.0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m speakerline.tools.lab.music_gain", description=__doc__)
    parser.add_argument("data", type=Path, help=f"a folder with {', '.join(FOLDERS)}")
    given = parser.parse_args(arguments)
    silero = Silero()
    for folder in FOLDERS:
        heard_s = found_s = 0.0
        for samples in _recordings(given.data / folder):
            heard_s += len(samples) / RATE
            found_s += _found_s(silero, samples)
        print(f"{folder:11s} | {heard_s:6.0f} s | taken for music: {found_s:.1f} s", flush=True)
    for kind in KINDS:
        found_s = sum(_found_s(silero, music(kind, seed, PIECE_S)) for seed in range(PIECES))
        print(f"{kind:11s} | {PIECES * PIECE_S:6.0f} s | found: {100 * found_s / (PIECES * PIECE_S):.0f} %", flush=True)
    for db in (20, 10, 0):
        share = _speech_lost(silero, given.data / "transcripts", db)
        print(f"talk over music that is {db} dB weaker: {100 * share:.1f} % of what the VAD finds is taken for music")
    return 0


def _recordings(folder: Path) -> Iterator[Float32s]:
    """All files, those of one folder in a row, so that short ones make long ones."""
    files: dict[Path, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in AUDIO_SUFFIXES:
            files.setdefault(path.parent if folder.name in ("speech", "transcripts") else path, []).append(path)
    for paths in files.values():
        yield np.concatenate([read_mono(path, RATE) for path in paths])


def _chunks(silero: Silero, samples: Float32s) -> tuple[Float32s, Float32s]:
    """Per chunk of 32 ms, whether it is music, and how probable speech is."""
    size = RATE * CHUNK_MS // 1000
    chunks = samples[: len(samples) // size * size].reshape(-1, size)
    probabilities = silero.run([Request(RATE, b"", chunks.ravel())])[0].probabilities
    watch, is_music = MusicWatch(RATE), np.zeros(len(chunks), np.float32)
    began = 0
    for number, (chunk, probability) in enumerate(zip(chunks, probabilities.tolist(), strict=True)):
        verdict = watch.push(number, chunk, probability)
        began = verdict.began if verdict.began >= 0 else began
        if verdict.ended >= 0:
            is_music[began : verdict.ended] = 1
    if watch.on:
        is_music[began:] = 1
    return is_music, probabilities


def _found_s(silero: Silero, samples: Float32s) -> float:
    return float(_chunks(silero, samples)[0].sum()) * CHUNK_MS / 1000


def _speech_lost(silero: Silero, folder: Path, db: float) -> float:
    """Share of the chunks with probable speech that are taken for music."""
    lost = spoken = 0.0
    files = sorted(folder.glob("*.flac"))
    for seed, kind in enumerate(kind for kind in KINDS if kind != "ring"):
        voice = np.concatenate([read_mono(path, RATE) for path in files[seed * 7 : seed * 7 + 4]])
        voice = at_level(handset(voice, RATE, 0.0), -23.0)
        tune = at_level(music(kind, 100 + seed, len(voice) / RATE + 1)[: len(voice)], -23.0 - db)
        is_music, probabilities = _chunks(silero, mu_law_round_trip(voice + tune))
        lost += float((is_music * (probabilities >= 0.5)).sum())
        spoken += float((probabilities >= 0.5).sum())
    return lost / max(spoken, 1.0)


if __name__ == "__main__":
    sys.exit(main())
