"""Deployments to pools that come to nothing: whose the pools are then, and to which hosts a rollback goes."""

from __future__ import annotations

from typing import Any

from simulator.control.reputation import known_bad
from simulator.control.result import RunResult
from simulator.rollout.statuses import Creator
from tests.support.pools import change, pools, told
from tests.support.rehearsals import broken, run

BAD = {"do": {"script": {"exit": 1}}, "where": {"revision": "v2"}}


def test_a_failed_deployment_whose_new_hosts_have_the_traffic_leaves_their_pool_to_the_group() -> None:
    """What the old pool had launched was in no group, and nobody said why."""
    loses_one = [change({"at": "0s"}, desired=4), change({"event": "Install", "nth": 1}, desired=3)]
    result = run(
        pools(
            group={"strategy": "blue-green", "deployment_config": "CodeDeployDefault.OneAtATime"},
            faults=[*loses_one, change({"at": "2m"}, desired=5)],
            deploy=[{"revision": "v2", "when": {"launched": "web"}}],
        )
    )
    assert told(result) == [("user", "v2", "Failed")] + [("autoscaling", "v1", "Succeeded")] * 3
    assert {target.name for target in result.rollouts[0].aftermath} == {f"web-{number}-g2" for number in (1, 2, 3)}
    ((host,), (other,)) = (rollout.hosts for rollout in result.rollouts[2:])
    assert {host, other} == {"web-5", "web-6"}
    alone = "web was asked for 3 hosts and its copy has 3: what web had launched meanwhile (web-4) runs on with it"
    assert f"{alone}, in no group; web-4 has traffic with v1, beside v2" in result.flags
    assert broken(result) == []


def launched_and_failed(*then: dict[str, Any]) -> RunResult:
    """A pool launches a fourth host in mid-deployment, and the deployment fails and is rolled back."""
    launches = change({"event": "Install", "nth": 1, "deployment": 1}, desired=4)
    fails = {**BAD, "when": {"event": "ApplicationStart", "nth": 2}}
    return run(pools(group={"auto_rollback": ["DEPLOYMENT_FAILURE"]}, faults=[launches, fails, *then]))


def test_a_rollback_goes_to_the_hosts_that_the_group_has_then() -> None:
    """It went to those that the failed deployment had: not to what a pool had launched since."""
    result = launched_and_failed()
    back = result.rollouts[-1]
    assert (back.deployment.creator, str(back.status)) == (Creator.ROLLBACK, "Succeeded")
    assert sorted(back.hosts) == ["web-1", "web-2", "web-3", "web-4"]
    assert broken(result) == []


def test_a_rollback_finds_the_host_that_alone_is_left() -> None:
    """It found no instances, while a host that the pool had launched served."""
    result = launched_and_failed(change({"status": "Succeeded", "deployment": 2}, desired=1))
    back = result.rollouts[-1]
    assert (back.deployment.creator, str(back.status), list(back.hosts)) == (Creator.ROLLBACK, "Succeeded", ["web-4"])
    assert broken(result) == []


def test_a_follow_on_whose_hosts_are_gone_is_rolled_back_to_nobody_and_says_nothing_of_its_revision() -> None:
    result = run(
        pools(
            group={"auto_rollback": ["DEPLOYMENT_FAILURE"]},
            faults=[
                change({"event": "Install", "nth": 1, "deployment": 1}, desired=4),
                change({"event": "Install", "deployment": 3}, desired=0),
            ],
            pool={"min": 0},
        )
    )
    follow_on, back = (
        next(rollout for rollout in result.rollouts if rollout.deployment.creator is creator)
        for creator in (Creator.AUTO_UPDATE, Creator.ROLLBACK)
    )
    assert str(follow_on.status) == "Failed"
    assert back.error is not None
    gone = f"no host of {follow_on.deployment_id} is there any more"
    assert (back.error.code, back.error.message) == ("NO_INSTANCES", f"{gone}: nothing to deploy to")
    assert not any("known to be bad" in flag for flag in result.flags)


def test_a_way_back_that_breaks_off_leaves_the_group_the_pool_of_the_new_hosts() -> None:
    """Their pool was deleted, with the only hosts that had traffic."""
    waits = {"strategy": {"blue-green": {"terminate_blue": {"action": "TERMINATE", "wait_time": "1h"}}}}
    result = run(
        pools(
            group={**waits, "deployment_config": "CodeDeployDefault.AllAtOnce"},
            operator=[{"when": {"at": "5m"}, "do": "abort"}],
            faults=[
                {"do": {"health": {"status": 503}}, "when": {"event": "AllowTraffic", "deployment": 2}},
                change({"status": "Failed", "deployment": 2}, desired=4),
            ],
        )
    )
    assert told(result) == [
        ("user", "v2", "Stopped"),
        ("codeDeployRollback", "v1", "Failed"),
        ("autoscaling", "v1", "Succeeded"),
    ]
    assert {target.name for target in result.rollouts[1].aftermath} == {f"web-{number}-g2" for number in (1, 2, 3)}
    assert broken(result) == []


def lost(*numbers: int) -> list[dict[str, Any]]:
    """Hosts are terminated behind their pool's back as they install, the first deployment's with these numbers."""
    return [
        {"do": {"host": "terminate"}, "when": {"event": "Install", "nth": number, "deployment": 1}}
        for number in numbers
    ]


def test_a_deployment_that_failed_for_the_hosts_it_lost_says_nothing_of_its_revision() -> None:
    patient = {"start": "5s", "event": "10m"}
    result = run(pools(limits=patient, faults=lost(1, 2)))
    assert str(result.rollouts[0].status) == "Failed"
    assert known_bad(result.rollouts, "production", "v2") is None


def test_the_copy_of_which_every_host_was_lost_goes_with_the_way_back() -> None:
    """It was neither dropped nor given up, and launched hosts that were nobody's."""
    result = run(
        pools(
            group={
                "strategy": "blue-green",
                "deployment_config": "CodeDeployDefault.AllAtOnce",
                "auto_rollback": ["DEPLOYMENT_FAILURE"],
            },
            limits={"start": "5s", "event": "10m"},
            faults=lost(1, 2, 3),
        )
    )
    back = result.rollouts[-1]
    assert (back.deployment.strategy, str(back.status)) == ("back-to-blue", "Succeeded")
    assert not any("stranded" in flag for flag in result.flags)
    assert broken(result) == []


def test_what_the_old_pool_was_launching_is_in_no_group_either_once_it_is_there() -> None:
    loses_one = [change({"at": "0s"}, desired=4), change({"event": "Install", "nth": 1}, desired=3)]
    result = run(
        pools(
            group={"strategy": "blue-green", "deployment_config": "CodeDeployDefault.OneAtATime"},
            faults=[*loses_one, change({"at": "15s"}, desired=4)],
            deploy=[{"revision": "v2", "when": {"launched": "web"}}, {"revision": "v1", "when": {"at": "1m"}}],
        )
    )
    assert any("(web-4, web-5) runs on with it, in no group" in flag for flag in result.flags)
    again = next(each for each in result.rollouts[1:] if each.deployment.creator is Creator.USER)
    assert {target.name for target in again.deployment.targets} == {f"web-{number}-g2" for number in (1, 2, 3)}
    assert broken(result) == []
