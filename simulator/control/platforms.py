"""ECS and Lambda in a run: which virtual fleet plays it, and whether the service takes a revision at all."""

from __future__ import annotations

from fleet.platforms.revision import PlatformRevision, read_revisions, refusal
from fleet.virtual.fleet import VirtualFleet
from fleet.virtual.ground import Ground
from fleet.virtual.services import ServicesGround, VirtualServices
from scenarios.model import Fault, NamedHost, Scenario
from simulator.control.agenda import Driver
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import DeploymentCreated, DeploymentRefused

SERVER = "Server"


def ground_of(scenario: Scenario) -> Ground | ServicesGround:
    """What a virtual run of the scenario stands on. Raises FleetError where it could not begin."""
    return Ground(scenario) if scenario.group.compute_platform == SERVER else ServicesGround(scenario)


def targets_of(ground: Ground | ServicesGround) -> tuple[NamedHost, ...]:
    """What is deployed to, by name."""
    return ground.hosts if isinstance(ground, ServicesGround) else tuple(host for host, _, _ in ground.hosts)


def virtual_fleet(
    scenario: Scenario, seed: int, loop: Driver, ground: Ground | ServicesGround
) -> VirtualFleet | VirtualServices:
    """The virtual fleet of the scenario's compute platform."""
    if isinstance(ground, ServicesGround):
        return VirtualServices(scenario, seed, loop.at, ground)
    return VirtualFleet(scenario, seed, loop.at, ground)


def faults_of(scenario: Scenario) -> tuple[Fault, ...]:
    """The faults as they select targets: on ECS and Lambda a target has several revisions, and a fleet tells them."""
    if scenario.group.compute_platform == SERVER:
        return scenario.faults
    return tuple(
        fault.model_copy(update={"where": fault.where.model_copy(update={"revision": None})})
        for fault in scenario.faults
    )


class Service:
    """What the service itself makes of a deployment that is asked for, before anything is done."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._revisions: dict[str, PlatformRevision] = {}

    def asked(self, event_id: int, at_ms: int, deployment: Deployment) -> DeploymentCreated:
        """The deployment is created; or refused, where it is for ECS or Lambda and its revision does not fit."""
        if self._scenario.group.compute_platform == SERVER:
            return DeploymentCreated(event_id, at_ms, "", deployment)
        self._revisions = self._revisions or read_revisions(self._scenario)
        running = deployment.targets[0].revision
        refused = refusal(self._scenario, self._revisions, deployment.revision, running)
        if refused is None:
            return DeploymentCreated(event_id, at_ms, "", deployment)
        return DeploymentRefused(event_id, at_ms, "", deployment, refused.code, refused.message)
