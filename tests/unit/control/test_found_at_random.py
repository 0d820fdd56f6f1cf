"""What random rehearsals have found, as the smallest scenario of each."""

from __future__ import annotations

from typing import Any

from scenarios.model import Scenario
from simulator.control.operator import Operations
from simulator.control.operator_words import Done, Say, Word
from simulator.control.result import RunResult, RunStatus
from simulator.rollout.host import Record
from simulator.rollout.statuses import Creator
from tests.support.person import Person
from tests.support.random_people import AT_A_WAIT
from tests.support.rehearsals import BUNDLES, Watcher, broken, run, scenario

AWAY = {"do": {"controller": "crash"}, "for": "5s"}
TASK = {"command": ["python3", "server.py", "8080", "site"]}


def of_ecs(group: dict[str, Any], **parts: Any) -> Scenario:
    """A service goes from v1 to v2."""
    revisions = {name: {"bundle": str(BUNDLES / f"ecs-{name}"), "task": TASK} for name in ("v1", "v2")}
    return scenario(
        **{
            "fleet": {"hosts": 1, "running": "v1"},
            "revisions": revisions,
            "functions": {"visit-test-traffic": {}, "say-all-is-well": {}},
            "group": {"compute_platform": "ECS", **group},
            "limits": {"start": "30s", "event": "40s"},
            **parts,
        }
    )


def ended(result: RunResult) -> list[tuple[str, str]]:
    """How each deployment of a run ended that has come to its own end and kept every invariant."""
    assert result.status is RunStatus.COMPLETED
    assert broken(result) == []
    return [(rollout.deployment.revision, str(rollout.status)) for rollout in result.rollouts]


def play(asked: Scenario) -> RunResult:
    return run(asked, time_limit_ms=20_000)


def operated(asked: Scenario, *script: tuple[int, Say]) -> tuple[RunResult, Person]:
    """A run that stays, with somebody who says this."""
    operations = Operations(asked, fleet="virtual", seed=0, tell=lambda *_: [], stay=True)
    operations.asking = person = Person(operations, script)
    result = run(asked, observers=(Watcher(),), operations=operations, speed=1e9, time_limit_ms=20_000)
    return result, person


def test_of_two_deployments_of_one_revision_the_one_whose_moment_has_come_is_queued() -> None:
    """The other, which is to come in its turn, was taken for it: the moment stayed, and the run never ended."""
    queued = {"revision": "v2", "description": "at its moment", "when": {"at": "10ms"}, "if_active": "queue"}
    asked = scenario(deploy=[{"revision": "v2"}, {"revision": "v2", "description": "in turn"}, queued])
    result = play(asked)
    assert ended(result) == [("v2", "Succeeded")] * 3
    assert [rollout.deployment.description for rollout in result.rollouts] == ["", "at its moment", "in turn"]


def test_of_two_moments_of_one_revision_each_is_queued_once() -> None:
    """The second was taken for the first, which waited already."""
    queued = [
        {"revision": "v2", "description": at, "when": {"at": at}, "if_active": "queue"} for at in ("20ms", "10ms")
    ]
    result = play(scenario(deploy=[{"revision": "v2"}, *queued]))
    assert ended(result) == [("v2", "Succeeded")] * 3
    assert [rollout.deployment.description for rollout in result.rollouts] == ["", "10ms", "20ms"]


def test_what_a_pool_deploys_is_nobodys_to_stop() -> None:
    """A stop was meant for the group's own deployment; the launch heard it, and was rolled back beside that."""
    group = {"pools": ["web"], "running": "v1", "strategy": {"blue-green": {}}}
    asked = scenario(
        fleet=None,
        pools={"web": {"min": 1, "desired": 1, "max": 3, "image": {"boots": "1s"}}},
        group=group,
        limits={"start": "5s", "event": "30s"},
        faults=[{"do": {"pool": {"name": "web", "desired": 2}}, "when": {"at": "100ms"}}],
        operator=[{"when": {"event": "AllowTraffic", "host": "web-2"}, "do": "stop", "auto_rollback": True}],
    )
    result = play(asked)
    assert result.status is RunStatus.COMPLETED
    stopped = [rollout for rollout in result.rollouts if rollout.stop is not None]
    assert [str(rollout.deployment.creator) for rollout in stopped] == ["user"]


