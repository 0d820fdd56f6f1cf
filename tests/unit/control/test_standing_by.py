"""Hosts that stand by to replace the group (DISCOVER_EXISTING), in runs of several deployments."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.control.result import RunResult
from simulator.rollout.statuses import DeploymentStatus, ErrorCode
from tests.support.rehearsals import BALANCER, broken, run, scenario
from tests.unit.control.test_operator import Played, words

FLEET = {"hosts": [{"name": name} for name in ("h1", "h2", "g1", "g2")], "running": "v1"}
LIMITS = {"start": "5s", "event": "60s"}
QUICK = {**BALANCER, "health_check": {**BALANCER["health_check"], "interval": "50ms", "timeout": "40ms"}}


def by(*names: str, **more: Any) -> dict[str, Any]:
    return {
        "blue-green": {"green_fleet_provisioning": "DISCOVER_EXISTING", "target_instances": list(names), **more},
    }


def played(*strategies: Any, **parts: Any) -> RunResult:
    """One deployment after the other, of v2 and of v1 in turn."""
    deploy = [{"revision": f"v{2 - n % 2}", "strategy": strategy} for n, strategy in enumerate(strategies)]
    result = run(scenario(**{"fleet": FLEET, "limits": LIMITS, "group": {}, "deploy": deploy, **parts}))
    assert broken(result) == []
    return result


def groups(result: RunResult) -> list[list[str]]:
    """The group after each deployment."""
    return [sorted(target.name for target in rollout.aftermath) for rollout in result.rollouts]


def test_hosts_that_are_the_group_already_replace_nobody() -> None:
    result = played(by("g1", "g2"), by("g1", "g2"))
    first, second = result.rollouts
    assert first.status is DeploymentStatus.SUCCEEDED
    assert second.error is not None
    assert second.error.code is ErrorCode.NO_INSTANCES
    assert second.error.message == "not there to replace the group: g1, g2 (in the group already, or gone)"
    assert groups(result) == [["g1", "g2"], ["g1", "g2"]]


def test_nor_do_hosts_of_which_some_are_the_group_already() -> None:
    result = played(by("g1"), by("g1", "g2"))
    assert [rollout.status for rollout in result.rollouts] == [DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED]
    assert groups(result) == [["g1"], ["g1"]]


def test_nor_do_hosts_that_were_terminated_since() -> None:
    result = played(by("g1"), "blue-green", by("g1"))
    assert [rollout.status for rollout in result.rollouts[1:]] == [DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED]
    assert groups(result) == [["g1"], ["g1-g2"], ["g1-g2"]]


def test_hosts_that_were_kept_stand_by_again() -> None:
    result = played(by("g1"), {"blue-green": {"terminate_blue": {"action": "KEEP_ALIVE"}}}, by("g1"))
    assert all(rollout.status is DeploymentStatus.SUCCEEDED for rollout in result.rollouts)
    assert groups(result) == [["g1"], ["g1-g2"], ["g1"]]


@pytest.mark.parametrize("rolls_back", [[], ["DEPLOYMENT_FAILURE"]])
def test_hosts_that_were_told_to_end_are_not_deployed_to_although_nobody_said_that_they_did(
    rolls_back: list[str],
) -> None:
    """The time for the termination is over before the hosts are: they end later, in the next deployment."""
    limits = {"start": "5s", "event": "990ms"}
    result = played(by("g1", "g2"), "rolling", balancer=QUICK, limits=limits, group={"auto_rollback": rolls_back})
    first, *_, last = result.rollouts
    assert first.error is not None
    assert first.error.message == "“terminate 2 hosts” did not end within 990ms (h1, h2)"
    assert last.status is DeploymentStatus.SUCCEEDED
    assert set(map(tuple, groups(result))) == {("g1", "g2")}


def test_a_retry_takes_the_hosts_that_stand_by() -> None:
    ready = {"action_on_timeout": "STOP_DEPLOYMENT", "wait_time": "1h"}
    strategy = by("g1", "g2", deployment_ready=ready)
    run = Played(fleet=FLEET, limits=LIMITS, group={"strategy": strategy})
    run.begin()
    run.until("Ready")
    run.say(words.Word.STOP)
    run.until("Stopped")
    assert isinstance(run.say(words.Word.RETRY), words.Done)
    run.until("Ready", 2)
    run.say(words.Word.CONTINUE)
    run.until("Succeeded", 2)
    result = run.end()
    assert groups(result) == [["h1", "h2"], ["g1", "g2"]]
    assert broken(result) == []
