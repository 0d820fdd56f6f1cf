"""Measuring side by side, and printing what came of it."""

from __future__ import annotations

import math
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

Clock = Callable[[], float]
CPU: Clock = time.process_time
"""The processor's time of this process: what else the machine has to do does not count."""
WALL: Clock = time.perf_counter


def seconds(work: Callable[[], object], clock: Clock = CPU) -> float:
    """How long a call takes. What it returns is thrown away outside the measurement."""
    began = clock()
    kept = work()
    took = clock() - began
    del kept
    return took


def interleaved(
    contenders: Mapping[str, Callable[[], object]], repetitions: int, clock: Clock = CPU
) -> dict[str, float]:
    """The median of the seconds that each takes, one after the other and round again, so that all meet the same noise.

    A first round is not counted: it imports, and fills caches.
    """
    took: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(repetitions + 1):
        for name, work in contenders.items():
            measured = seconds(work, clock)
            if number:
                took[name].append(measured)
    return {name: statistics.median(times) for name, times in took.items()}


def exponent(took: Mapping[int, float]) -> float:
    """How time grows with size: the slope of the straight line through the logarithms, by least squares."""
    xs, ys = [math.log(size) for size in took], [math.log(value) for value in took.values()]
    return statistics.linear_regression(xs, ys).slope


def peak_mib() -> float:
    """The most memory that this process has had at once, in MiB.

    Linux counts what `getrusage` tells from before the program was started too, when it still was its parent's.
    """
    status = Path("/proc/self/status")
    if status.exists():
        line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def machine() -> str:
    """What the figures depend on, in a line."""
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{platform.python_implementation()} {platform.python_version()}, {platform.system()} {platform.machine()}, "
        f"{os.cpu_count()} cores{load}"
    )


def say(text: str = "") -> None:
    """Print at once, also where the output is not a terminal."""
    print(text, flush=True)


def title(text: str) -> None:
    """Head a benchmark."""
    say(f"\n{text}\n{'-' * len(text)}")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column to the left, the others to the right."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    for row in (head, *rows):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        say("  " + "  ".join(cells).rstrip())


def skipped(what: str, why: str) -> None:
    """Say, loudly and in a line, that a benchmark cannot be made here."""
    print(f"  SKIPPED: {what}: {why}", file=sys.stdout, flush=True)
