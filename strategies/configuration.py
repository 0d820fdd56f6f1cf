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


class ComputePlatform(StrEnum):
    """What a deployment configuration is for."""

    SERVER = "Server"
    LAMBDA = "Lambda"
    ECS = "ECS"


class TrafficRoutingType(StrEnum):
    """How traffic moves to a new version of a Lambda function, or to a new task set of ECS."""

    TIME_BASED_CANARY = "TimeBasedCanary"
    TIME_BASED_LINEAR = "TimeBasedLinear"
    ALL_AT_ONCE = "AllAtOnce"


@dataclass(frozen=True, slots=True)
class TrafficRouting:
    """`percent` of the traffic, and then, every `interval_minutes`, the rest (canary) or as much again (linear)."""

    type: TrafficRoutingType
    percent: int = 100
    interval_minutes: int = 0

    def __str__(self) -> str:
        minutes = f"{self.interval_minutes} minute{'s' * (self.interval_minutes != 1)}"
        match self.type:
            case TrafficRoutingType.TIME_BASED_CANARY:
                return f"{self.percent} % of the traffic, and all of it after {minutes}"
            case TrafficRoutingType.TIME_BASED_LINEAR:
                return f"{self.percent} % of the traffic more every {minutes}"
            case _:
                return "all of the traffic at once"

    @property
    def shift(self) -> tuple[int, ...]:
        """The shares before all of the traffic, in percent, rising."""
        match self.type:
            case TrafficRoutingType.TIME_BASED_CANARY:
                return (self.percent,)
            case TrafficRoutingType.TIME_BASED_LINEAR:
                return tuple(range(self.percent, 100, self.percent))
            case _:
                return ()

    @property
    def strategy(self) -> str:
        """What comes nearest to it on servers, as a scenario writes it."""
        match self.type:
            case TrafficRoutingType.TIME_BASED_CANARY:
                return f"canary: {{percent: {self.percent}, bake: {self.interval_minutes}m}}"
            case TrafficRoutingType.TIME_BASED_LINEAR:
                return f"linear: {{percent: {self.percent}, every: {self.interval_minutes}m}}"
            case _:
                return "in-place"


@dataclass(frozen=True, slots=True)
class TrafficConfig:
    """A deployment configuration of another platform than servers: it has no hosts, and shifts traffic."""

    name: str
    platform: ComputePlatform
    routing: TrafficRouting

    @property
    def as_deployment_config(self) -> DeploymentConfig:
        """The same as a deployment has it: a name, and no minimum of hosts, because there are none."""
        return DeploymentConfig(self.name, ALL_AT_ONCE.minimum_healthy_hosts)

    def refusal(self) -> tuple[str, str]:
        """Why no group of servers can have it, and what can be had instead."""
        message = f"{self.name} is for {self.platform} ({self.routing}), and these are servers"
        return message, f"for servers take the strategy {self.routing.strategy}, or one of {', '.join(PREDEFINED)}"


def _traffic(platform: ComputePlatform, name: str, routing: TrafficRouting) -> TrafficConfig:
    return TrafficConfig(f"{PREFIX}{platform}{name}", platform, routing)


def _canary(platform: ComputePlatform, minutes: int) -> TrafficConfig:
    routing = TrafficRouting(TrafficRoutingType.TIME_BASED_CANARY, 10, minutes)
    return _traffic(platform, f"Canary10Percent{minutes}Minutes", routing)


def _linear(platform: ComputePlatform, minutes: int, unit: str) -> TrafficConfig:
    routing = TrafficRouting(TrafficRoutingType.TIME_BASED_LINEAR, 10, minutes)
    return _traffic(platform, f"Linear10PercentEvery{minutes}{unit}", routing)


_AT_ONCE = TrafficRouting(TrafficRoutingType.ALL_AT_ONCE)
_LAMBDA, _ECS = ComputePlatform.LAMBDA, ComputePlatform.ECS

PREDEFINED_ELSEWHERE: dict[str, TrafficConfig] = {
    config.name: config
    for config in (
        _traffic(_LAMBDA, "AllAtOnce", _AT_ONCE),
        *(_canary(_LAMBDA, minutes) for minutes in (5, 10, 15, 30)),
        *(_linear(_LAMBDA, minutes, "Minutes" if minutes > 1 else "Minute") for minutes in (1, 2, 3, 10)),
        _traffic(_ECS, "AllAtOnce", _AT_ONCE),
        *(_canary(_ECS, minutes) for minutes in (5, 15)),
        *(_linear(_ECS, minutes, "Minutes") for minutes in (1, 3)),
    )
}
"""The configurations that every account has for Lambda and ECS, by name."""


def named(name: str) -> DeploymentConfig | None:
    """The predefined configuration for servers of that name, with or without its prefix; None if there is none."""
    return PREDEFINED.get(name) or PREDEFINED.get(PREFIX + name)


def elsewhere(name: str) -> TrafficConfig | None:
    """The predefined configuration of that name for another platform than servers; None if there is none."""
    return PREDEFINED_ELSEWHERE.get(name) or PREDEFINED_ELSEWHERE.get(PREFIX + name)
