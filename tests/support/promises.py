"""What every run owes whoever asked for it, told again in the most obvious way.

The invariants watch over the hosts and the traffic. This watches over what was asked for: rollbacks, stops, alarms,
analyses, pauses, bakes, limits and shares; and that every report of a run can be made.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from rich.console import Console

from simulator.control.result import RunResult
from simulator.report.document import document, dumps
from simulator.report.html import html
from simulator.report.junit import junit
from simulator.report.tree import final_tree
from simulator.report.verdict import verdict
from simulator.rollout.commands import (
    Command,
    Finish,
    HostCommand,
    Notify,
    ProvisionHost,
    ShiftTraffic,
    StartAnalysis,
    TerminateHost,
)
from simulator.rollout.events import (
    AlarmChanged,
    Event,
    HealthCheckReported,
    HostProvisioned,
    OperatorSpoke,
    StopRequested,
    TimerFired,
)
from simulator.rollout.machine import DEPLOYMENT_TIMER, Rollout
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN
from simulator.rollout.statuses import (
    AlarmState,
    AnalysisOutcome,
    Creator,
    DeploymentStatus,
    Label,
    OperatorVerb,
    RollbackEvent,
    TargetStatus,
)
from strategies.plan import Bake, Deploy, Shift

STAGES_BEGIN = (ProvisionHost, TerminateHost, ShiftTraffic, StartAnalysis)
"""The commands with which a stage begins that is none of hosts."""


class Promises:
    """An observer with a book of its own. It raises AssertionError as soon as a promise is broken."""

    def __init__(self) -> None:
        self.touched = set[str]()
        """The deployments that did something to a host, or brought up a new one, before they ended."""
        self.alarmed = set[str]()
        """The deployments that one of their alarms has stopped."""
        self._over = set[str]()
        self._paused = False
        self._done = set[str]()
        """Hosts that are through with the deployment under way."""

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        if rollout is None or rollout.deployment_id in self._over:
            return
        if isinstance(event, OperatorSpoke) and rollout.spoken[-1] == (event, None):
            self._paused = event.verb is OperatorVerb.PAUSE or (self._paused and event.verb is not OperatorVerb.RESUME)
        if self._paused:
            self._nothing_begins(event, commands)
        if isinstance(event, AlarmChanged) and event.alarm in rollout.deployment.alarms:
            ignored = {AlarmState.OK, *([AlarmState.UNKNOWN] if rollout.deployment.ignore_poll_alarm_failure else [])}
            if event.state not in ignored:
                self.alarmed.add(rollout.deployment_id)
        if isinstance(event, HealthCheckReported) and not event.healthy and event.host in self._done:
            baking = isinstance(rollout.stages[rollout.stage], Bake) and not rollout.stage_over and not rollout.ended
            assert not baking, f"{event.host} is unhealthy, and the bake goes on"
        self._note(event, commands, rollout.deployment_id)

    def _nothing_begins(self, event: Event, commands: Sequence[Command]) -> None:
        """While a deployment is paused a host goes on, and nothing else does but what a person wants at once."""
        host = getattr(event, "host", "") or getattr(event, "timer", "").removeprefix("host:")
        for command in commands:
            taken = isinstance(command, HostCommand) and command.host != host
            assert not taken, f"{command} while the deployment is paused"
            begins = isinstance(command, STAGES_BEGIN) and not isinstance(event, OperatorSpoke)
            assert not begins, f"{command} while the deployment is paused"

    def _note(self, event: Event, commands: Sequence[Command], deployment_id: str) -> None:
        if isinstance(event, HostProvisioned):
            self.touched.add(deployment_id)
        for command in commands:
            if isinstance(command, HostCommand):
                self.touched.add(deployment_id)
                self._done.discard(command.host)
            elif isinstance(command, Notify) and command.trigger == "InstanceSuccess" and command.host:
                self._done.add(command.host)
            elif isinstance(command, Finish):
                self._over.add(deployment_id)
                self._paused, self._done = False, set()

    def check(self, result: RunResult) -> None:
        """The run has ended."""
        check_rollbacks(result, self)
        for rollout in result.rollouts:
            check_end(rollout, self)
            check_limits(rollout)
            check_shares(rollout)
            check_final(rollout)


def check_rollbacks(result: RunResult, kept: Promises) -> None:
    """Each deployment is undone exactly if the group or a person wants it so, and by the last that succeeded."""
    success = result.scenario.fleet.running
    for rollout, following in zip(result.rollouts, [*result.rollouts[1:], None], strict=True):
        deployment = rollout.deployment
        assert (deployment.last_success.revision if deployment.last_success else None) == success
        undone = following is not None and following.deployment.rollback_of == rollout.deployment_id
        wanted = wants_rollback(rollout) and success is not None and rollout.deployment_id in kept.touched
        assert undone == wanted, f"{rollout.deployment_id} {rollout.status} {rollout.error}"
        if deployment.creator is Creator.ROLLBACK:
            assert deployment.revision == success
        if rollout.status is DeploymentStatus.SUCCEEDED:
            success = deployment.revision


def wants_rollback(rollout: Rollout) -> bool:
    """Whether a deployment that ended like this is to be undone, if it can be."""
    deployment = rollout.deployment
    if rollout.status is DeploymentStatus.SUCCEEDED or deployment.creator is Creator.ROLLBACK:
        return False
    if rollout.stop is not None and rollout.stop.auto_rollback is not None:
        return rollout.stop.auto_rollback
    if rollout.alarm:
        return RollbackEvent.DEPLOYMENT_STOP_ON_ALARM in deployment.auto_rollback
    if rollout.status is DeploymentStatus.FAILED:
        return RollbackEvent.DEPLOYMENT_FAILURE in deployment.auto_rollback
    return RollbackEvent.DEPLOYMENT_STOP_ON_REQUEST in deployment.auto_rollback


def check_end(rollout: Rollout, kept: Promises) -> None:
    """A deployment that succeeded was stopped by nothing, and has as many hosts as its minimum."""
    deployment = rollout.deployment
    if deployment.active_alarms:
        assert rollout.deployment_id not in kept.touched
        assert rollout.status is not DeploymentStatus.SUCCEEDED
    if rollout.status is not DeploymentStatus.SUCCEEDED:
        return
    assert rollout.stop is None
    assert rollout.deployment_id not in kept.alarmed
    assert rollout.judged is None or rollout.judged.outcome is AnalysisOutcome.SUCCESSFUL
    if deployment.strategy != BACK_TO_BLUE:
        new = [host for host in rollout.hosts.values() if host.label is not Label.BLUE]
        succeeded = sum(host.status is TargetStatus.SUCCEEDED for host in new)
        assert succeeded >= max(deployment.config.minimum_healthy_hosts.required(len(new)), 1)


def check_limits(rollout: Rollout) -> None:
    """No deployment and no lifecycle event takes longer than it may."""
    limits = rollout.deployment.limits
    assert rollout.ended_ms - rollout.started_ms <= limits.deployment_ms
    for host in rollout.hosts.values():
        for record in host.records:
            if record.started_ms is not None:
                assert record.ended_ms - record.started_ms <= limits.event_ms, (host.name, record)


def check_shares(rollout: Rollout) -> None:
    """Canary and linear take no more than their share, of the hosts or of the traffic, before they are watched."""
    options, hosts = rollout.deployment.options, len(rollout.deployment.targets)
    waves = [len(stage.hosts) for stage in rollout.stages if isinstance(stage, Deploy)]
    if rollout.deployment.strategy in ("canary", "linear") and waves:
        share = options.share
        percent = share.percent if share and share.percent is not None else None
        part = max(1, round(hosts * percent / 100 + 1e-9)) if percent is not None else share.hosts or 1 if share else 1
        assert all(wave <= part for wave in (waves if rollout.deployment.strategy == "linear" else waves[:1]))
        assert sum(waves) == hosts
    if rollout.deployment.strategy == BLUE_GREEN and options.blue_green and rollout.stages:
        shifts = [stage.percent for stage in rollout.stages if isinstance(stage, Shift)]
        assert shifts == ([0, *options.blue_green.shift, 100] if options.blue_green.shift else [])
        assert all(one < other for one, other in pairwise(shifts))


def check_final(rollout: Rollout) -> None:
    """Whatever is heard of a deployment that is over changes nothing."""
    key, name, ended = rollout.key(), rollout.deployment_id, rollout.ended_ms
    for late in (
        TimerFired(0, ended, "", name, DEPLOYMENT_TIMER),
        StopRequested(0, ended, "", name, "somebody", True),
        OperatorSpoke(0, ended, "", name, OperatorVerb.PROMOTE_FULL, "somebody"),
        *(HostProvisioned(0, ended, cause, name, host) for cause, host in rollout.awaited.items()),
        *(HealthCheckReported(0, ended, "", host, False, "/", "200", "404") for host in rollout.hosts),
    ):
        assert rollout.handle(late) == ()
    assert rollout.key() == key


def check_reports(result: RunResult) -> None:
    """Every report can be made of it, and names each of its deployments."""
    console = Console(width=100)
    with console.capture() as captured:
        for indent, text in verdict(result, every=True):
            console.print(" " * indent, text)
        console.print(final_tree("a run", result))
    for report in (captured.get(), dumps(document(result)), html(result), junit(result)):
        for rollout in result.rollouts:
            assert rollout.deployment_id in report
