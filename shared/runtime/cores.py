"""How many cores of the machine this process may use: those of its affinity, or fewer where a container has a limit."""

import os
from pathlib import Path

CPU_MAX = Path("/sys/fs/cgroup/cpu.max")
"""`<quota in us, or max> <period in us>`: https://docs.kernel.org/admin-guide/cgroup-v2.html"""


def usable_cores(cpu_max: Path = CPU_MAX) -> float:
    """More than 0."""
    cores = float(len(os.sched_getaffinity(0)))
    try:
        quota, period = cpu_max.read_text("ascii").split()
        return min(cores, int(quota) / int(period))
    except (OSError, ValueError):
        return cores  # no limit, or an older kernel
