"""Retry and undo of every strategy, whatever became of the deployment before: on the virtual fleet, to the end."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios import library
from scenarios.loader import load
from scenarios.model import Scenario
from simulator.control import operator_words as words
from simulator.control.operator_picture import of_groups, required
from simulator.control.result import RunResult, RunStatus
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN
from simulator.rollout.statuses import Creator, DeploymentStatus
from tests.support.rehearsals import BALANCER, BUNDLES, broken, run, scenario
from tests.support.staying import stay

DISCOVERS = {"green_fleet_provisioning": "DISCOVER_EXISTING", "target_instances": ["g1", "g2"]}
STRATEGIES: dict[str, Any] = {
    "in-place": "in-place",
    "rolling": "rolling",
    "canary": {"canary": {"hosts": 1, "bake": "20s"}},
    "linear": {"linear": {"hosts": 1, "every": "20s"}},
    "zonal": {"zonal": {"monitor_duration": "20s"}},
    "steps": {"steps": [{"setHosts": 1}, {"pause": {"duration": "20s"}}]},
    "blue-green": {"blue-green": {"terminate_blue": {"wait_time": "20s"}}},
    "blue-green by shares": {"blue-green": {"traffic": {"canary": {"percent": 10, "every": "20s"}}}},
    "blue-green kept": {"blue-green": {"terminate_blue": {"action": "KEEP_ALIVE"}}},
    "discover": {"blue-green": DISCOVERS},
    "discover and wait": {"blue-green": {**DISCOVERS, "terminate_blue": {"wait_time": "10m"}}},
}
FAILS = {"when": {"event": "ApplicationStart", "deployment": 1}, "do": {"script": {"exit": 3}}}
ENDINGS: dict[str, dict[str, Any]] = {
    "succeeded": {},
    "failed": {"faults": [FAILS]},
    "stopped early": {"operator": [{"when": {"event": "BeforeInstall"}, "do": "stop", "auto_rollback": False}]},
    "aborted": {"operator": [{"when": {"event": "ValidateService"}, "do": "abort"}]},
}


def asked(strategy: str, rolls_back: tuple[str, ...] = (), **parts: Any) -> Scenario:
    names = [{"name": f"h{n}", "zone": "ab"[n % 2]} for n in range(1, 4)]
    names += [{"name": name, "zone": "a"} for name in ("g1", "g2")] if strategy.startswith("discover") else []
    group = {
        "strategy": STRATEGIES[strategy],
        "deployment_config": "CodeDeployDefault.AllAtOnce",
        "auto_rollback": list(rolls_back),
    }
    limits = {"start": "5s", "event": "60s"}
    told = {"balancer": BALANCER, "group": group, "limits": limits, **parts}
    return scenario(fleet={"hosts": names, "running": "v1"}, **told)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_retry_deploys_the_same_to_the_hosts_as_they_stand(strategy: str, ending: str) -> None:
    result, (answer,) = stay(asked(strategy, **ENDINGS[ending]), "retry")
    assert result.status is RunStatus.COMPLETED
    assert broken(result) == []
    if ending == "succeeded":
        assert isinstance(answer, words.Refused)
        assert "there is nothing to retry" in answer.why
        return
    assert isinstance(answer, words.Done), answer
    first, again = result.rollouts[0], result.rollouts[-1]
    assert (again.status, again.deployment.revision) == (DeploymentStatus.SUCCEEDED, "v2"), again.error
    assert again.deployment.strategy == first.deployment.strategy
    assert {target.revision for target in again.aftermath} == {"v2"}


@pytest.mark.parametrize("ending", [name for name in ENDINGS if name != "aborted"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_an_undo_brings_v1_back_to_the_whole_group(strategy: str, ending: str) -> None:
    result, (answer,) = stay(asked(strategy, **ENDINGS[ending]), "undo")
    assert result.status is RunStatus.COMPLETED
    assert broken(result) == []
    assert isinstance(answer, words.Done), answer
    back = result.rollouts[-1]
    assert (back.status, back.deployment.revision) == (DeploymentStatus.SUCCEEDED, "v1"), back.error
    assert {target.revision for target in back.aftermath} == {"v1"}
    assert all(host.revision == "v1" for host in back.hosts.values() if host.name in {t.name for t in back.aftermath})
    if "blue" in strategy or "discover" in strategy:
        stood = not any(host.gone for host in result.rollouts[0].hosts.values())
        assert (back.deployment.strategy == BACK_TO_BLUE) == stood


@pytest.mark.parametrize("rolls_back", [("DEPLOYMENT_FAILURE",), ()], ids=["automatic", "a person's"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_what_has_been_undone_is_not_undone_once_more(strategy: str, rolls_back: tuple[str, ...]) -> None:
    """Nor where no host was touched on the way back, because none of the new ones had any traffic yet."""
    said = ("undo",) if rolls_back else ("undo", "undo")
    result, answers = stay(asked(strategy, rolls_back, **ENDINGS["failed"]), *said)
    assert [(each.status, each.deployment.revision) for each in result.rollouts] == [
        (DeploymentStatus.FAILED, "v2"),
        (DeploymentStatus.SUCCEEDED, "v1"),
    ]
    assert isinstance(answers[-1], words.Refused)
    assert answers[-1].why == "the last deployment was of v1; there is no other revision to go back to"


@pytest.mark.parametrize("strategy", ["blue-green", "discover", "blue-green by shares"])
@pytest.mark.parametrize("event", ["BeforeAllowTraffic", "AfterAllowTraffic", "BeforeBlockTraffic"])
def test_a_way_back_that_was_stopped_is_gone_on_with(strategy: str, event: str) -> None:
    """v2 fails as the old hosts leave; the undo of that is stopped; the undo of the undo does the rest of it."""
    trouble = {"when": {"event": "AfterBlockTraffic", "deployment": 1}, "do": {"agent": "stop"}, "for": "8s"}
    stop = {"when": {"event": event, "deployment": 2}, "do": "stop", "auto_rollback": False}
    of_another = ("DEPLOYMENT_STOP_ON_REQUEST",)
    result, answers = stay(asked(strategy, of_another, faults=[trouble], operator=[stop]), "undo", "undo")
    assert all(isinstance(answer, words.Done) for answer in answers), answers
    assert broken(result) == []
    first, second, third = result.rollouts
    assert [each.status for each in result.rollouts] == [
        DeploymentStatus.FAILED,
        DeploymentStatus.STOPPED,
        DeploymentStatus.SUCCEEDED,
    ]
    assert (second.deployment.strategy, third.deployment.strategy) == (BACK_TO_BLUE, BACK_TO_BLUE)
    assert third.deployment.rollback_of == second.deployment_id
    assert {target.name for target in third.aftermath} == {"h1", "h2", "h3"}
    serving = result.rollouts[-1].hosts
    assert all(serving[name].revision == "v1" for name in ("h1", "h2", "h3"))
    if strategy != "discover":
        assert all(first.hosts[name].label == "Green" for name in first.hosts.keys() - {"h1", "h2", "h3"})
        assert len(third.hosts) <= len(first.hosts)


def test_new_hosts_that_have_the_traffic_already_are_no_new_hosts_for_a_retry() -> None:
    """g1 and g2 are the group, once they have all the traffic: there is nobody whom they could replace."""
    stopped = [{"when": {"at": "60s"}, "do": "stop", "auto_rollback": False}]
    result, (answer,) = stay(asked("discover and wait", operator=stopped), "retry")
    assert result.rollouts[0].status is DeploymentStatus.STOPPED
    assert isinstance(answer, words.Refused)
    assert answer.why == (
        "g1 and g2 are the group's already, and DISCOVER_EXISTING takes hosts that stand by: undo, or deploy in place"
    )


# -- whose group it is after a stop -----------------------------------------------------------------------------------


def stopped_at(at: dict[str, Any], strategy: str, **parts: Any) -> RunResult:
    """v2 by this strategy, stopped then without a rollback; and v3, rolling, onto whatever the group is by then."""
    deploys = [{"revision": "v2"}, {"revision": "v3", "strategy": "rolling"}]
    revisions = {"v1": str(BUNDLES / "web-v1"), "v2": str(BUNDLES / "web-v2"), "v3": str(BUNDLES / "web-v1")}
    stop = {"when": at, "do": "stop", "auto_rollback": False}
    return run(asked(strategy, operator=[stop], deploy=deploys, revisions=revisions, **parts))


@pytest.mark.parametrize(
    ("strategy", "at", "group"),
    [
        ("blue-green", {"event": "Install"}, {"h1", "h2", "h3"}),
        ("blue-green", {"event": "BeforeAllowTraffic"}, {"h1", "h2", "h3"}),
        # All are in the traffic: the old ones go on being the group.
        ("blue-green", {"event": "AfterAllowTraffic", "nth": 3}, {"h1", "h2", "h3"}),
        # Every old host is out of the traffic, and stands.
        ("blue-green", {"event": "AfterBlockTraffic", "nth": 3}, {"h1-g2", "h2-g2", "h3-g2"}),
        ("discover and wait", {"at": "60s"}, {"g1", "g2"}),
        ("blue-green by shares", {"event": "BeforeBlockTraffic"}, {"h1-g2", "h2-g2", "h3-g2"}),
    ],
)
def test_the_group_is_the_side_that_has_the_traffic(strategy: str, at: dict[str, Any], group: set[str]) -> None:
    result = stopped_at(at, strategy)
    assert broken(result) == []
    first, second = result.rollouts
    assert (first.status, second.status) == (DeploymentStatus.STOPPED, DeploymentStatus.SUCCEEDED)
    assert {target.name for target in first.aftermath} == set(second.hosts) == group


def test_what_a_stop_leaves_standing_outside_the_group_is_flagged() -> None:
    result = stopped_at({"event": "AfterBlockTraffic", "nth": 3}, "blue-green")
    _, flag = result.flags
    assert sorted(flag.partition(":")[0].split(", ")) == ["h1", "h2", "h3"]
    assert flag.endswith(
        f": replaced by the new hosts of {result.rollouts[0].deployment_id} and never terminated; they run on, out of "
        "the traffic and out of the group"
    )
    _, flag = stopped_at({"event": "AfterAllowTraffic", "nth": 3}, "blue-green").flags
    assert sorted(flag.partition(":")[0].split(", ")) == ["h1-g2", "h2-g2", "h3-g2"]


def test_after_a_stop_in_the_termination_wait_the_next_new_hosts_replace_those_that_serve() -> None:
    stop = {"when": {"at": "90s"}, "do": "stop", "auto_rollback": False}
    waits = {"blue-green": {"terminate_blue": {"wait_time": "10m"}}}
    deploys = [{"revision": "v2", "strategy": waits}, {"revision": "v2", "strategy": {"blue-green": {}}}]
    result = run(asked("blue-green", operator=[stop], deploy=deploys))
    assert broken(result) == []
    again = result.rollouts[1]
    assert {name for name, host in again.hosts.items() if host.gone} == {"h1-g2", "h2-g2", "h3-g2"}
    assert {target.name for target in again.aftermath} == {"h1-g3", "h2-g3", "h3-g3"}
    assert result.traffic is not None
    assert result.traffic.failed == 0


@pytest.mark.parametrize("strategy", ["rolling", "blue-green", "discover"])
def test_what_touched_nobody_is_not_undone(strategy: str) -> None:
    """An alarm that is active before stops it. What there is to undo is what came before that, if anything did."""
    alarm = {"when": {"status": "InProgress", "deployment": 2}, "do": {"alarm": {"name": "pager", "state": "ALARM"}}}
    at_once = {"do": {"alarm": {"name": "pager", "state": "ALARM"}}}
    group = {"alarms": ["pager"], "strategy": STRATEGIES[strategy], "deployment_config": "AllAtOnce"}
    parts = {"alarms": {"pager": {"scripted": True}}, "group": group}
    result, (answer,) = stay(asked(strategy, faults=[at_once], **parts), "undo")
    assert isinstance(answer, words.Refused)
    assert answer.why == "no deployment has touched a host: there is nothing to undo"
    assert len(result.rollouts) == 1
    deploys = [{"revision": "v2"}, {"revision": "v1", "strategy": "rolling"}, {"revision": "v2", "strategy": "rolling"}]
    result, (answer,) = stay(asked(strategy, faults=[alarm], deploy=deploys, **parts), "undo")
    assert isinstance(answer, words.Done), answer
    first, stopped, untouched, back = result.rollouts
    assert (stopped.status, untouched.touched) == (DeploymentStatus.STOPPED, False)
    assert (back.deployment.rollback_of, back.deployment.revision) == (stopped.deployment_id, "v2")
    assert (back.status, broken(result)) == (DeploymentStatus.SUCCEEDED, [])
    assert set(back.hosts) == {target.name for target in first.aftermath}


def test_old_hosts_that_leave_while_no_new_one_is_well_are_flagged() -> None:
    """All new hosts turn bad in the termination wait. CodeDeploy does not look, so the old ones are ended."""
    strategy = {"blue-green": {"terminate_blue": {"wait_time": "2m"}}}
    bad = {"when": {"at": "60s"}, "where": {"revision": "v2"}, "do": {"health": {"status": 500}}}
    result = run(asked("blue-green", group={"strategy": strategy, "deployment_config": "AllAtOnce"}, faults=[bad]))
    (rollout,) = result.rollouts
    assert rollout.status is DeploymentStatus.SUCCEEDED
    assert broken(result) == []
    flag = (
        f"{rollout.deployment_id}: none of the new hosts was healthy when “terminate” began, and the old ones left all"
    )
    assert [told for told in result.flags if told.startswith(flag)]
    assert not [told for told in run(asked("blue-green")).flags if "none of the new hosts" in told]


# -- groups, pools, ECS and Lambda ------------------------------------------------------------------------------------

UNDONE = ("ecs-canary", "lambda-canary", "pool-scales-before-the-shift", "scale-in-mid-deployment")
FOLLOWED_ON = "scale-out-mid-deployment"
RETRIED = ("ecs-all-at-once-bad", "lambda-bad", "pool-shrinks-before-the-shift", "environments-test-fails")


@pytest.mark.parametrize("name", [*UNDONE, FOLLOWED_ON])
def test_an_undo_brings_v1_back_wherever_it_was(name: str) -> None:
    result, (answer, again) = stay(load(library.path_of(name)), "undo", "undo")
    assert broken(result) == []
    assert isinstance(answer, words.Done), answer
    back = result.rollouts[-1]
    assert (back.status, back.deployment.revision) == (DeploymentStatus.SUCCEEDED, "v1"), back.error
    assert {target.revision for target in back.aftermath} == {"v1"}
    assert isinstance(again, words.Refused)
    assert "v2 was undone by" in again.why


@pytest.mark.parametrize("name", RETRIED)
def test_a_retry_is_the_same_wherever_it_was(name: str) -> None:
    result, (answer,) = stay(load(library.path_of(name)), "retry")
    assert broken(result) == []
    assert isinstance(answer, words.Done), answer
    tried = [each.deployment for each in result.rollouts if each.deployment.creator is Creator.USER]
    first, again = next(each for each in tried if each.group == tried[-1].group), tried[-1]
    assert (again.revision, again.strategy, again.config) == (first.revision, first.strategy, first.config)


def test_an_undo_is_of_the_group_that_is_named_and_pools_deployments_are_nobodys_to_undo() -> None:
    undo = words.Say(words.Word.UNDO, "ann", group="web")
    result, (answer,) = stay(load(library.path_of("groups-by-tags")), undo)
    assert isinstance(answer, words.Done), answer
    assert [(each.deployment.group, each.deployment.revision) for each in result.rollouts] == [
        ("web", "v2"),
        ("batch", "v2"),
        ("web", "v1"),
    ]
    _, (answer,) = stay(load(library.path_of("termination-hook")), "undo")
    assert isinstance(answer, words.Refused)
    assert answer.why == "nobody has asked for a deployment yet"


def test_who_has_to_be_healthy_is_counted_over_the_group_on_the_way_back_and_beside_pools_too() -> None:
    abort = [{"when": {"event": "AfterAllowTraffic", "nth": 2}, "do": "abort"}]
    strategy = {"strategy": "blue-green", "deployment_config": "CodeDeployDefault.HalfAtATime"}
    told = {"group": strategy, "operator": abort, "limits": {"event": "60s"}}
    first, back = run(scenario(fleet={"hosts": 3, "running": "v1"}, **told)).rollouts
    assert (first.deployment.strategy, back.deployment.strategy) == (BLUE_GREEN, BACK_TO_BLUE)
    assert (required(first), required(back)) == (2, 2)  # of three, whatever stands beside them
    pools = run(load(library.path_of("scale-out-mid-deployment")))
    assert len(pools.rollouts) > 1
    assert [each.deployment.creator for each in of_groups(pools.rollouts)] == [Creator.USER]


POOL = {
    "fleet": None,
    "pools": {"web": {"min": 1, "desired": 3, "max": 6, "image": {"boots": "2s"}}},
    "limits": {"start": "10s", "event": "20s"},
}
HANGS = {
    "when": {"event": "ApplicationStart"},
    "where": {"hosts": ["web-1", "web-2", "web-3"]},
    "do": {"script": "hang"},
}


@pytest.mark.parametrize("word", ["retry", "undo"])
def test_a_host_that_a_pool_has_launched_since_is_deployed_to_with_the_others(word: str) -> None:
    up = {"when": {"at": "60s"}, "do": {"pool": {"name": "web", "desired": 4}}}
    group = {"pools": ["web"], "running": "v1"}
    result, answers = stay(scenario(**POOL, group=group, faults=[HANGS, up]), word)
    assert isinstance(answers[0], words.Done)
    own = [rollout for rollout in result.rollouts if not rollout.deployment.creator.beside]
    assert sorted(own[-1].hosts) == ["web-1", "web-2", "web-3", "web-4"]
    assert broken(result) == []


def test_the_way_back_to_blue_brings_back_no_host_that_its_pool_has_ended_since() -> None:
    stopped = {"when": {"event": "AfterAllowTraffic", "nth": 1}, "do": "stop"}
    down = {"when": {"at": "60s"}, "do": {"pool": {"name": "web", "desired": 2}}}
    group = {"pools": ["web"], "running": "v1", "strategy": "blue-green"}
    result, answers = stay(scenario(**POOL, group=group, faults=[down], operator=[stopped]), "undo")
    assert isinstance(answers[0], words.Done)
    back = result.rollouts[-1]
    assert back.deployment.strategy == "back-to-blue"
    assert str(back.status) == "Succeeded"
    assert sum(name.count("-") == 1 for name in back.hosts) == 2
    assert broken(result) == []


@pytest.mark.parametrize(("word", "revision"), [("retry", "v2"), ("undo", "v1")])
def test_nothing_gets_past_an_environment_once_more(word: str, revision: str) -> None:
    """v2 stood in test for the prod deployment that failed; then test was given back to v1, or keeps v2."""
    parts: dict[str, Any] = {
        "fleet": {
            "hosts": [{"name": "t1", "tags": {"env": "test"}}, {"name": "p1", "tags": {"env": "prod"}}],
            "running": "v1",
        },
        "group": None,
        "groups": [
            {"name": env, "ec2_tag_filters": [{"key": "env", "value": env}], "strategy": "in-place"}
            for env in ("test", "prod")
        ],
        "environments": {"test": {}, "prod": {"after": ["test"]}},
        "faults": [{"when": {"event": "ApplicationStart"}, "where": {"hosts": ["p1"]}, "do": {"script": {"exit": 1}}}],
    }
    deploy = [{"revision": "v2"}, *([{"revision": "v1", "group": "test"}] if word == "retry" else [])]
    said = words.Say(words.Word(word), "ann", group="prod")
    result, (answer,) = stay(scenario(**parts, deploy=deploy), said)
    there = "v1" if word == "retry" else "v2"
    assert isinstance(answer, words.Refused)
    assert answer.why == f"{revision} does not stand in test, which comes before prod: there stands {there}"
    assert [rollout.deployment.group for rollout in result.rollouts][:2] == ["test", "prod"]
