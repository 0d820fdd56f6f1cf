"""The scenarios that are timed: the web application of the library, v1 to v2, on as many hosts as wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import scenarios
from scenarios.model import Scenario
from simulator.rollout.lifecycle import IN_PLACE

BUNDLES = Path(scenarios.__file__).parent / "bundles"
EVENTS_A_HOST = len(IN_PLACE)
"""Lifecycle events that every host goes through, without a balancer."""


def in_place(hosts: int, at_once: int) -> Scenario:
    """Hosts that serve v1 are deployed to in place, so many at once, without a balancer."""
    return scenario(hosts, at_once, deploy=["v2"])


def scenario(hosts: int, at_once: int, *, deploy: list[str], bundles: Path = BUNDLES, **more: Any) -> Scenario:
    """A scenario in which every deployment succeeds."""
    return Scenario.model_validate(
        {
            "name": "benchmark",
            "fleet": {"hosts": hosts, "running": "v1"},
            "revisions": {"v1": str(bundles / "web-v1"), "v2": str(bundles / "web-v2")},
            "group": {"deployment_config": {"type": "HOST_COUNT", "value": hosts - at_once}},
            "deploy": [{"revision": revision} for revision in deploy],
            **more,
        }
    )
