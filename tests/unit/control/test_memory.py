"""A run is freed when it is dropped: nothing of it points in a circle, so thousands of runs need no collector."""

from __future__ import annotations

import gc
from pathlib import Path

import scenarios
from scenarios.model import Scenario
from simulator.control.rehearse import Prepared, virtual

BUNDLES = Path(scenarios.__file__).parent / "bundles"


def scenario(hosts: int) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "memory",
            "fleet": {"hosts": hosts, "running": "v1"},
            "balancer": {},
            "revisions": {name: str(BUNDLES / f"web-{name}") for name in ("v1", "v2")},
            "group": {"deployment_config": "CodeDeployDefault.HalfAtATime", "auto_rollback": ["DEPLOYMENT_FAILURE"]},
            "deploy": [{"revision": "v2"}],
            "faults": [{"do": {"script": {"exit": 1}}, "when": {"event": "BeforeInstall"}, "where": {"random": 1}}],
        }
    )


def left_to_the_collector(hosts: int) -> int:
    prepared = Prepared(scenario(hosts))
    virtual(prepared, seed=1, scenario_sha256="", replay="")
    gc.collect()
    gc.disable()
    try:
        virtual(prepared, seed=1, scenario_sha256="", replay="")
        return gc.collect()
    finally:
        gc.enable()


def test_a_larger_run_leaves_no_more_to_the_collector() -> None:
    assert left_to_the_collector(100) == left_to_the_collector(10)


def test_the_collector_is_as_it_was() -> None:
    virtual(scenario(1), seed=1, scenario_sha256="", replay="")
    assert gc.isenabled()
