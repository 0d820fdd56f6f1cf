"""Strategies as a scenario writes them: a name alone, or a name with what the strategy is to be told."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from scenarios.words import FLEET_PERCENT_MAX, Duration, Model, RuleError, SomeTime, exactly_one

StrategyName = Literal["in-place", "rolling", "canary", "zonal", "blue-green"]
"""Strategies that need be told nothing."""
NEEDS_OPTIONS = {
    "linear": "linear: {percent: 10, every: 5m}",
    "steps": "steps: [{setWeight: 10}, {pause: {duration: 5m}}]",
}
"""Strategies that mean nothing by their name alone, and an example of each."""
STEPS_MAX = 100
_ANALYSIS = "After each bake, one of the scenario's analyses."


class MinimumHealthyHosts(Model):
    """As CreateDeploymentConfig takes it."""

    type: Literal["HOST_COUNT", "FLEET_PERCENT"] = Field(description="What `value` counts.")
    value: int = Field(ge=0, description="So many hosts, or percent of the fleet (0 to 99), must stay healthy.")

    @model_validator(mode="after")
    def _percent(self) -> Self:
        if self.type == "FLEET_PERCENT" and self.value > FLEET_PERCENT_MAX:
            raise RuleError(f"FLEET_PERCENT takes 0 to {FLEET_PERCENT_MAX}, found {self.value}")
        return self


class Canary(Model):
    """Some hosts first, watched for a while; then the others."""

    model_config = ConfigDict(json_schema_extra=exactly_one(("hosts", "percent")))

    hosts: int | None = Field(None, ge=1, description="So many hosts.")
    percent: int | None = Field(None, ge=1, le=99, description="So much of the fleet, at least one host.")
    bake: Duration = Field(0, description="How long the canary is watched.")
    analysis: str | None = Field(None, description=_ANALYSIS)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.hosts is None) == (self.percent is None):
            raise RuleError("expected exactly one of hosts, percent")
        return self


class Linear(Model):
    """The same share again and again."""

    model_config = ConfigDict(json_schema_extra=exactly_one(("hosts", "percent")))

    hosts: int | None = Field(None, ge=1, description="So many hosts each time.")
    percent: int | None = Field(None, ge=1, le=99, description="So much of the fleet each time, at least one host.")
    every: Duration = Field(0, description="How long is watched before the next ones follow.")
    analysis: str | None = Field(None, description=_ANALYSIS)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.hosts is None) == (self.percent is None):
            raise RuleError("expected exactly one of hosts, percent")
        return self


class Zonal(Model):
    """CodeDeploy's zonal configuration: one availability zone after the other."""

    first_zone_monitor_duration: Duration | None = Field(
        None, description="How long the first zone is watched; left out: as long as the others."
    )
    monitor_duration: Duration = Field(0, description="How long every zone is watched before the next one begins.")
    minimum_healthy_hosts_per_zone: MinimumHealthyHosts | None = Field(
        None, description="How much of a zone must stay healthy, beside the configuration's minimum for all."
    )


class Pause(Model):
    """Wait: for a while, or, without a duration, until somebody says continue."""

    duration: SomeTime | None = None


class Step(Model):
    """One step, in Argo's words. Exactly one."""

    model_config = ConfigDict(json_schema_extra=exactly_one(("setHosts", "setWeight", "pause", "analysis")))

    set_hosts: int | None = Field(None, ge=1, alias="setHosts", description="Go on until so many hosts are done.")
    set_weight: int | None = Field(
        None, ge=1, le=100, alias="setWeight", description="Go on until this percentage of the hosts is done."
    )
    pause: Pause | None = None
    analysis: str | None = Field(None, description="Have the new version judged by one of the scenario's analyses.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(part is not None for part in (self.set_hosts, self.set_weight, self.pause, self.analysis)) != 1:
            raise RuleError("expected exactly one of setHosts, setWeight, pause, analysis")
        return self


class Shift(Model):
    """A share of the traffic first, and then more."""

    percent: int = Field(ge=1, le=99, description="Of the traffic.")
    every: SomeTime = Field(description="How long the share is watched.")


TRAFFIC = ("canary", "linear")


class ShiftedTraffic(Model):
    """How the traffic moves to the new hosts: a canary's share and then all, or the same share again and again."""

    model_config = ConfigDict(json_schema_extra=exactly_one(TRAFFIC))

    canary: Shift | None = None
    linear: Shift | None = None
    analysis: str | None = Field(None, description=_ANALYSIS)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.canary is None) == (self.linear is None):
            raise RuleError("expected exactly one of canary, linear")
        return self


