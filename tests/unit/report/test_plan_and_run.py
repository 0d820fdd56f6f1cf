"""What `plan` shows is what `run` does, host by host, with the same seed."""

from __future__ import annotations

import pytest

from scenarios import library
from scenarios.loader import load
from simulator.cli.plan import _planned
from simulator.rollout.statuses import Creator
from strategies.plan import Deploy, Plan, Stage
from tests.support.rehearsals import run


def walked(stages: tuple[Stage, ...] | Plan) -> list[tuple[str, tuple[str, ...]]]:
    return [(stage.name, stage.hosts if isinstance(stage, Deploy) else ()) for stage in stages]


@pytest.mark.parametrize("seed", [0, 3])
@pytest.mark.parametrize(
    "name", ["canary-good", "linear", "steps", "zone-by-zone", "blue-green-good", "groups-by-tags"]
)
def test_the_plan_is_the_runs_own(name: str, seed: int) -> None:
    scenario = load(library.path_of(name))
    planned = _planned(scenario, seed)
    result = run(scenario, seed, observers=())
    asked = [each for each in result.rollouts if each.deployment.creator is Creator.USER]
    assert [walked(each.plan) for each in planned] == [walked(rollout.stages) for rollout in asked]
