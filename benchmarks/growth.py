"""How time and memory grow with the fleet: each size in a process of its own, half of the hosts at once.

python -m benchmarks.growth 1000 drydeploy     # one measurement, as JSON
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.fleets import EVENTS_A_HOST, in_place
from benchmarks.measure import exponent, peak_mib, seconds, table, title
from benchmarks.peers import simpy_model

REPETITIONS = {1_000: 5, 10_000: 3, 100_000: 2}
"""By the number of hosts."""


def run() -> None:
    """Print the table, and the exponent."""
    title("Growth: half of the hosts at once, journal on, each run in a process of its own")
    took: dict[tuple[int, str], list[float]] = {}
    peak: dict[tuple[int, str], float] = {}
    for hosts, repetitions in REPETITIONS.items():
        for number in range(repetitions):
            for who in ("drydeploy", "SimPy"):
                if who == "SimPy" and number and hosts == max(REPETITIONS):
                    continue  # it takes as long as everything else together
                measured = _measure(hosts, who)
                took.setdefault((hosts, who), []).append(measured["seconds"])
                peak[hosts, who] = measured["peak_mib"]
    rows = []
    for hosts in REPETITIONS:
        ours, peer = (statistics.median(took[hosts, who]) for who in ("drydeploy", "SimPy"))
        each = ours / hosts / EVENTS_A_HOST * 1e6
        rows.append(
            (
                *(f"{hosts:,}", f"{ours:.3f}", f"{each:.2f}", f"{peak[hosts, 'drydeploy']:.0f}"),
                *(f"{peer:.3f}", f"{peak[hosts, 'SimPy']:.0f}", f"{peer / ours:.2f}"),
            )
        )
    table(("hosts", "seconds", "µs/event", "peak MiB", "SimPy: seconds", "peak MiB", "drydeploy's rate to it"), rows)
    for who in ("drydeploy", "SimPy"):
        medians = {hosts: statistics.median(took[hosts, who]) for hosts in REPETITIONS}
        print(f"  time of {who} grows with the number of hosts to the power of {exponent(medians):.2f}")


def _measure(hosts: int, who: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.growth", str(hosts), who]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _one(hosts: int, who: str) -> dict[str, float]:
    at_once = hosts // 2
    with tempfile.TemporaryDirectory(prefix="drydeploy-bench-") as scratch:
        work: Callable[[], object]
        if who == "SimPy":
            work = partial(simpy_model, hosts, EVENTS_A_HOST, at_once)
        else:
            from simulator.control.rehearse import virtual

            journal, scenario = Path(scratch) / "journal.ndjson", in_place(hosts, at_once)
            work = partial(virtual, scenario, seed=7, scenario_sha256="", replay="", journal=journal)
        took = seconds(work)
    return {"seconds": took, "peak_mib": peak_mib()}


if __name__ == "__main__":
    print(json.dumps(_one(int(sys.argv[1]), sys.argv[2])))
