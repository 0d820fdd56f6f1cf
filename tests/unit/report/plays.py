"""Rollouts for the reports' tests: a real core, folded by hand over a little play."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from scenarios.model import Scenario
from simulator.control.result import Finding, Observer, Outcome, RunResult, RunStatus, Traffic
from simulator.rollout.commands import AllowTraffic, BlockTraffic, Command, CreateDeployment, Notify, RunLifecycleEvent
from simulator.rollout.deployment import Deployment, Success, Target
from simulator.rollout.events import (
    DeploymentCreated,
    Diagnostics,
    Event,
    HealthCheckReported,
    LifecycleEventCompleted,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import EventStatus, FileExistsBehavior, LifecycleErrorCode, RollbackEvent
from strategies.configuration import ONE_AT_A_TIME, DeploymentConfig

Fails = Callable[[str, str, str], Diagnostics | None]
"""(revision, host, lifecycle event) to what goes wrong there, None where all goes well."""

NASTY = "<script>alert(1)</script> & \x1b[31m ]]> “quoted”"
"""What a script may write, to see that no report obeys it."""


def start_fails(revision: str, host: str, event: str) -> Diagnostics | None:
    """v2's ApplicationStart fails on every host."""
    if revision == "v2" and event == "ApplicationStart":
        log = "\n".join([*(f"line {n}" for n in range(20)), NASTY])
        return Diagnostics(LifecycleErrorCode.SCRIPT_FAILED, f"run.sh on {host} exited with 1", "run.sh", log)
    return None


def nothing_fails(revision: str, host: str, event: str) -> Diagnostics | None:
    return None


def play(
    fails: Fails = nothing_fails,
    *,
    hosts: int = 4,
    observers: Sequence[Observer] = (),
    config: DeploymentConfig = ONE_AT_A_TIME,
    steps_max: int = 1_000_000,
) -> tuple[tuple[Rollout, ...], tuple[Notify, ...]]:
    """v2 is deployed over v1, each event a tenth of a second; a rollback follows where the core wants one."""
    targets = tuple(Target(f"h{n + 1}", "", True, "v1") for n in range(hosts))
    success = Success("d-BEFORE000", "v1", FileExistsBehavior.DISALLOW)
    deployment = Deployment(
        "d-AAAAAAAAA",
        "web",
        "production",
        "v2",
        "rolling",
        config,
        targets,
        with_balancer=True,
        auto_rollback=(RollbackEvent.DEPLOYMENT_FAILURE,),
        last_success=success,
    )
    rollouts: list[Rollout] = []
    notifications: list[Notify] = []
    queue: list[Command] = [CreateDeployment("", "", "", deployment)]
    at_ms = number = 0
    while queue and number < steps_max:
        command = queue.pop(0)
        if isinstance(command, Notify):
            notifications.append(command)
        number += 1
        event = _answer(command, number, at_ms, fails, rollouts)
        if event is None:
            number -= 1
            continue
        at_ms = event.at_ms
        commands = rollouts[-1].handle(event)
        for observer in observers:
            observer(event, commands, rollouts[-1])
        queue += commands
    return tuple(rollouts), tuple(notifications)


def _answer(command: Command, number: int, at_ms: int, fails: Fails, rollouts: list[Rollout]) -> Event | None:
    match command:
        case CreateDeployment(deployment=deployment):
            rollouts.append(Rollout(deployment))
            return DeploymentCreated(number, at_ms, command.id, deployment)
        case AllowTraffic(host=host):
            return HealthCheckReported(number, at_ms + 100, command.id, host, True, "/", "200", "200")
        case RunLifecycleEvent(host=host) | BlockTraffic(host=host):
            name = command.name if isinstance(command, RunLifecycleEvent) else "BlockTraffic"
            wrong = fails(rollouts[-1].deployment.revision, host, name)
            status = EventStatus.FAILED if wrong else EventStatus.SUCCEEDED
            return LifecycleEventCompleted(
                number, at_ms + 100, command.id, command.deployment_id, host, name, status, at_ms, wrong
            )
        case _:
            return None


def scenario(**more: object) -> Scenario:
    """A scenario to put into a result."""
    return Scenario.model_validate(
        {
            "name": "play",
            "fleet": {"hosts": 4, "running": "v1"},
            "revisions": {"v1": {"bundle": Path("v1")}, "v2": {"bundle": Path("v2")}},
            "deploy": [{"revision": "v2"}],
            **more,
        }
    )


def result(
    fails: Fails = nothing_fails,
    *,
    outcome: Outcome | None = None,
    status: RunStatus = RunStatus.COMPLETED,
    expectations: tuple[Finding, ...] = (),
    invariants: tuple[Finding, ...] = (Finding("a canary never exceeds its share", True, "there was none"),),
    hosts: int = 4,
    expect: dict[str, object] | None = None,
) -> RunResult:
    """What a run of `play` comes to."""
    rollouts, notifications = play(fails, hosts=hosts)
    if outcome is None:
        outcome = Outcome.ROLLED_BACK if len(rollouts) > 1 else Outcome.SUCCEEDED
    return RunResult(
        scenario=scenario(expect=expect) if expect else scenario(),
        scenario_sha256="ab" * 32,
        fleet="virtual",
        seed=7,
        version="0.0.0",
        status=status,
        outcome=outcome,
        rollouts=rollouts,
        notifications=notifications,
        traffic=Traffic(1000, 1, (("v1", 700), ("v2", 299))),
        in_service_min=3,
        in_service_required=3,
        duration_ms=rollouts[-1].ended_ms,
        expectations=expectations,
        invariants=invariants,
        flags=("one host is odd",),
        events=99,
        journal_sha256="cd" * 32,
        replay="drydeploy run play --seed 7",
    )
