"""A deployment as it is asked for: everything that the core needs to know before the first event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from simulator.rollout.statuses import Creator, FileExistsBehavior, RollbackEvent
from strategies import PLATFORMS
from strategies.configuration import ComputePlatform, DeploymentConfig
from strategies.options import NONE, Options

HOSTS_MAX: Final = 1_000_000
"""More hosts than this are refused: a slip of the keyboard, not a fleet."""


BLUE_GREEN_MS: Final = 109 * 3_600_000
"""The whole of a blue/green deployment, its two waits included (user guide, "CodeDeploy quotas")."""
ECS_MS: Final = 120 * 3_600_000
LAMBDA_MS: Final = 50 * 3_600_000
"""The whole of a deployment on ECS, and on Lambda (the same)."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take. The defaults are CodeDeploy's quotas (user guide, "CodeDeploy quotas")."""

    start_ms: int = 5 * 60_000
    """From the command (or the previous event's end) until a host begins a lifecycle event."""
    event_ms: int = 3_600_000
    """From the beginning of a lifecycle event to its end."""
    deployment_ms: int = 8 * 3_600_000
    """The whole of an in-place deployment."""


@dataclass(frozen=True, slots=True)
class Checks:
    """What the balancer asks of a host before it lets it in: so many passing checks in a row, so far apart."""

    path: str
    rise: int
    interval_ms: int

    @property
    def least_ms(self) -> int:
        """How long it takes at the least."""
        return self.rise * self.interval_ms


@dataclass(frozen=True, slots=True)
class Target:
    """A host as the deployment group knows it before a deployment.

    `healthy`: the last deployment to it succeeded; a host that was never deployed to is not.
    `revision`: what its last Install left there; None where nothing was installed, or an Install broke off.
    """

    name: str
    zone: str = ""
    healthy: bool = False
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class Success:
    """The group's last successful deployment: what a rollback goes back to."""

    deployment_id: str
    revision: str
    file_exists_behavior: FileExistsBehavior


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment, as a value. `targets` are in the order in which equals are deployed to."""

    deployment_id: str
    application: str
    group: str
    revision: str
    strategy: str
    config: DeploymentConfig
    targets: tuple[Target, ...]
    with_balancer: bool
    options: Options = NONE
    creator: Creator = Creator.USER
    description: str = ""
    ignore_application_stop_failures: bool = False
    file_exists_behavior: FileExistsBehavior = FileExistsBehavior.DISALLOW
    auto_rollback: tuple[RollbackEvent, ...] = ()
    limits: Limits = Limits()
    last_success: Success | None = None
    rollback_of: str | None = None
    alarms: tuple[str, ...] = ()
    """The alarms that stop this deployment."""
    active_alarms: tuple[str, ...] = ()
    """Those of them that count as active when it is created."""
    unasked_alarms: tuple[str, ...] = ()
    """Those of the active ones that could not be asked."""
    ignore_poll_alarm_failure: bool = False
    """Whether to go on where an alarm cannot be asked."""
    checks: Checks | None = None
    """The balancer's health check; None where there is no balancer."""
    nobody: str = ""
    """Why the group has no hosts, in words; `""` where that needs none."""

    @property
    def compute_platform(self) -> ComputePlatform:
        """What is deployed to: servers, a service of ECS, or a function of Lambda."""
        return PLATFORMS.get(self.strategy, ComputePlatform.SERVER)
