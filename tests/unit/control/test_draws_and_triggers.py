"""Faults that strike with a probability, and the moments at which they may: a share of the traffic, a request."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios.model import When
from simulator.control.result import RunResult
from simulator.control.triggers import Trigger
from simulator.rollout.commands import ShiftTraffic
from simulator.rollout.events import FaultChanged, OperatorSpoke
from tests.support.rehearsals import BALANCER, Watcher, broken, run, scenario

FILE = {"file": {"path": "/srv/left-here"}}
"""A fault that disturbs nobody."""


def struck(result: RunResult) -> dict[str, list[str]]:
    """The hosts that each fault struck, in order."""
    found: dict[str, list[str]] = {}
    for change in result.faults:
        if change.active:
            found.setdefault(change.fault, []).extend(change.hosts)
    return found


def rehearse(*faults: dict[str, Any], seed: int = 0, **parts: Any) -> RunResult:
    result = run(scenario(faults=list(faults), **parts), seed)
    assert broken(result) == []
    return result


# -- probability ----------------------------------------------------------------------------------------------------


def test_half_of_many_hosts_are_struck() -> None:
    told = scenario(
        faults=[{"name": "a", "do": FILE, "probability": "50%"}],
        fleet={"hosts": 1000, "running": "v1"},
        group={"deployment_config": "CodeDeployDefault.AllAtOnce"},
    )
    assert 400 < len(struck(run(told, observers=[]))["a"]) < 600


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 8))
def test_a_hosts_draw_does_not_depend_on_the_others(seed: int, hosts: int) -> None:
    fault = {"name": "a", "do": FILE, "probability": 0.5}
    fewer = struck(rehearse(fault, seed=seed, fleet={"hosts": hosts - 1, "running": "v1"})).get("a", [])
    more = struck(rehearse(fault, seed=seed, fleet={"hosts": hosts, "running": "v1"})).get("a", [])
    assert [host for host in more if host != f"h{hosts}"] == fewer


def test_a_fault_draws_for_itself_and_by_the_seed() -> None:
    faults = [{"name": name, "do": FILE, "probability": 0.5} for name in "ab"]
    fleet = {"hosts": 40, "running": "v1"}
    found = struck(rehearse(*faults, fleet=fleet))
    assert found["a"] != found["b"]
    assert struck(rehearse(*faults, fleet=fleet)) == found
    assert struck(rehearse(*faults, seed=1, fleet=fleet)) != found


def test_each_entering_of_an_event_draws_anew() -> None:
    fault = {"name": "a", "when": {"event": "BeforeInstall"}, "do": FILE, "probability": 0.5}
    deploys = [{"revision": "v2"}, {"revision": "v1"}, {"revision": "v2"}, {"revision": "v1"}]
    result = rehearse(fault, deploy=deploys, group={"deployment_config": "CodeDeployDefault.AllAtOnce"})
    times = [struck(result)["a"].count(f"h{number}") for number in range(1, 5)]
    assert 0 < sum(times) < 16
    assert set(times) - {0, 4}, "some host is struck in some deployments, and not in others"


def test_what_strikes_no_host_draws_once_for_the_run() -> None:
    fault = {"name": "a", "do": {"balancer": {"draining": "1s"}}, "probability": 0.5}
    came = ["a" in struck(rehearse(fault, seed=seed)) for seed in range(30)]
    assert 5 < sum(came) < 25


def test_a_fault_that_the_draws_spared_is_told_as_such() -> None:
    fault = {"name": "never", "do": FILE, "probability": "0.000001%"}
    [flag] = [flag for flag in rehearse(fault).flags if "never" in flag]
    assert "or the draws (probability 1e-08) spared everybody" in flag


# -- moments --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "number", "at_ms"), [(20, 50, 2_500), (3, 1, 334), (1000, 1, 1)])
def test_a_fault_comes_with_the_nth_request(rate: int, number: int, at_ms: int) -> None:
    fault = {"name": "a", "when": {"request": number}, "do": FILE}
    result = rehearse(fault, balancer={**BALANCER, "traffic": {"rate": rate}})
    assert [change.at_ms for change in result.faults] == [at_ms]


def test_a_request_that_nobody_makes_any_more_is_told() -> None:
    [flag] = [flag for flag in rehearse({"name": "a", "when": {"request": 10**6}, "do": FILE}).flags if "a " in flag]
    assert "its moment (at request 1000000 of the users) never came" in flag


def test_a_person_speaks_with_the_nth_request() -> None:
    watcher = Watcher()
    told = scenario(operator=[{"when": {"request": 40}, "do": "pause"}, {"when": {"request": 100}, "do": "resume"}])
    run(told, observers=[watcher])
    assert [e.at_ms for e, _ in watcher.seen if isinstance(e, OperatorSpoke)] == [2_000, 5_000]


SHIFTED = {
    "group": {
        "strategy": {"blue-green": {"traffic": {"linear": {"percent": 30, "every": "2s"}}}},
        "deployment_config": "CodeDeployDefault.AllAtOnce",
    },
    "limits": {"start": "30s", "event": "60s"},
}


def shifts(watcher: Watcher) -> dict[int, int]:
    """When each share of the traffic was first commanded."""
    found: dict[int, int] = {}
    for event, commands in watcher.seen:
        for command in commands:
            if isinstance(command, ShiftTraffic):
                found.setdefault(command.percent, event.at_ms)
    return found


@pytest.mark.parametrize(("weight", "reached"), [(1, 30), (30, 30), (31, 60), (100, 100)])
def test_a_fault_comes_as_the_share_of_the_traffic_reaches_a_weight(weight: int, reached: int) -> None:
    watcher = Watcher()
    fault = {"name": "a", "when": {"weight": weight}, "do": FILE}
    result = run(scenario(faults=[fault], **SHIFTED), observers=[watcher])
    assert [change.at_ms for change in result.faults] == [shifts(watcher)[reached]]


def test_a_person_speaks_at_a_weight() -> None:
    watcher = Watcher()
    run(scenario(operator=[{"when": {"weight": 60}, "do": "promote-full"}], **SHIFTED), observers=[watcher])
    assert [e.at_ms for e, _ in watcher.seen if isinstance(e, OperatorSpoke)] == [shifts(watcher)[60]]


def test_a_weight_that_is_passed_again_counts_in_its_own_deployment() -> None:
    trigger = Trigger(When(weight=50, deployment=2))
    assert [trigger.on_weight(percent, 1) for percent in (20, 60, 100)] == [False] * 3
    assert [trigger.on_weight(percent, 2) for percent in (20, 60, 100)] == [False, True, False]
    assert not Trigger(When(at="1s")).on_weight(100, 1)


def test_a_weight_that_never_came_is_told() -> None:
    fault = {"name": "a", "when": {"weight": 100}, "do": FILE}
    stops = {"name": "b", "where": {"revision": "v2"}, "do": {"bundle": "missing"}}
    result = rehearse(fault, stops, **SHIFTED)
    assert any("its moment (when it has 100 % of the traffic) never came" in flag for flag in result.flags)
    assert not any(isinstance(change, FaultChanged) and change.fault == "a" for change in result.faults)
