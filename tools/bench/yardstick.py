"""How fast this machine is while something is measured: the CPU time of a piece of work that never changes.

Where others use the cores, too, the same work takes more CPU time: caches and execution units are shared. What two runs
took for this piece makes their other costs comparable.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import numpy as np

from speakerline.shared.arrays import Float32s

EVERY_S = 0.5
STEPS, SIDE, PRODUCTS = 30_000, 192, 4


def piece_cpu_ms() -> float:
    """What the piece takes: half of it Python, half of it products of matrices."""
    matrix: Float32s = np.full((SIDE, SIDE), 1 / SIDE, np.float32)
    began, total = time.process_time(), 0
    for step in range(STEPS):
        total += step % 7
    for _ in range(PRODUCTS):
        matrix = matrix @ matrix
    return 1000 * (time.process_time() - began)


@asynccontextmanager
async def yardstick() -> AsyncIterator[list[float]]:
    """The CPU milliseconds of a piece every half a second, by a process of its own; there when the block has ended."""
    command = (sys.executable, "-m", "speakerline.tools.bench.yardstick")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    found: list[float] = []
    try:
        assert process.stdout
        await process.stdout.readline()  # the first piece loads the code
        yield found
    finally:
        process.kill()
        said, _ = await process.communicate()
        found += map(float, said.split(b"\n")[:-1])


def main() -> None:
    while True:
        print(f"{piece_cpu_ms():.4f}", flush=True)
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
