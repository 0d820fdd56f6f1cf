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
    AskAtGate,
    BlockTraffic,
    Command,
    CreateDeployment,
    EnterEnvironment,
    Finish,
    Notify,
    PoolCommand,
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

    A deployment is called by its group and its number there, from 1: deployments of two groups are created in another
    order on another fleet. `by_host`: lines such as `production 1 RunLifecycleEvent Install`. `by_deployment`: lines
    such as `DeploymentStart`, `take h1`, `Finish Failed HEALTH_CONSTRAINTS`, `CreateDeployment v1`. `by_environment`:
    `AskAtGate v2`, `EnterEnvironment v2`.
    """

    by_host: dict[str, list[str]] = field(default_factory=dict)
    by_deployment: dict[str, list[str]] = field(default_factory=dict)
    by_environment: dict[str, list[str]] = field(default_factory=dict)
    by_pool: dict[str, list[str]] = field(default_factory=dict)
    """Lines such as `LaunchHost web-4` by the pool, and `autoscaling v1: web-4` by the group."""
    _ids: dict[str, str] = field(default_factory=dict, compare=False, repr=False)

    def __call__(self, _event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """Note what came of an event."""
        if rollout is not None and rollout.deployment_id not in self._ids:
            group = rollout.deployment.group
            number = sum(name.rpartition(" ")[0] == group for name in self.by_deployment) + 1
            self._ids[rollout.deployment_id] = name = f"{group} {number}"
            self.by_deployment[name] = []
        for command in commands:
            if rollout is None and isinstance(command, PoolCommand | CreateDeployment):
                self._note_pool(command)
            else:
                self._note(command, self._ids.get(command.deployment_id, ""))

    def _note_pool(self, command: PoolCommand | CreateDeployment) -> None:
        match command:
            case PoolCommand(pool=pool):
                self.by_pool.setdefault(pool, []).append(f"{type(command).__name__} {getattr(command, 'host', '')}")
            case CreateDeployment(deployment=created):
                hosts = ", ".join(target.name for target in created.targets)
                self.by_pool.setdefault(created.group, []).append(f"{created.creator} {created.revision}: {hosts}")

    def _note(self, command: Command, deployment: str) -> None:
        match command:
            case EnterEnvironment(environment=name, revision=revision) | AskAtGate(environment=name, revision=revision):
                self.by_environment.setdefault(name, []).append(f"{type(command).__name__} {revision}")
            case RunLifecycleEvent(host=host, name=name):
                self._tell(host, deployment, command, name)
            case BlockTraffic(host=host):
                self._tell(host, deployment, command, BLOCK_TRAFFIC)
            case AllowTraffic(host=host):
                self._tell(host, deployment, command, ALLOW_TRAFFIC)
            case ShiftTraffic(hosts=hosts, percent=percent):
                self.by_deployment[deployment].append(f"shift {percent} % to {', '.join(hosts)}")
            case ProvisionHost(host=host, zone=zone):
                self.by_deployment[deployment].append(f"provision {host}" + f" in {zone}" * bool(zone))
            case TerminateHost(host=host, keep=keep):
                self.by_deployment[deployment].append(f"{'keep' if keep else 'terminate'} {host}")
            case StartAnalysis(analysis=analysis):
                self.by_deployment[deployment].append(f"analyse by {analysis}")
            case Notify(trigger=trigger, host=None):
                self.by_deployment[deployment].append(trigger)
            case Notify(trigger=trigger, host=str(host)):
                self._tell(host, deployment, command, trigger)
                if trigger is Trigger.INSTANCE_START:
                    self.by_deployment[deployment].append(f"take {host}")
            case Finish(status=status, error=error):
                self.by_deployment[deployment].append(f"Finish {status}" + (f" {error.code}" if error else ""))
            case CreateDeployment(deployment=created):
                self.by_deployment[deployment].append(f"CreateDeployment {created.revision}")

    def _tell(self, host: str, deployment: str, command: Command, what: str) -> None:
        self.by_host.setdefault(host, []).append(f"{deployment} {type(command).__name__} {what}")
