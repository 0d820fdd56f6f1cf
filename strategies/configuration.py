"""Deployment configurations: how much of a fleet must stay healthy while it is deployed to.

Source: AWS CodeDeploy user guide, "Working with deployment configurations" and "Instance health"; botocore's
service model `codedeploy/2014-10-06` for `MOST_CONCURRENCY`, which is what `GetDeploymentConfig` answers for
`CodeDeployDefault.OneAtATime`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FLEET_PERCENT_MAX = 99
"""CodeDeploy takes 0 to 99: a deployment cannot demand that every host stays healthy while it changes one."""

PREFIX = "CodeDeployDefault."


class MinimumHealthyHostsType(StrEnum):
    """How the value of a minimum is meant. `MOST_CONCURRENCY` is an answer of the service, never set by a user."""

    HOST_COUNT = "HOST_COUNT"
    FLEET_PERCENT = "FLEET_PERCENT"
    MOST_CONCURRENCY = "MOST_CONCURRENCY"


@dataclass(frozen=True, slots=True)
class MinimumHealthyHosts:
    """The hosts that must stay healthy: `value` hosts, percent of the fleet, or all but `value`."""

    type: MinimumHealthyHostsType
    value: int

    def __post_init__(self) -> None:
        if self.value < 0:
            raise ValueError(f"a minimum of healthy hosts is 0 or more; found {self.value}")
        if self.type is MinimumHealthyHostsType.FLEET_PERCENT and self.value > FLEET_PERCENT_MAX:
            raise ValueError(
                f"FLEET_PERCENT takes 0 to {FLEET_PERCENT_MAX}; found {self.value}. At 100 no host could ever be taken "
                "out to be deployed to"
            )

    def required(self, hosts: int) -> int:
        """How many of `hosts` must stay healthy; percentages are rounded up.

        A percentage of one host rounds to that host, and with it every deployment to a fleet of one would be
        invalid. CodeDeploy deploys to one host under HalfAtATime, so the minimum there is 0: the deployment
        succeeds if its host does (inferred; see docs/decisions).
        """
        match self.type:
            case MinimumHealthyHostsType.HOST_COUNT:
                return self.value
            case MinimumHealthyHostsType.FLEET_PERCENT:
                return 0 if hosts == 1 else -(-self.value * hosts // 100)
            case _:
                return max(hosts - self.value, 0)

    def __str__(self) -> str:
        match self.type:
            case MinimumHealthyHostsType.HOST_COUNT:
                return f"at least {self.value} healthy"
            case MinimumHealthyHostsType.FLEET_PERCENT:
                return f"at least {self.value} % healthy"
            case _:
                return f"{self.value} at a time"


@dataclass(frozen=True, slots=True)
class DeploymentConfig:
    """A deployment configuration by its name, as `CreateDeploymentConfig` knows it."""

    name: str
    minimum_healthy_hosts: MinimumHealthyHosts


def _predefined(name: str, kind: MinimumHealthyHostsType, value: int) -> DeploymentConfig:
    return DeploymentConfig(PREFIX + name, MinimumHealthyHosts(kind, value))


ONE_AT_A_TIME = _predefined("OneAtATime", MinimumHealthyHostsType.MOST_CONCURRENCY, 1)
HALF_AT_A_TIME = _predefined("HalfAtATime", MinimumHealthyHostsType.FLEET_PERCENT, 50)
ALL_AT_ONCE = _predefined("AllAtOnce", MinimumHealthyHostsType.HOST_COUNT, 0)

PREDEFINED: dict[str, DeploymentConfig] = {
    config.name: config for config in (ONE_AT_A_TIME, HALF_AT_A_TIME, ALL_AT_ONCE)
}
"""The configurations that every account has for servers, by name."""


def named(name: str) -> DeploymentConfig | None:
    """The predefined configuration of that name, with or without its prefix; None if there is none."""
    return PREDEFINED.get(name) or PREDEFINED.get(PREFIX + name)