def test_what_is_asked_of_a_controller_that_is_away_is_answered_when_it_is_back() -> None:
    """It was answered by what was known before: refused, for a deployment that had ended meanwhile."""
    one = {"hosts": 1, "running": "v1"}
    meanwhile = {"revision": "v2", "when": {"at": "50s"}}
    away = {"do": {"controller": "crash"}, "when": {"event": "ValidateService", "deployment": 1}, "for": "2m"}
    asked = scenario(fleet=one, balancer=None, group={}, deploy=[{"revision": "v2"}, meanwhile], faults=[away])
    result = play(asked)
    assert ended(result) == [("v2", "Succeeded")] * 2
    assert result.not_created == ()


def test_a_word_said_while_the_controller_is_away_is_heard_when_it_is_back() -> None:
    """Another event was taken for it, and the run broke off."""
    asked = scenario(
        group={"strategy": {"canary": {"hosts": 1, "bake": "20s"}}},
        faults=[{**AWAY, "when": {"status": "Baking"}}],
    )
    result, person = operated(asked, (AT_A_WAIT, Say(Word.PROMOTE, "ann")))
    assert ended(result) == [("v2", "Succeeded")]
    assert [(word, type(answer)) for word, answer in person.answers] == [(Word.PROMOTE, Done), (Word.END, Done)]
    ((spoke, refused),) = result.rollouts[0].spoken
    assert (spoke.by, refused) == ("ann", None)


def test_a_run_that_is_asked_for_more_while_the_controller_is_away_does_not_end_in_the_midst_of_it() -> None:
    asked = scenario(group={}, faults=[{**AWAY, "when": {"status": "Succeeded", "deployment": 1}}])
    result, person = operated(asked, (AT_A_WAIT, Say(Word.UNDO, "ann")), (5, Say(Word.RESUME, "ann")))
    assert isinstance(person.answers[0][1], Done)
    assert ended(result) == [("v2", "Succeeded"), ("v1", "Succeeded")]


def test_a_controller_that_dies_after_a_way_back_on_ecs_waits_for_no_disks() -> None:
    """A service has none to compare; the run never ended."""
    asked = of_ecs(
        {"auto_rollback": ["DEPLOYMENT_FAILURE"]},
        functions={"visit-test-traffic": {"reports": "Failed"}, "say-all-is-well": {}},
        deploy=[{"revision": "v2"}, {"revision": "v2"}],
        faults=[{**AWAY, "when": {"event": "BeforeInstall", "deployment": 3}}],
    )
    assert ended(play(asked)) == [("v2", "Failed"), ("v1", "Succeeded")] * 2


def test_two_faults_alike_of_a_service_are_healed_one_after_the_other() -> None:
    """They have one name; the second time there was nothing to heal, and the run broke off."""
    slow = {"do": {"health": {"slow": "100ms"}}, "when": {"status": "InProgress"}, "for": "500ms"}
    assert ended(play(of_ecs({}, faults=[slow, slow]))) == [("v2", "Succeeded")]


def test_a_host_that_another_groups_deployment_has_ended_hears_nothing_more() -> None:
    """Two groups share it: the next command for the host had nobody to go to, and the run broke off."""
    slow_to_stop = {"behaves": {"scripts": {"scripts/kill_process.sh": {"lasts": "20s"}}}}
    both = {"ec2_tag_filters": [{"key": "role"}], "deployment_config": "CodeDeployDefault.AllAtOnce"}
    asked = scenario(
        fleet={"hosts": 1, "tags": {"role": "web"}, "running": "v1"},
        revisions={"v1": {**slow_to_stop, "bundle": str(BUNDLES / "web-v1")}, "v2": str(BUNDLES / "web-v2")},
        group=None,
        groups=[
            {"name": "web", "strategy": "blue-green", **both},
            {"name": "batch", "deployment_option": "WITHOUT_TRAFFIC_CONTROL", **both},
        ],
        deploy=[
            {"revision": "v2", "group": "web"},
            {
                "revision": "v2",
                "group": "batch",
                "when": {"event": "AfterBlockTraffic"},
                "ignore_application_stop_failures": True,
            },
        ],
        limits={"start": "5s", "event": "40s"},
    )
    assert sorted(ended(play(asked))) == [("v2", "Failed"), ("v2", "Succeeded")]


