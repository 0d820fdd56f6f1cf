"""How long `drydeploy --help` takes, beside an interpreter that does nothing."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from benchmarks.measure import WALL, interleaved, table, title

REPETITIONS = 15
CONTENDERS = {
    "python -c pass": ["-c", "pass"],
    "drydeploy --help": ["-c", "from simulator.cli import main; main()", "--help"],
}


def run() -> None:
    """Print the table."""
    title("Start: the same interpreter, in a new process")
    took = interleaved({name: partial(_start, arguments) for name, arguments in CONTENDERS.items()}, REPETITIONS, WALL)
    nothing = took["python -c pass"]
    table(("", "ms", "to python -c pass"), [(n, f"{s * 1000:.0f}", f"{s / nothing:.1f}") for n, s in took.items()])


def _start(arguments: list[str]) -> None:
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
