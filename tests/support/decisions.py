"""What was decided in a run, without the times: the thing in which two fleets must agree.

An observer collects it from the commands. For every host it is the sequence of what the host was told, for every
deployment the sequence of what concerned it as a whole. Hosts that are at work at the same time are heard of in
another order on another fleet, so between hosts only the order in which they were taken counts: that is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    CreateDeployment,
    Finish,
    Notify,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    StartAnalysis,
    TerminateHost,
)
from simulator.rollout.events import Event
from simulator.rollout.lifecycle import ALLOW_TRAFFIC, BLOCK_TRAFFIC
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Trigger


@dataclass(slots=True)
class Decisions:
    """An observer that keeps what was decided. Two of them are equal if the same was decided in the same order.

    `by_host`: lines such as `1 RunLifecycleEvent Install`, the number being that of the deployment, from 1.
    `by_deployment`: lines such as `DeploymentStart`, `take h1`, `Finish Failed HEALTH_CONSTRAINTS`,
    `CreateDeployment v1`.
    """

    by_host: dict[str, list[str]] = field(default_factory=dict)
    by_deployment: list[list[str]] = field(default_factory=list)
    _ids: dict[str, int] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, _event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """Note what came of an event."""
        if rollout is not None and rollout.deployment_id not in self._ids:
            self._ids[rollout.deployment_id] = len(self._ids) + 1
            self.by_deployment.append([])
        for command in commands:
            self._note(command, self._ids[command.deployment_id])

    def _note(self, command: Command, deployment: int) -> None:
        match command:
            case RunLifecycleEvent(host=host, name=name):
                self._tell(host, deployment, command, name)
            case BlockTraffic(host=host):
                self._tell(host, deployment, command, BLOCK_TRAFFIC)
            case AllowTraffic(host=host):
                self._tell(host, deployment, command, ALLOW_TRAFFIC)
            case ShiftTraffic(hosts=hosts, percent=percent):
                self.by_deployment[deployment - 1].append(f"shift {percent} % to {', '.join(hosts)}")
            case ProvisionHost(host=host, zone=zone):
                self.by_deployment[deployment - 1].append(f"provision {host}" + f" in {zone}" * bool(zone))
            case TerminateHost(host=host, keep=keep):
                self.by_deployment[deployment - 1].append(f"{'keep' if keep else 'terminate'} {host}")
            case StartAnalysis(analysis=analysis):
                self.by_deployment[deployment - 1].append(f"analyse by {analysis}")
            case Notify(trigger=trigger, host=None):
                self.by_deployment[deployment - 1].append(trigger)
            case Notify(trigger=trigger, host=str(host)):
                self._tell(host, deployment, command, trigger)
                if trigger is Trigger.INSTANCE_START:
                    self.by_deployment[deployment - 1].append(f"take {host}")
            case Finish(status=status, error=error):
                self.by_deployment[deployment - 1].append(f"Finish {status}" + (f" {error.code}" if error else ""))
            case CreateDeployment(deployment=created):
                self.by_deployment[deployment - 1].append(f"CreateDeployment {created.revision}")

    def _tell(self, host: str, deployment: int, command: Command, what: str) -> None:
        self.by_host.setdefault(host, []).append(f"{deployment} {type(command).__name__} {what}")
