"""What a run owes whoever asked for it while it goes on, told again in the most obvious way: an observer.

The invariants watch over the hosts and the traffic. This watches over what was asked for: pauses, bakes, alarms, one
deployment of a group at a time, and names that nobody has had before. `promises_kept` looks at the end.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

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
from simulator.rollout.events import AlarmChanged, Event, HealthCheckReported, HostProvisioned, OperatorSpoke
from simulator.rollout.lifecycle import COURSES, NOTHING_TO_UNDO
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import AlarmState, OperatorVerb
from strategies.plan import Bake

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
        self._under_way = dict[str, str]()
        """By the group's name, its deployment: it has one at a time, but for those of pools."""
        self._paused = set[str]()
        self._done = defaultdict[str, set[str]](set)
        """By deployment, the hosts that are through with it."""

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        if rollout is None or rollout.deployment_id in self._over:
            return
        name = rollout.deployment_id
        if not rollout.deployment.creator.beside:
            assert self._under_way.setdefault(rollout.deployment.group, name) == name
        if isinstance(event, OperatorSpoke) and rollout.spoken[-1] == (event, None):
            if event.verb is OperatorVerb.PAUSE:
                self._paused.add(name)
            elif event.verb is OperatorVerb.RESUME:
                self._paused.discard(name)
        if name in self._paused:
            self._nothing_begins(event, commands)
        if isinstance(event, AlarmChanged) and event.alarm in rollout.deployment.alarms:
            ignored = {AlarmState.OK, *([AlarmState.UNKNOWN] if rollout.deployment.ignore_poll_alarm_failure else [])}
            if event.state not in ignored:
                self.alarmed.add(name)
        if isinstance(event, HealthCheckReported) and not event.healthy and event.host in self._done[name]:
            baking = isinstance(rollout.stages[rollout.stage], Bake) and not rollout.stage_over and not rollout.ended
            assert not baking, f"{event.host} is unhealthy, and the bake goes on"
        self._note(event, commands, rollout)

    def _nothing_begins(self, event: Event, commands: Sequence[Command]) -> None:
        """While a deployment is paused a host goes on, and nothing else does but what a person wants at once."""
        host = getattr(event, "host", "") or getattr(event, "timer", "").removeprefix("host:")
        for command in commands:
            taken = isinstance(command, HostCommand) and command.host != host
            assert not taken, f"{command} while the deployment is paused"
            begins = isinstance(command, STAGES_BEGIN) and not isinstance(event, OperatorSpoke)
            assert not begins, f"{command} while the deployment is paused"

    def _note(self, event: Event, commands: Sequence[Command], rollout: Rollout) -> None:
        name, strategy = rollout.deployment_id, rollout.deployment.strategy
        if isinstance(event, HostProvisioned):
            self.touched.add(name)
        for command in commands:
            if isinstance(command, ShiftTraffic) and strategy in COURSES:
                self.touched.add(name)  # it is the service's AllowTraffic
            elif isinstance(command, HostCommand):
                if (strategy, getattr(command, "name", "")) not in NOTHING_TO_UNDO:
                    self.touched.add(name)
                self._done[name].discard(command.host)
            elif isinstance(command, Notify) and command.trigger == "InstanceSuccess" and command.host:
                self._done[name].add(command.host)
            elif isinstance(command, Finish):
                self._over.add(name)
                self._paused.discard(name)
                if not rollout.deployment.creator.beside:
                    del self._under_way[rollout.deployment.group]
