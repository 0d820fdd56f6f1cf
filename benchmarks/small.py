"""How many deployments to ten hosts the virtual fleet plays in a second: what a property test can have of them."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.fleets import EVENTS_A_HOST, in_place
from benchmarks.measure import interleaved, table, title
from benchmarks.peers import simpy_model
from scenarios.model import Scenario
from simulator.control.rehearse import Prepared, virtual

HOSTS, AT_ONCE = 10, 5
DEPLOYMENTS = 200
REPETITIONS = 7


def run() -> None:
    """Print the table."""
    title(f"Deployments a second: {HOSTS} hosts, {AT_ONCE} at once, {EVENTS_A_HOST} events a host")
    scenario = in_place(HOSTS, AT_ONCE)
    prepared = Prepared(scenario)
    with tempfile.TemporaryDirectory(prefix="drydeploy-bench-") as scratch:
        names = (Path(scratch) / f"{number}.ndjson" for number in itertools.count())
        took = interleaved(
            {
                "drydeploy, prepared once": partial(_many, lambda seed: _play(prepared, seed)),
                "  and the journal in a file": partial(_many, lambda seed: _play(prepared, seed, next(names))),
                "  and bundles read each time": partial(_many, lambda seed: _play(scenario, seed, next(names))),
                "SimPy": partial(_many, lambda _: simpy_model(HOSTS, EVENTS_A_HOST, AT_ONCE)),
            },
            REPETITIONS,
        )
    first = next(iter(took.values()))
    table(
        ("", "deployments/s", "ms each", "prepared's rate to it"),
        [
            (name, f"{DEPLOYMENTS / s:,.0f}", f"{s / DEPLOYMENTS * 1000:.2f}", f"{s / first:.2f}")
            for name, s in took.items()
        ],
    )


def _many(play: Callable[[int], object]) -> None:
    for seed in range(DEPLOYMENTS):
        play(seed)


def _play(scenario: Scenario | Prepared, seed: int, journal: Path | None = None) -> object:
    return virtual(scenario, seed=seed, scenario_sha256="", replay="", journal=journal)
