"""Scripted failures and what a person does meanwhile: when, where, what, for how long."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from scenarios.pools import PoolChange
from scenarios.signals import AlarmFault
from scenarios.words import (
    DeploymentStatus,
    Duration,
    LifecycleEvent,
    Model,
    RuleError,
    SomeTime,
    exactly_one,
)

TRIGGERS = ("at", "event", "status", "launched")
HEALTH_EFFECTS = ("status", "slow", "flapping")
EFFECTS = ("health", "script", "agent", "host", "bundle", "file", "alarm", "pool")


def _needs_one(model: Model, names: tuple[str, ...]) -> None:
    if sum(getattr(model, name) is not None for name in names) != 1:
        raise RuleError(f"expected exactly one of {', '.join(names)}")


class When(Model):
    """When something happens: a time, a host's lifecycle event, a deployment's status, a launch. Exactly one."""

    model_config = ConfigDict(json_schema_extra=exactly_one(TRIGGERS))

    at: Duration | None = Field(None, description="Time since the run began.")
    event: LifecycleEvent | None = Field(None, description="As a host enters this lifecycle event.")
    status: DeploymentStatus | None = Field(None, description="As a deployment reaches this status.")
    launched: str | None = Field(None, description="As a host that this pool, or its replacement, launched is there.")
    deployment: int | None = Field(
        None,
        ge=1,
        description="Only in the n-th deployment of the run (rollbacks count). With event or status.",
    )
    host: str | None = Field(None, description="With `event`: only as this host enters it.")
    nth: int | None = Field(
        None,
        ge=1,
        description="With `event`: only for the n-th host that enters it in a deployment, counted from 1. "
        "Under OneAtATime `nth: 1` is the deployment's first host and, of four hosts, `nth: 4` the last.",
    )

    @model_validator(mode="after")
    def _one(self) -> Self:
        _needs_one(self, TRIGGERS)
        for name in ("host", "nth"):
            if getattr(self, name) is not None and self.event is None:
                raise RuleError(f"{name} goes with event")
        if self.deployment is not None and (self.at is not None or self.launched is not None):
            raise RuleError("deployment goes with event or status")
        return self


class Where(Model):
    """Which hosts: those for which everything that is written holds."""

    hosts: tuple[str, ...] | None = Field(None, description="Hosts by name.")
    tag: dict[str, str] | None = Field(None, description="Hosts that have all of these tags.")
    zone: str | None = Field(None, description="Hosts of this zone.")
    revision: str | None = Field(
        None,
        description="Hosts while they carry this revision: from its DownloadBundle to the next revision's. "
        "`none`: hosts until their first DownloadBundle.",
    )
    random: int | None = Field(None, ge=1, description="So many of the hosts that the rest selects, drawn by the seed.")


class Flapping(Model):
    """Failing for `down`, passing for `up`, and again."""

    up: SomeTime = Field(description="How long it passes.")
    down: SomeTime = Field(description="How long it fails.")
    status: int = Field(503, ge=100, le=599, description="The status code while it fails.")


class HealthFault(Model):
    """What the health check's path answers in place of the application. Exactly one."""

    model_config = ConfigDict(json_schema_extra=exactly_one(HEALTH_EFFECTS))

    status: int | None = Field(None, ge=100, le=599, description="Answers with this status code.")
    slow: SomeTime | None = Field(None, description="Answers only after this long.")
    flapping: Flapping | None = Field(None, description="Fails and passes in turn.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        _needs_one(self, HEALTH_EFFECTS)
        return self


class ScriptExit(Model):
    """The scripts of the event exit with this code."""

    exit: int = Field(ge=1, le=255, description="The exit code.")


class StrangersFile(Model):
    """A file that nobody's bundle put there appears on the disk."""

    path: str = Field(pattern=r"^/.+", description="Where it appears.")
    content: str = Field("left here by hand\n", description="What stands in it.")


class Effect(Model):
    """What a fault does. Exactly one."""

    model_config = ConfigDict(json_schema_extra=exactly_one(EFFECTS))

    health: HealthFault | None = Field(None, description="What the health check sees in place of the application.")
    script: (
        Annotated[
            Annotated[Literal["hang", "missing"], Tag("<word>")] | Annotated[ScriptExit, Tag("<exit>")],
            Discriminator(lambda value: "<exit>" if isinstance(value, dict | ScriptExit) else "<word>"),
        ]
        | None
    ) = Field(None, description="Of the lifecycle event named under `when`.")
    agent: Literal["stop", "restart"] | None = Field(None, description="The agent on the host.")
    host: Literal["crash", "pause"] | None = Field(None, description="The host as a whole.")
    bundle: Literal["missing", "corrupt"] | None = Field(
        None, description="The bundle that the host downloads; with `where.revision`, of that revision."
    )
    file: StrangersFile | None = Field(None, description="A file in the way.")
    alarm: AlarmFault | None = Field(None, description="What an alarm says, at no host in particular.")
    pool: PoolChange | None = Field(None, description="What somebody does with a pool: scale it, suspend, resume.")

    @property
    def nowhere(self) -> bool:
        """Whether it strikes at no host in particular."""
        return self.alarm is not None or self.pool is not None

    @property
    def kind(self) -> str:
        """The effect's name, such as `health`."""
        return next(name for name in EFFECTS if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one(self) -> Self:
        _needs_one(self, EFFECTS)
        return self


class Fault(Model):
    """A scripted failure.

    Without `when`, from the beginning; without `where`, everywhere; without `for`, for good. With
    `when.event`, a fault strikes a host as that host enters the event, if `where` selects it.
    """

    name: str = Field("", description="How the run speaks of it; made from its effect where it is left out.")
    when: When | None = Field(None, description="Left out: from the beginning.")
    where: Where = Field(Where(), description="Left out: every host.")
    do: Effect
    lasts: SomeTime | None = Field(None, alias="for", description="Left out: for good.")

    @model_validator(mode="after")
    def _script_needs_event(self) -> Self:
        if self.do.script is not None and (self.when is None or self.when.event is None):
            raise RuleError("a script fault needs when: {event: …}, the lifecycle event whose scripts it strikes")
        return self


class OperatorAction(Model):
    """What a person does during the run."""

    when: When
    do: Literal["stop", "abort", "continue", "pause", "resume", "promote", "promote-full"] = Field(
        description="`abort` stops and rolls back; the others are said to a deployment that goes on."
    )
    group: str | None = Field(
        None,
        description="To the deployment of this group. Left out: to the one of which `when` speaks, or to the last "
        "that was created and is under way.",
    )
    auto_rollback: bool | None = Field(
        None, description="With stop, as in StopDeployment; left out: as the group is configured."
    )
