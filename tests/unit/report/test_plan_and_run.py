"""What `plan` shows is what `run` does, host by host, with the same seed."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from scenarios import library
from scenarios.loader import load
from simulator.cli.plan import _planned
from simulator.report.graph import dot, mermaid, plan_document, plan_tree
from simulator.rollout.statuses import Creator
from strategies.plan import Deploy, Plan, Stage
from tests.support.rehearsals import run
from tests.unit.control.test_environments import through


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


def test_the_plan_tells_of_what_the_run_refuses() -> None:
    deploy = [{"revision": "v2"}, {"revision": "v1", "group": "prod"}, {"revision": "v2", "group": "prod"}]
    told = through({"after": ["test"]}, deploy=deploy)
    planned = _planned(told, 0)
    (refused,) = run(told, observers=()).not_created
    assert [each.refused for each in planned] == ["", "", "", refused.why, ""]
    assert plan_document("p", planned)["deployments"][3]["refused"] == refused.why
    assert f"refused, in this order: {refused.why}" in mermaid(planned)
    assert "    d3_deploy --> d5_deploy\n" in mermaid(planned)
    for drawing in (mermaid(planned), dot(planned)):
        assert drawing.count("d4_") == 1, "a note, with no stages and no arrows"
    out = StringIO()
    Console(file=out, width=200).print(plan_tree("p", planned))
    assert out.getvalue().count(f"⚠ refused, in this order: {refused.why}") == 1


def test_where_the_order_is_not_known_the_plan_says_nothing_of_it() -> None:
    deploy = [{"revision": "v2", "group": "dev", "when": {"at": "5s"}}, {"revision": "v2", "group": "test"}]
    assert [each.refused for each in _planned(through({"after": ["test"]}, deploy=deploy), 0)] == ["", ""]


def test_what_nothing_brings_to_the_environment_before_is_refused_in_any_order() -> None:
    planned = _planned(load(library.path_of("environments")), 0)
    assert [each.number for each in planned if each.refused] == [6]
    assert planned[5].refused == "v3 does not stand in test, which comes before prod-us: nothing brings it there"
    assert mermaid(planned).count("d6_") == 1
    assert "g6" not in mermaid(planned)
