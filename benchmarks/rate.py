"""How many lifecycle events the virtual fleet plays in a second, beside a SimPy model and a bare heap."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from benchmarks.fleets import EVENTS_A_HOST, in_place
from benchmarks.measure import interleaved, table, title
from benchmarks.peers import bare_heap, simpy_model
from simulator.control.rehearse import virtual

HOSTS = 10_000
REPETITIONS = 5


def run() -> None:
    """Print the table."""
    title(f"Lifecycle events a second: {HOSTS:,} hosts × {EVENTS_A_HOST} events, journal on")
    rows = []
    with tempfile.TemporaryDirectory(prefix="drydeploy-bench-") as scratch:
        for at_once in (100, HOSTS // 2):
            rows += _rows(at_once, Path(scratch) / "journal.ndjson")
    table(("hosts at once", "", "events/s", "µs/event", "drydeploy's rate to it"), rows)
    print("  drydeploy: all decisions, invariants and the journal on disk. SimPy and the heap: durations alone.")


def _rows(at_once: int, journal: Path) -> list[tuple[str, ...]]:
    scenario = in_place(HOSTS, at_once)
    took = interleaved(
        {
            "drydeploy": partial(virtual, scenario, seed=7, scenario_sha256="", replay="", journal=journal),
            "SimPy": partial(simpy_model, HOSTS, EVENTS_A_HOST, at_once),
            "bare heapq": partial(bare_heap, HOSTS, EVENTS_A_HOST, at_once),
        },
        REPETITIONS,
    )
    events = HOSTS * EVENTS_A_HOST
    return [
        (
            f"{at_once:,}" if name == "drydeploy" else "",
            name,
            f"{events / seconds:,.0f}",
            f"{seconds / events * 1e6:.2f}",
            f"{seconds / took['drydeploy']:.2f}",
        )
        for name, seconds in took.items()
    ]
