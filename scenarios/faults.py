"""Scripted failures and what a person does meanwhile: when, where, what, for how long."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from scenarios.host_faults import ClockFault, NetworkFault
from scenarios.pools import PoolChange
from scenarios.service_faults import BalancerFault, MemoryLeak
from scenarios.signals import AlarmFault, Share
from scenarios.words import (
    DeploymentStatus,
    Duration,
    LifecycleEvent,
    Model,
    RuleError,
    SomeTime,
    duration_text,
    exactly_one,
)

TRIGGERS = ("at", "event", "status", "gate", "weight", "request", "launched")
COUNTED_BY_DEPLOYMENT = ("event", "status", "weight")
"""Triggers of which it can be said in which deployment."""
HEALTH_EFFECTS = ("status", "slow", "flapping")
EFFECTS = (
    *("health", "script", "agent", "host", "bundle", "file", "alarm"),
    *("balancer", "slow_start", "memory", "controller", "network", "disk", "clock", "pool"),
)
AT_NO_HOST = frozenset({"alarm", "balancer", "controller", "pool"})
"""Effects that strike the run, at no host in particular."""
_BY_WORD = frozenset({"agent", "host", "bundle", "balancer", "network"})
"""Effects whose words have nothing in common but where they strike."""


def _needs_one(model: Model, names: tuple[str, ...]) -> None:
    if sum(getattr(model, name) is not None for name in names) != 1:
        raise RuleError(f"expected exactly one of {', '.join(names)}")


class When(Model):
    """When something happens: a time, a host's lifecycle event, a deployment's status or weight, a gate, a request.

    Or a launch. Exactly one.
    """

    model_config = ConfigDict(json_schema_extra=exactly_one(TRIGGERS))

    at: Duration | None = Field(None, description="Time since the run began.")
    event: LifecycleEvent | None = Field(None, description="As a host enters this lifecycle event.")
    status: DeploymentStatus | None = Field(None, description="As a deployment reaches this status.")
    gate: str | None = Field(None, description="As a person is asked before this environment.")
    weight: int | None = Field(
        None, ge=1, le=100, description="As a deployment's share of the traffic (blue/green), in percent, reaches this."
    )
    request: int | None = Field(
        None, ge=1, description="As the service's users make their n-th request of the run, counted from 1."
    )
    launched: str | None = Field(None, description="As a host that this pool, or its replacement, launched is there.")
    deployment: int | None = Field(
        None,
        ge=1,
        description="Only in the n-th deployment of the run (rollbacks count). With event, status or weight.",
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
        if self.deployment is not None and all(getattr(self, name) is None for name in COUNTED_BY_DEPLOYMENT):
            raise RuleError("deployment goes with event, status or weight")
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
    random: int | None = Field(
        None,
        ge=1,
        description="So many of the hosts that the rest selects, drawn by the seed; and as many of a deployment's new "
        "ones.",
    )


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

    @property
    def words(self) -> str:
        """How a fault without a name of its own is called."""
        if (flaps := self.flapping) is not None:
            return f"flapping, {duration_text(flaps.up)} up, {duration_text(flaps.down)} down, {flaps.status}"
        return f"slow {duration_text(self.slow)}" if self.slow is not None else str(self.status)

    @model_validator(mode="after")
    def _one(self) -> Self:
        _needs_one(self, HEALTH_EFFECTS)
        return self


class ScriptExit(Model):
    """The scripts of the event exit with this code."""

    exit: int = Field(ge=1, le=255, description="The exit code.")

    @property
    def words(self) -> str:
        """How a fault without a name of its own is called."""
        return f"exit {self.exit}"


class StrangersFile(Model):
    """A file that nobody's bundle put there appears on the disk."""

    path: str = Field(pattern=r"^/.+", description="Where it appears.")
    content: str = Field("left here by hand\n", description="What stands in it.")

    @property
    def words(self) -> str:
        """How a fault without a name of its own is called."""
        return self.path


class Effect(Model):
    """What a fault does. Exactly one."""

    model_config = ConfigDict(json_schema_extra=exactly_one(EFFECTS))

    health: HealthFault | None = Field(None, description="What the health check sees in place of the application.")
    script: (
        Annotated[
            Annotated[Literal["hang", "missing", "keeps-output-open"], Tag("<word>")]
            | Annotated[ScriptExit, Tag("<exit>")],
            Discriminator(lambda value: "<exit>" if isinstance(value, dict | ScriptExit) else "<word>"),
        ]
        | None
    ) = Field(None, description="Of the lifecycle event named under `when`.")
    agent: Literal["stop", "restart"] | None = Field(None, description="The agent on the host.")
    host: Literal["crash", "pause", "terminate"] | None = Field(
        None, description="The host as a whole; one that is terminated never comes back."
    )
    bundle: Literal["missing", "corrupt", "access-denied"] | None = Field(
        None,
        description="The bundle that the host downloads; with `where.revision`, of that revision. `access-denied`: "
        "the host's role may not read it.",
    )
    file: StrangersFile | None = Field(None, description="A file in the way.")
    alarm: AlarmFault | None = Field(None, description="What an alarm says, at no host in particular.")
    balancer: BalancerFault | None = Field(
        None,
        description="The balancer: it refuses to register hosts, restarts (and knows nothing of their health), or is "
        "slow to let go of them.",
    )
    slow_start: SomeTime | None = Field(None, description="The application answers 503 for so long after each start.")
    memory: MemoryLeak | None = Field(None, description="The application runs out of memory.")
    controller: Literal["crash"] | None = Field(
        None, description="The controller dies between two steps, and after `for` begins anew from its journal."
    )
    network: NetworkFault | None = Field(None, description="The host's network.")
    disk: Literal["full"] | None = Field(None, description="The disk on which the agent keeps what it downloads.")
    clock: ClockFault | None = Field(None, description="The host's clock.")
    pool: PoolChange | None = Field(None, description="What somebody does with a pool: scale it, suspend, resume.")

    @property
    def kind(self) -> str:
        """The effect's name, such as `health`."""
        return next(name for name in EFFECTS if getattr(self, name) is not None)

    @property
    def case(self) -> str:
        """The effect's name, with the word that tells one case from another: `health`, `host crash`."""
        effect = getattr(self, self.kind)
        if self.kind not in _BY_WORD:
            return self.kind
        word = effect if isinstance(effect, str) else getattr(effect, "kind", None)
        return f"{self.kind} {word or next(iter(type(effect).model_fields))}"

    @property
    def at_no_host(self) -> bool:
        """Whether it strikes the run, and no host in particular."""
        return self.kind in AT_NO_HOST

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
    probability: Share = Field(
        1.0,
        description="How probable it is that it strikes, drawn by the seed: for each host once or, with `when.event`, "
        "each time that a host enters the event.",
    )

    @model_validator(mode="after")
    def _lasts(self) -> Self:
        if self.do.controller is not None and self.lasts is None:
            raise RuleError("a controller that stays away decides nothing more: say with `for` how long")
        if self.do.balancer == "restart" and self.lasts is not None:
            raise RuleError("a restart of the balancer is over by itself")
        if self.probability == 0:
            raise RuleError("a fault with probability 0 never strikes")
        return self

    @model_validator(mode="after")
    def _script_needs_event(self) -> Self:
        if self.do.script is not None and (self.when is None or self.when.event is None):
            raise RuleError("a script fault needs when: {event: …}, the lifecycle event whose scripts it strikes")
        if self.do.host == "terminate" and self.lasts is not None:
            raise RuleError("a host that is terminated does not come back")
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