def test_work_that_a_wrong_clock_delays_has_begun_and_ends_with_its_own_time() -> None:
    """Nobody had been told that it began, and so it was waited for as long as for work that does not begin."""

    def installed(*faults: dict[str, Any]) -> Record:
        one = {"hosts": 1, "running": "v1"}
        result = play(scenario(fleet=one, group={}, limits={"start": "30s", "event": "2s"}, faults=list(faults)))
        assert broken(result) == []
        return next(each for each in result.rollouts[0].hosts["h1"].records if each.name == "Install")

    undisturbed = installed()
    assert undisturbed.started_ms is not None
    began = {"at": f"{undisturbed.started_ms + 1}ms"}
    disturbed = installed({"do": {"clock": {"offset": "-2h"}}, "when": began, "for": "15s"})
    assert str(disturbed.status) == "Failed"
    assert disturbed.started_ms == undisturbed.started_ms
    assert disturbed.ended_ms - disturbed.started_ms == 2_000


def test_a_controller_that_dies_at_the_end_of_a_rollback_still_measures_the_traffic() -> None:
    """In its replay the pool was still to be changed, and so nobody asked for the end once the disks were compared."""
    asked = scenario(
        fleet=None,
        pools={"web": {"min": 1, "desired": 2, "max": 2, "image": {"boots": "1s"}}},
        revisions={
            "v1": str(BUNDLES / "web-v1"),
            "v2": {"bundle": str(BUNDLES / "web-v2"), "behaves": {"needs": {"/": "/var/www/site/index.html"}}},
        },
        group={"pools": ["web"], "auto_rollback": ["DEPLOYMENT_FAILURE"]},
        deploy=[{"revision": "v1"}, {"revision": "v2"}],
        limits={"start": "3s", "event": "10s"},
        faults=[
            {"when": {"at": "7s"}, "do": {"pool": {"name": "web", "desired": 1}}},
            {"when": {"status": "Succeeded"}, **AWAY},
        ],
    )
    result = play(asked)
    assert ended(result) == [("v1", "Succeeded"), ("v2", "Failed"), ("v1", "Succeeded")]
    assert result.traffic is not None


def test_an_undo_gives_the_group_its_old_pool_back() -> None:
    """It stood beside the group for ever, and the group's pool was empty."""
    change = {"name": "web", "desired": 2}
    asked = scenario(
        fleet=None,
        pools={"web": {"min": 1, "desired": 3, "max": 4, "image": {"boots": "1s"}}},
        group={"pools": ["web"], "running": "v1", "strategy": "blue-green"},
        faults=[
            {"when": {"event": "Install", "nth": 1}, "do": {"pool": change}},
            {"when": {"status": "Succeeded", "deployment": 2}, "do": {"pool": {**change, "desired": 3}}},
        ],
    )
    result, _ = operated(asked, (AT_A_WAIT, Say(Word.UNDO, "ann")))
    assert ended(result) == [("v2", "Failed"), ("v1", "Succeeded"), ("v1", "Succeeded")]
    failed, back, launch = result.rollouts
    assert {target.name for target in failed.aftermath} == {"web-1-g2", "web-2-g2", "web-3-g2"}
    assert back.deployment.strategy == "back-to-blue"
    assert (launch.deployment.creator, list(launch.hosts)) == (Creator.AUTOSCALING, ["web-4"])
    assert not any("was asked for" in flag for flag in result.flags)
