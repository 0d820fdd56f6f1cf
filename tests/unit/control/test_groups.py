"""Deployments of several groups: side by side, one at a time in each, and hosts that two of them share."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from simulator.control.replay import replay
from simulator.control.result import Outcome, RunResult, RunStatus
from simulator.rollout.events import (
    AgentBusy,
    AlarmChanged,
    DeploymentNotCreated,
    Event,
    FaultChanged,
    HealthCheckReported,
)
from simulator.rollout.host import Record
from simulator.rollout.machine import Rollout
from tests.support.rehearsals import BUNDLES, Watcher, run, scenario

WORKER = {
    "name": "worker",
    "application": "worker",
    "running": "w1",
    "deployment_option": "WITHOUT_TRAFFIC_CONTROL",
    "deployment_config": "CodeDeployDefault.AllAtOnce",
}
REVISIONS = {name: str(BUNDLES / f"web-{name}") for name in ("v1", "v2")} | {"w1": str(BUNDLES / "worker-v1")}


def shared(**parts: Any) -> Any:
    """Two hosts with two applications, the second one deployed to while the first is."""
    return scenario(
        **{
            "fleet": {"hosts": 2},
            "revisions": REVISIONS,
            "group": None,
            "groups": [{"name": "web", "running": "v1"}, WORKER],
            "deploy": [
                {"revision": "v2", "group": "web"},
                {
                    "revision": "w1",
                    "group": "worker",
                    "when": {"event": "BeforeBlockTraffic", "nth": 1, "deployment": 1},
                },
            ],
            **parts,
        }
    )


def statuses(result: RunResult) -> list[tuple[str, str, str]]:
    return [(r.deployment.group, r.deployment.revision, str(r.status)) for r in result.rollouts]


def test_two_groups_are_deployed_to_side_by_side() -> None:
    result = run(shared())
    web, worker = result.rollouts
    assert statuses(result) == [("web", "v2", "Succeeded"), ("worker", "w1", "Succeeded")]
    assert web.started_ms <= worker.started_ms < web.ended_ms
    assert all(finding.held for finding in result.invariants)


def one_application_in_two_groups(rise: int, interval: str) -> tuple[RunResult, Watcher]:
    """Both have the same host behind the same balancer."""
    watcher = Watcher()
    result = run(
        shared(
            fleet={"hosts": 1},
            balancer={"health_check": {"interval": interval, "timeout": "500ms", "rise": rise, "fall": 3}},
            groups=[{"name": "web", "running": "v1"}, {"name": "shop"}],
            deploy=[
                {"revision": "v2", "group": "web"},
                {"revision": "v2", "group": "shop", "when": {"at": "1s"}, "file_exists_behavior": "OVERWRITE"},
            ],
        ),
        observers=(watcher,),
    )
    assert statuses(result) == [("web", "v2", "Succeeded"), ("shop", "v2", "Succeeded")]
    return result, watcher


def allowed(rollout: Rollout) -> Record:
    return next(record for record in rollout.hosts["h1"].records if record.name == "AllowTraffic")


def test_two_groups_that_wait_for_one_host_both_go_on_when_it_is_healthy() -> None:
    result, watcher = one_application_in_two_groups(3, "2s")
    web, shop = (allowed(rollout) for rollout in result.rollouts)
    assert web.started_ms is not None and shop.started_ms is not None
    assert web.started_ms < shop.started_ms < web.ended_ms == shop.ended_ms == web.started_ms + 6000
    reports = (event for event, _ in watcher.seen if isinstance(event, HealthCheckReported) and event.healthy)
    causes = {event.id: event.cause for event in reports}
    assert len(causes) == len(set(causes.values())) == 2


def test_a_host_that_is_healthy_stays_in_service_where_a_second_group_allows_its_traffic() -> None:
    result, _ = one_application_in_two_groups(1, "500ms")
    web, shop = (allowed(rollout) for rollout in result.rollouts)
    assert shop.started_ms is not None and web.ended_ms < shop.started_ms == shop.ended_ms


def test_a_hosts_agent_has_one_command_at_a_time_whichever_group_it_is_of() -> None:
    watcher = Watcher()
    result = run(shared(), observers=(watcher,))
    busy = [
        (record.started_ms, record.ended_ms, rollout.deployment.group)
        for rollout in result.rollouts
        for record in rollout.hosts["h1"].records
        if record.started_ms is not None and record.name not in ("BlockTraffic", "AllowTraffic")
    ]
    assert {group for _, _, group in busy} == {"web", "worker"}
    ordered = sorted(busy)
    assert all(one[1] <= other[0] for one, other in pairwise(ordered))


def test_a_command_that_waits_for_a_deployment_that_ends_is_not_given() -> None:
    """The worker's hosts all wait behind the web's; its own limit ends it before their turn comes."""
    result = run(
        shared(
            limits={"start": "5s", "event": "10s", "deployment": "12s"},
            faults=[{"do": {"script": "hang"}, "when": {"event": "ApplicationStart", "deployment": 1}}],
        )
    )
    assert result.status is RunStatus.COMPLETED
    assert all(finding.held for finding in result.invariants)


@pytest.mark.parametrize(("if_active", "revisions"), [("refuse", ["v2"]), ("queue", ["v2", "v1"])])
def test_a_second_deployment_of_a_group(if_active: str, revisions: list[str], tmp_path: Path) -> None:
    asked = scenario(
        deploy=[
            {"revision": "v2"},
            {"revision": "v1", "when": {"at": "3s"}, "if_active": if_active},
        ]
    )
    watcher = Watcher()
    result = run(asked, journal=tmp_path / "journal", observers=(watcher,))
    assert [r.deployment.revision for r in result.rollouts] == revisions
    told = [event for event, _ in watcher.seen if isinstance(event, DeploymentNotCreated)]
    assert [(event.revision, event.queued) for event in told] == [("v1", if_active == "queue")]
    assert told[0].active == result.rollouts[0].deployment_id
    again = replay(tmp_path / "journal")
    assert (again.status, again.journal_sha256) == (RunStatus.COMPLETED, result.journal_sha256)
    assert again.not_created == result.not_created


def test_a_deployment_in_the_queue_comes_after_the_rollback() -> None:
    result = run(
        scenario(
            deploy=[{"revision": "v2"}, {"revision": "v2", "when": {"at": "1s"}, "if_active": "queue"}],
            faults=[{"do": {"script": {"exit": 3}}, "when": {"event": "BeforeInstall", "deployment": 1}}],
            revisions={
                "v1": str(BUNDLES / "web-v1"),
                "v2": str(BUNDLES / "web-v2-leaves-a-file"),
            },
        )
    )
    creators = [str(rollout.deployment.creator) for rollout in result.rollouts]
    assert creators[-1] == "user"
    assert [r.ended_ms <= s.started_ms for r, s in zip(result.rollouts, result.rollouts[1:], strict=False)] == [
        True
    ] * (len(creators) - 1)


def test_the_run_waits_for_a_deployment_that_is_to_come_at_a_time() -> None:
    result = run(scenario(deploy=[{"revision": "v2"}, {"revision": "v1", "when": {"at": "10m"}}]))
    assert [r.deployment.revision for r in result.rollouts] == ["v2", "v1"]
    assert result.rollouts[1].started_ms == 600_000


def test_a_moment_that_never_comes_is_told() -> None:
    result = run(scenario(deploy=[{"revision": "v2"}, {"revision": "v1", "when": {"status": "Failed"}}]))
    assert [r.deployment.revision for r in result.rollouts] == ["v2"]
    assert any("v1 was never to be deployed" in flag for flag in result.flags)


def test_the_outcome_is_that_of_the_group_that_fared_worst() -> None:
    result = run(
        shared(
            deploy=[{"revision": "w1", "group": "worker"}, {"revision": "v2", "group": "web"}],
            faults=[{"do": {"script": {"exit": 9}}, "when": {"event": "ApplicationStart", "deployment": 1}}],
        )
    )
    assert statuses(result) == [("worker", "w1", "Failed"), ("web", "v2", "Succeeded")]
    assert result.outcome is Outcome.FAILED


def test_an_alarm_stops_the_deployments_of_every_group_that_has_it() -> None:
    group = {"alarms": ["ringing"]}
    result = run(
        shared(
            groups=[
                {"name": "web", "running": "v1", **group},
                {**WORKER, **group, "deployment_config": "CodeDeployDefault.OneAtATime"},
            ],
            alarms={"ringing": {"scripted": True}},
            faults=[{"do": {"alarm": {"name": "ringing", "state": "ALARM"}}, "when": {"at": "900ms"}}],
        )
    )
    assert [status for _, _, status in statuses(result)] == ["Stopped", "Stopped"]


def test_commands_of_two_deployments_that_answer_one_event_have_ids_of_their_own() -> None:
    watcher = Watcher()
    group = {"alarms": ["ringing"]}
    run(
        shared(
            groups=[{"name": "web", "running": "v1", **group}, {**WORKER, **group}],
            alarms={"ringing": {"scripted": True}},
            faults=[{"do": {"alarm": {"name": "ringing", "state": "ALARM"}}, "when": {"at": "900ms"}}],
        ),
        observers=(watcher,),
    )
    answers: dict[int, list[str]] = {}
    rings: list[Event] = [event for event, _ in watcher.seen if isinstance(event, AlarmChanged)]
    for event, commands in watcher.seen:
        answers.setdefault(event.id, []).extend(command.id for command in commands)
    assert len(rings) == 2  # told once for each of the two deployments
    assert all(len(ids) == len(set(ids)) for ids in answers.values())


def test_a_person_speaks_to_the_group_that_is_named() -> None:
    result = run(shared(operator=[{"when": {"at": "1s"}, "do": "stop", "group": "worker"}]))
    assert {group: status for group, _, status in statuses(result)} == {"web": "Succeeded", "worker": "Stopped"}


def test_each_group_rolls_back_to_its_own_last_success() -> None:
    broken = {**REVISIONS, "w2": str(BUNDLES / "worker-v2-with-a-page")}
    worker = {**WORKER, "deployment_config": "CodeDeployDefault.OneAtATime", "auto_rollback": ["DEPLOYMENT_FAILURE"]}
    result = run(
        shared(
            revisions=broken,
            groups=[{"name": "web", "running": "v1"}, worker],
            deploy=[{"revision": "w2", "group": "worker"}],
        )
    )
    assert statuses(result)[-1] == ("worker", "w1", "Succeeded")
    assert result.outcome is Outcome.ROLLED_BACK


NOT_FOUND = {"do": {"health": {"status": 404}}}


def unhealthy(result: RunResult, watcher: Watcher) -> list[tuple[int, str, bool]]:
    """When a fault began and ended, at which host."""
    events = (event for event, _ in watcher.seen)
    return [(e.at_ms, host, e.active) for e in events if isinstance(e, FaultChanged) for host in e.hosts]


def test_a_fault_of_a_revision_strikes_what_its_group_was_running_from_the_start() -> None:
    watcher = Watcher()
    faults = [{**NOT_FOUND, "name": "of the old one", "where": {"revision": "v1"}}]
    result = run(shared(faults=faults, deploy=[{"revision": "v2", "group": "web"}]), observers=(watcher,))
    struck = unhealthy(result, watcher)
    assert {(at_ms, host) for at_ms, host, active in struck if active} == {(0, "h1"), (0, "h2")}
    assert {host for _, host, active in struck if not active} == {"h1", "h2"}, "each is well once it has v2"


def test_a_fault_of_one_groups_revision_does_not_end_with_anothers_deployment() -> None:
    watcher = Watcher()
    faults = [{**NOT_FOUND, "where": {"revision": "v1"}}]
    result = run(shared(faults=faults, deploy=[{"revision": "w1", "group": "worker"}]), observers=(watcher,))
    assert statuses(result) == [("worker", "w1", "Succeeded")]
    assert [active for _, _, active in unhealthy(result, watcher)] == [True, True]


def test_a_host_on_which_no_group_has_put_anything_has_no_revision() -> None:
    watcher = Watcher()
    faults = [{**NOT_FOUND, "where": {"revision": "none"}}]
    groups = [{"name": "web"}, WORKER]
    run(shared(faults=faults, groups=groups, deploy=[{"revision": "v2", "group": "web"}]), observers=(watcher,))
    assert not any(isinstance(event, FaultChanged) for event, _ in watcher.seen), "the other group's worker is there"


def held(faults: Sequence[Any] = (), **limits: str) -> Any:
    """The first group's script holds the host's only agent for half a minute, and the second group wants it."""
    hang = {"when": {"event": "ApplicationStart", "deployment": 1}, "do": {"script": "hang"}}
    web = {"name": "web", "running": "v1", "deployment_option": "WITHOUT_TRAFFIC_CONTROL"}
    return shared(
        fleet={"hosts": 1},
        balancer=None,
        groups=[web, WORKER],
        deploy=[{"revision": "v2", "group": "web"}, {"revision": "w1", "group": "worker", "when": {"at": "2s"}}],
        faults=[hang, *faults],
        limits={"start": "10s", "event": "60s", **limits},
    )


def test_the_wait_for_another_groups_script_is_not_held_against_the_agent(tmp_path: Path) -> None:
    path = tmp_path / "run.journal.jsonl"
    watcher = Watcher()
    result = run(held(), journal=path, observers=(watcher,))
    web, worker = result.rollouts
    assert statuses(result) == [("web", "v2", "Failed"), ("worker", "w1", "Succeeded")]
    waits = [event for event, _ in watcher.seen if isinstance(event, AgentBusy)]
    assert [(wait.deployment_id, wait.behind, wait.waited_ms) for wait in waits] == [
        (worker.deployment_id, web.deployment_id, None),
        (worker.deployment_id, web.deployment_id, web.ended_ms - worker.started_ms),
    ]
    assert [r.key() for r in replay(path).rollouts] == [r.key() for r in result.rollouts]


def test_an_agent_that_is_silent_when_its_turn_has_come_is_to_blame_after_the_start_limit() -> None:
    result = run(held(faults=[{"when": {"at": "5s"}, "do": {"agent": "stop"}}], event="15s"))
    web, worker = result.rollouts
    told = [record.diagnostics.message for record in worker.hosts["h1"].records if record.diagnostics]
    assert [message.split(":")[0] for message in told] == [
        "the agent did not begin ApplicationStop within 10s, and no script ran"
    ]
    assert worker.ended_ms == web.ended_ms + 10_000
