"""Whole rehearsals on the virtual fleet: scenarios from plain data, and runs whose core is counted at every event."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import scenarios
from scenarios.loader import loads
from scenarios.model import Scenario
from simulator.control.rehearse import virtual
from simulator.control.result import RunResult
from simulator.rollout.commands import Command
from simulator.rollout.events import Event
from simulator.rollout.machine import Rollout
from tests.support.rollouts import validate

BUNDLES = Path(scenarios.__file__).parent / "bundles"
BALANCER: dict[str, Any] = {
    "health_check": {"path": "/", "interval": "500ms", "timeout": "400ms", "rise": 2, "fall": 2},
    "draining": "1s",
}
LIMITS = {"start": "5s", "event": "10s"}


def data(**parts: Any) -> dict[str, Any]:
    """Four hosts go from v1 to v2 behind a balancer unless the parts say otherwise; a part that is None is left out."""
    written: dict[str, Any] = {
        "name": "a-test",
        "fleet": {"hosts": 4, "running": "v1"},
        "balancer": BALANCER,
        "revisions": {"v1": str(BUNDLES / "web-v1"), "v2": str(BUNDLES / "web-v2")},
        "group": {"auto_rollback": ["DEPLOYMENT_FAILURE"]},
        "deploy": [{"revision": "v2"}],
        "limits": LIMITS,
        **parts,
    }
    return {name: part for name, part in written.items() if part is not None}


def scenario(**parts: Any) -> Scenario:
    """The same, read."""
    return loads(json.dumps(data(**parts)), name="a-test.yml", directory=BUNDLES)


class Watcher:
    """An observer that recounts the core's state after every event."""

    def __init__(self) -> None:
        self.seen: list[tuple[Event, tuple[Command, ...]]] = []

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        self.seen.append((event, tuple(commands)))
        if rollout is not None:
            validate(rollout)


def run(scenario: Scenario, seed: int = 0, journal: Path | None = None, **options: Any) -> RunResult:
    """Rehearse it on the virtual fleet, watched."""
    observers = options.pop("observers", (Watcher(),))
    return virtual(
        scenario, seed=seed, scenario_sha256="", replay="drydeploy run", journal=journal, observers=observers, **options
    )


def broken(result: RunResult) -> list[str]:
    """The invariants that did not hold, and why."""
    return [f"{finding.name}: {finding.why}" for finding in result.invariants if not finding.held]


def unmet(result: RunResult) -> list[str]:
    """The expectations that were not met, and why."""
    return [f"{finding.name}: {finding.why}" for finding in result.expectations if not finding.held]
