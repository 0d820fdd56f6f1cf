"""Faults on the new hosts of a blue/green deployment: by name, at random, and what may be expected of them."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.problems import ScenarioError
from simulator.control.result import RunResult
from tests.support.rehearsals import run, scenario, unmet

START_FAILS = {"when": {"event": "ApplicationStart"}, "do": {"script": {"exit": 1}}}


def rehearse(fault: dict[str, Any], seed: int = 0, **parts: Any) -> RunResult:
    group = {"strategy": "blue-green", "deployment_config": "CodeDeployDefault.AllAtOnce"}
    return run(
        scenario(
            fleet={"hosts": 6, "running": "v1"},
            group=group,
            limits={"start": "5s", "event": "30s"},
            faults=[{**START_FAILS, **fault}],
            **parts,
        ),
        seed,
    )


def failed(result: RunResult) -> set[str]:
    return {name for name, host in result.rollouts[0].hosts.items() if host.status == "Failed"}


def test_a_new_host_is_struck_by_its_name_and_expected_by_it() -> None:
    result = rehearse({"where": {"hosts": ["h1-g2"]}}, expect={"hosts": {"h1-g2": "v2", "h2-g2": "v2"}})
    assert failed(result) == {"h1-g2"}
    assert unmet(result) == []


@pytest.mark.parametrize("seed", range(3))
def test_as_many_new_hosts_are_drawn_as_is_written(seed: int) -> None:
    struck = failed(rehearse({"where": {"revision": "v2", "random": 3}}, seed))
    assert len(struck) == 3
    assert all(name.endswith("-g2") for name in struck)
    assert failed(rehearse({"where": {"revision": "v2", "random": 3}}, seed)) == struck


def test_the_seed_draws_them() -> None:
    drawn = {frozenset(failed(rehearse({"where": {"random": 2}}, seed))) for seed in range(5)}
    assert len(drawn) > 1


@pytest.mark.parametrize("name", ["h7-g2", "h1-g9", "h1-g1"])
def test_a_name_that_no_host_will_have_is_refused(name: str) -> None:
    with pytest.raises(ScenarioError, match=f"no host is called {name}"):
        rehearse({"where": {"hosts": [name]}})


def test_without_blue_green_there_are_no_new_hosts() -> None:
    with pytest.raises(ScenarioError, match="no host is called h1-g2"):
        scenario(faults=[{**START_FAILS, "where": {"hosts": ["h1-g2"]}}])
