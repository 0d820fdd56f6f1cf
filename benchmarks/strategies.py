"""Time and memory of strategies and of pools that are scaled, and how they grow: each size in a process of its own.

python -m benchmarks.strategies 1000 blue-green     # one measurement, as JSON
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.fleets import scenario
from benchmarks.measure import exponent, peak_mib, seconds, table, title
from scenarios.model import Scenario

HOSTS = (1_000, 10_000)
REPETITIONS = 3
STRATEGIES: dict[str, Any] = {
    "rolling": "rolling",
    "canary": {"canary": {"percent": 10, "bake": "10s"}},
    "linear": {"linear": {"hosts": 1, "every": "0s"}},
    "blue-green": {"blue-green": {"traffic": {"canary": {"percent": 10, "every": "10s"}}}},
}
POOLS = {"scale-out": (0, 1), "scale-in": (1, 0)}
"""The size of a pool before and after, with the hosts as the unit."""


def run() -> None:
    """Print the table, and the exponents."""
    title("Strategies behind a balancer: half of the hosts at once, linear one; journal on, each run in its process")
    rows, grows = [], []
    for name in (*STRATEGIES, *POOLS):
        medians: dict[int, float] = {}
        for hosts in HOSTS:
            measured = [_measure(hosts, name) for _ in range(REPETITIONS)]
            medians[hosts] = statistics.median(one["seconds"] for one in measured)
            peak = max(one["peak_mib"] for one in measured)
            rows.append(
                (name, f"{hosts:,}", f"{medians[hosts]:.2f}", f"{medians[hosts] / hosts * 1e6:.0f}", f"{peak:.0f}")
            )
        grows.append(f"  {name} grows with the number of hosts to the power of {exponent(medians):.2f}")
    table(("what", "hosts", "seconds", "µs/host", "peak MiB"), rows)
    print("\n".join(grows), flush=True)


def _measure(hosts: int, name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.strategies", str(hosts), name]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    measured: dict[str, float] = json.loads(done.stdout)
    return measured


def _deployed(hosts: int, name: str) -> Scenario:
    group = {"deployment_config": {"type": "FLEET_PERCENT", "value": 50}, "strategy": STRATEGIES[name]}
    limits = {"deployment": "720h"}  # one host after the other, as linear has it, takes its time
    return scenario(hosts, hosts // 2, deploy=["v2"], group=group, balancer={}, limits=limits)


def _scaled(hosts: int, before: int, after: int) -> Scenario:
    """A launch deployment for each host that comes, and a termination deployment for each that goes."""
    pool = {"desired": hosts * before, "max": hosts, "image": {"boots": "2s"}, "termination_hook": True}
    change = {"when": {"at": "1s"}, "do": {"pool": {"name": "web", "desired": hosts * after}}}
    group = {"pools": ["web"], "running": "v1"}
    return scenario(0, 0, deploy=[], fleet={}, pools={"web": pool}, group=group, balancer={}, faults=[change])


def _one(hosts: int, name: str) -> dict[str, float]:
    from simulator.control.rehearse import virtual

    played = _scaled(hosts, *POOLS[name]) if name in POOLS else _deployed(hosts, name)
    with tempfile.TemporaryDirectory(prefix="drydeploy-bench-") as scratch:
        journal = Path(scratch) / "journal.ndjson"
        took = seconds(partial(virtual, played, seed=7, scenario_sha256="", replay="", journal=journal))
    return {"seconds": took, "peak_mib": peak_mib()}


if __name__ == "__main__":
    print(json.dumps(_one(int(sys.argv[1]), sys.argv[2])))
