"""ECS and Lambda in a run: which virtual fleet plays it, and whether the service takes a revision at all."""

from __future__ import annotations

from fleet.platforms.revision import PlatformRevision, read_revisions, refusal
from fleet.virtual.fleet import VirtualFleet
from fleet.virtual.ground import Ground
from fleet.virtual.services import ServicesGround, VirtualServices
from scenarios.model import Fault, NamedHost, Scenario
from scenarios.platforms import SERVER
from simulator.control.agenda import Driver
from simulator.rollout import lifecycle
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    Command,
    HostCommand,
    RunLifecycleEvent,
    ShiftTraffic,
)
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import DeploymentCreated, RevisionRefused
from simulator.rollout.machine import Rollout

_TRAFFIC: dict[type[Command], str] = {
    BlockTraffic: lifecycle.BLOCK_TRAFFIC,
    AllowTraffic: lifecycle.ALLOW_TRAFFIC,
    ShiftTraffic: lifecycle.ALLOW_TRAFFIC,
}
"""The lifecycle events that the balancer carries out, by the command. A shift is one only of a service or function."""


def ground_of(scenario: Scenario) -> Ground | ServicesGround:
    """What a virtual run of the scenario stands on. Raises FleetError where it could not begin."""
    return Ground(scenario) if scenario.compute_platform == SERVER else ServicesGround(scenario)


def targets_of(ground: Ground | ServicesGround) -> tuple[NamedHost, ...]:
    """What is deployed to, by name."""
    return ground.hosts if isinstance(ground, ServicesGround) else tuple(each.host for each in ground.hosts)


def virtual_fleet(
    scenario: Scenario, seed: int, loop: Driver, ground: Ground | ServicesGround
) -> VirtualFleet | VirtualServices:
    """The virtual fleet of the scenario's compute platform."""
    if isinstance(ground, ServicesGround):
        return VirtualServices(scenario, seed, loop.at, ground)
    return VirtualFleet(scenario, seed, loop.at, ground)


def faults_of(scenario: Scenario) -> tuple[Fault, ...]:
    """The faults as they select targets: on ECS and Lambda a target has several revisions, and a fleet tells them."""
    if scenario.compute_platform == SERVER:
        return scenario.faults
    return tuple(
        fault.model_copy(update={"where": fault.where.model_copy(update={"revision": None})})
        for fault in scenario.faults
    )


def entered(command: HostCommand | ShiftTraffic, rollout: Rollout) -> tuple[str, str]:
    """The lifecycle event that a target enters by a command, and the target; none for a shift between hosts: `""`."""
    name = command.name if isinstance(command, RunLifecycleEvent) else _TRAFFIC[type(command)]
    return name, rollout.shifting if isinstance(command, ShiftTraffic) else command.host


class Service:
    """What the service itself makes of a deployment that is asked for, before anything is done."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._revisions: dict[str, PlatformRevision] = {}

    def asked(self, event_id: int, at_ms: int, cause: str, entry: int, deployment: Deployment) -> DeploymentCreated:
        """The deployment is created; or refused, where it is for ECS or Lambda and its revision does not fit.

        A way back brings no revision: what had the traffic before has it again.
        """
        created = DeploymentCreated(event_id, at_ms, cause, deployment, entry=entry)
        if self._scenario.compute_platform == SERVER or deployment.strategy in lifecycle.WAYS_BACK:
            return created
        self._revisions = self._revisions or read_revisions(self._scenario)
        running = deployment.targets[0].revision
        refused = refusal(self._scenario, self._revisions, deployment.revision, running)
        if refused is None:
            return created
        return RevisionRefused(event_id, at_ms, cause, deployment, refused.code, refused.message, entry=entry)