class ReadyOption(Model):
    """CodeDeploy's `deploymentReadyOption`: what happens when the new hosts are ready."""

    action_on_timeout: Literal["CONTINUE_DEPLOYMENT", "STOP_DEPLOYMENT"] = Field(
        "CONTINUE_DEPLOYMENT", description="Reroute at once; or wait for somebody to continue, and stop without."
    )
    wait_time: Duration | None = Field(
        None, le=48 * 3_600_000, description="With STOP_DEPLOYMENT; at most 48h, and so long if left out."
    )


class TerminateOption(Model):
    """CodeDeploy's `terminateBlueInstancesOnDeploymentSuccess`."""

    action: Literal["TERMINATE", "KEEP_ALIVE"] = "TERMINATE"
    wait_time: Duration = Field(0, le=48 * 3_600_000, description="Before the original hosts end; at most 48h.")


class BlueGreen(Model):
    """New hosts beside the old ones, made ready out of traffic, and then given the traffic."""

    green_fleet_provisioning: Literal["COPY_AUTO_SCALING_GROUP", "DISCOVER_EXISTING"] = Field(
        "COPY_AUTO_SCALING_GROUP", description="New hosts alike to the old ones, or `target_instances` that exist."
    )
    target_instances: tuple[str, ...] = Field((), description="With DISCOVER_EXISTING: the new hosts, by name.")
    deployment_ready: ReadyOption = ReadyOption()
    terminate_blue: TerminateOption = TerminateOption()
    traffic: ShiftedTraffic | None = Field(None, description="Left out: rerouted at once, host by host.")

    @model_validator(mode="after")
    def _discovers(self) -> Self:
        if (self.green_fleet_provisioning == "DISCOVER_EXISTING") != bool(self.target_instances):
            raise RuleError("DISCOVER_EXISTING and target_instances go together")
        return self


STRATEGIES_WITH_OPTIONS = ("canary", "linear", "zonal", "steps", "blue_green")


def key_of(name: str) -> str:
    """A strategy's name as the key under which its options stand."""
    return name.replace("_", "-")


class StrategyOptions(Model):
    """A strategy and what it is told. Exactly one."""

    model_config = ConfigDict(json_schema_extra=exactly_one(key_of(name) for name in STRATEGIES_WITH_OPTIONS))

    canary: Canary | None = None
    linear: Linear | None = None
    zonal: Zonal | None = None
    steps: tuple[Step, ...] | None = Field(None, min_length=1, max_length=STEPS_MAX)
    blue_green: BlueGreen | None = Field(None, alias="blue-green")

    @property
    def name(self) -> str:
        """The strategy's name."""
        return next(name for name in STRATEGIES_WITH_OPTIONS if getattr(self, name) is not None).replace("_", "-")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(getattr(self, name) is not None for name in STRATEGIES_WITH_OPTIONS) != 1:
            raise RuleError(f"expected exactly one of {', '.join(STRATEGIES_WITH_OPTIONS)}")
        return self


Strategy = Annotated[
    Annotated[StrategyName, Tag("<name>")] | Annotated[StrategyOptions, Tag("<options>")],
    Discriminator(lambda value: "<options>" if isinstance(value, dict | StrategyOptions) else "<name>"),
]
"""A strategy by its name, or as a mapping from its name to its options."""


def strategy_name(strategy: StrategyName | StrategyOptions) -> str:
    """A strategy's name, whichever way it was written."""
    return strategy if isinstance(strategy, str) else strategy.name


def inherits_config(own: str | None) -> bool:
    """Whether a deployment that names no configuration has its group's, as in CodeDeploy (CreateDeployment,
    deploymentConfigName). `own`: the strategy of its own, None where it has the group's. In place there is no minimum.
    """
    return own != "in-place"
