"""A revision for ECS or Lambda: its AppSpec out of its bundle, and why the service would refuse it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.agent.errors import AgentError
from fleet.platforms.appspec import AppSpec, load
from fleet.virtual.revision import unpacked
from scenarios.bundle import APPSPEC_NAMES
from scenarios.model import Scenario
from simulator.rollout.events import Diagnostics
from simulator.rollout.statuses import ErrorCode, LifecycleErrorCode


@dataclass(frozen=True, slots=True)
class Refused:
    """Why no deployment can come of a revision."""

    code: ErrorCode
    message: str


@dataclass(frozen=True, slots=True)
class PlatformRevision:
    """`problem`: why the service cannot read it; then there is no `appspec`."""

    name: str
    appspec: AppSpec | None
    problem: str = ""

    def hook(self, event: str) -> str | None:
        """The function that is called for a lifecycle event; None where there is none."""
        return self.appspec.hooks.get(event) if self.appspec is not None else None


def read_revisions(scenario: Scenario) -> dict[str, PlatformRevision]:
    """The revisions of a scenario that deploys to ECS or Lambda, by their names."""
    platform = scenario.compute_platform
    return {name: read_revision(name, revision.bundle, platform) for name, revision in scenario.revisions.items()}


def read_revision(name: str, bundle: Path, platform: str) -> PlatformRevision:
    """One revision. What is wrong with it is kept, for the deployment that it is asked for."""
    try:
        with unpacked(bundle) as directory:
            file = next((directory / word for word in APPSPEC_NAMES if (directory / word).is_file()), None)
            if file is None:
                there = ", ".join(sorted(entry.name for entry in directory.iterdir())) or "nothing"
                problem = f"its bundle has no {APPSPEC_NAMES[0]} at its top; it holds {there}"
                return PlatformRevision(name, None, problem)
            return PlatformRevision(name, load(file.read_text("utf-8-sig"), platform=platform, name=file.name))
    except (AgentError, OSError, UnicodeDecodeError) as error:
        return PlatformRevision(name, None, str(error))


def refusal(
    scenario: Scenario, revisions: Mapping[str, PlatformRevision], wanted: str, running: str | None
) -> Refused | None:
    """Why the service would not begin to deploy this revision where `running` has the traffic; None where it would."""
    revision = revisions[wanted]
    if revision.appspec is None:
        return Refused(ErrorCode.INVALID_REVISION, f"{wanted}: {revision.problem}")
    resource, balancer = revision.appspec.resource, scenario.balancer
    if resource.platform == "ECS":
        if balancer is None or resource.port == balancer.port:
            return None
        message = (
            f"{wanted}: its AppSpec lets traffic to port {resource.port} of {resource.container}, and the service's "
            f"target groups send it to {balancer.port}. Correct LoadBalancerInfo.ContainerPort"
        )
        return Refused(ErrorCode.INVALID_ECS_SERVICE, message)
    before = revisions[running].appspec if running is not None and running in revisions else None
    if before is None:
        return None
    there = before.resource
    if (resource.function, resource.alias) != (there.function, there.alias):
        message = (
            f"{wanted}: its AppSpec deploys {resource.function}:{resource.alias}, and what has the traffic is "
            f"{there.function}:{there.alias}. Correct Name and Alias"
        )
        return Refused(ErrorCode.INVALID_LAMBDA_FUNCTION, message)
    if resource.current != there.target:
        message = (
            f"{wanted}: its AppSpec says that {resource.alias} points to version {resource.current} of "
            f"{resource.function}, and it points to {there.target} ({running}). Correct CurrentVersion"
        )
        return Refused(ErrorCode.INVALID_LAMBDA_CONFIGURATION, message)
    return None


def no_function(name: str) -> Diagnostics:
    """What is said of a hook whose function does not exist."""
    message = f"no function is called {name}: the AppSpec names it, and it could not be called"
    return Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, message, name)


def reported_failed(name: str) -> Diagnostics:
    """What is said of a hook whose function has reported Failed."""
    return Diagnostics(LifecycleErrorCode.SCRIPT_FAILED, f"the function {name} reported Failed", name)
