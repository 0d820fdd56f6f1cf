"""The scenario format: one YAML file is one rehearsal.

The names are CodeDeploy's (in snake_case) wherever CodeDeploy has one. These models say what a scenario means;
`scenarios.loader` reads a file into them and tells mistakes at their line and column.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

HOSTS_MAX = 1_000_000
DEPLOYMENTS_MAX = 100
FAULTS_MAX = 100
HOST_NAME = r"^[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?$"
RESOURCE_NAME = r"^[A-Za-z0-9+=,.@_-]{1,100}$"
"""CodeDeploy's own rule for the names of applications, groups and configurations."""

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
_DURATION = re.compile(r"^(\d+(?:\.\d+)?)(ms|s|m|h)$")

LifecycleEvent = Literal[
    "BeforeBlockTraffic",
    "BlockTraffic",
    "AfterBlockTraffic",
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
]
DeploymentStatus = Literal["InProgress", "Succeeded", "Failed", "Stopped"]


def duration_ms(value: object) -> object:
    """`"1500ms"`, `"10s"`, `"5m"`, `"1h"` as integer milliseconds. A number without a unit is refused."""
    if isinstance(value, str) and (match := _DURATION.match(value.strip())):
        return round(float(match[1]) * _UNITS_MS[match[2]])
    raise ValueError("expected a duration such as 1500ms, 10s, 5m or 1h" + _unit_hint(value))


def _unit_hint(value: object) -> str:
    return f"; write {value}s for seconds" if isinstance(value, int | float) and not isinstance(value, bool) else ""


Duration = Annotated[
    int,
    BeforeValidator(duration_ms, json_schema_input_type=str),
    Field(json_schema_extra={"pattern": _DURATION.pattern, "examples": ["10s", "5m"]}),
]
"""Milliseconds, written with a unit."""


class Model(BaseModel):
    """What every part of a scenario has in common: it is immutable, and a key that it does not know is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Host(Model):
    """One host by name."""

    name: str = Field(pattern=HOST_NAME)
    zone: str = ""
    tags: dict[str, str] = {}
    files: dict[str, str] = Field({}, description="Files on this host's disk before the run, beside the fleet's.")


class Fleet(Model):
    """The hosts, and what they are before the run."""

    hosts: int | tuple[Host, ...] = Field(description="How many hosts (named h1, h2, …), or the hosts one by one.")
    zones: tuple[str, ...] = Field((), description="Hosts given as a number are spread over these in turn.")
    tags: dict[str, str] = Field({}, description="Tags that every host has.")
    running: str | None = Field(
        None, description="The revision that was deployed, with success, to every host before the run. None: new hosts."
    )
    files: dict[str, str] = Field({}, description="Files (path: content) that a stranger put on every host's disk.")
    users: tuple[str, ...] = Field(("ec2-user",), description="Users that exist on the hosts beside the system's own.")

    def named_hosts(self) -> tuple[Host, ...]:
        """Every host, whichever way the fleet was written, with its zone, tags and files complete."""
        hosts = self.hosts
        if isinstance(hosts, int):
            zones = self.zones or ("",)
            hosts = tuple(Host(name=f"h{i + 1}", zone=zones[i % len(zones)]) for i in range(hosts))
            return tuple(host.model_copy(update={"tags": self.tags, "files": self.files}) for host in hosts)
        return tuple(
            host.model_copy(update={"tags": {**self.tags, **host.tags}, "files": {**self.files, **host.files}})
            for host in hosts
        )

    @model_validator(mode="after")
    def _hosts_within_bounds(self) -> Self:
        count = self.hosts if isinstance(self.hosts, int) else len(self.hosts)
        if not 1 <= count <= HOSTS_MAX:
            raise ValueError(f"hosts: expected 1 to {HOSTS_MAX:,} hosts, found {count:,}")
        if not isinstance(self.hosts, int):
            names = [host.name for host in self.hosts]
            if twice := sorted({name for name in names if names.count(name) > 1}):
                raise ValueError(f"hosts: every host needs a name of its own; found more than one {', '.join(twice)}")
        return self


class HealthCheck(Model):
    """How the balancer decides whether a host may have requests. The defaults are those of an ALB's target group."""

    path: str = Field("/", pattern=r"^/\S*$")
    status: int = Field(200, ge=100, le=599, description="The status code that counts as healthy.")
    interval: Duration = 30_000
    timeout: Duration = 5_000
    rise: int = Field(5, ge=1, le=50, description="Passing checks in a row until a host is healthy.")
    fall: int = Field(2, ge=1, le=50, description="Failing checks in a row until a host is unhealthy.")


class Traffic(Model):
    """The steady stream of requests that the service's users make through the balancer during the run."""

    rate: int = Field(20, ge=1, le=1000, description="Requests per second.")
    path: str = Field("/", pattern=r"^/\S*$")


class Balancer(Model):
    """The load balancer before the fleet."""

    port: int = Field(8080, ge=1, le=65535, description="The port on which the application listens on every host.")
    health_check: HealthCheck = HealthCheck()
    draining: Duration = Field(300_000, description="The longest wait for requests under way when a host is taken out.")
    traffic: Traffic = Traffic()


class ScriptBehaves(Model):
    """What the virtual fleet takes a script to do. On Docker the script itself runs."""

    exit: int = Field(0, ge=0, le=255)
    lasts: Duration | None = None
    hangs: bool = False


class Behaves(Model):
    """What the virtual fleet is told of a revision, because it runs nothing. Docker finds out for itself."""

    answers: dict[str, int] = Field({}, description="Status code by path; a path that is not named answers 200.")
    scripts: dict[str, ScriptBehaves] = Field({}, description="By the script's location in the AppSpec.")


class Revision(Model):
    """A revision of the application: a bundle, as a directory or an archive (zip, tar, tgz)."""

    bundle: Path = Field(description="Relative to the scenario file.")
    behaves: Behaves = Behaves()

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"bundle": value} if isinstance(value, str) else value


class MinimumHealthyHosts(Model):
    """As CreateDeploymentConfig takes it."""

    type: Literal["HOST_COUNT", "FLEET_PERCENT"]
    value: int = Field(ge=0)

    @model_validator(mode="after")
    def _percent(self) -> Self:
        if self.type == "FLEET_PERCENT" and self.value > 99:
            raise ValueError(f"value: FLEET_PERCENT takes 0 to 99, found {self.value}")
        return self


DeploymentConfig = str | MinimumHealthyHosts
RollbackEvent = Literal["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"]
FileExistsBehavior = Literal["DISALLOW", "OVERWRITE", "RETAIN"]


class Group(Model):
    """The deployment group: what its deployments have in common."""

    name: str = Field("production", pattern=RESOURCE_NAME)
    strategy: Literal["in-place", "rolling"] = "rolling"
    deployment_config: DeploymentConfig = "CodeDeployDefault.OneAtATime"
    auto_rollback: tuple[RollbackEvent, ...] = ()


class Deploy(Model):
    """One deployment. What is left out is the group's."""

    revision: str
    strategy: Literal["in-place", "rolling"] | None = None
    deployment_config: DeploymentConfig | None = None
    file_exists_behavior: FileExistsBehavior = "DISALLOW"
    ignore_application_stop_failures: bool = False
    description: str = Field("", max_length=256)


class Limits(Model):
    """How long things may take. The defaults are CodeDeploy's quotas."""

    start: Duration = Field(300_000, description="Until a host begins a lifecycle event.")
    event: Duration = Field(3_600_000, description="From the beginning of a lifecycle event to its end.")
    deployment: Duration = Field(8 * 3_600_000, description="A whole in-place deployment.")


class When(Model):
    """When something happens: at a time, at a host's lifecycle event, or at a status of a deployment. Exactly one."""

    at: Duration | None = Field(None, description="Time since the run began.")
    event: LifecycleEvent | None = Field(None, description="As a host enters this lifecycle event.")
    status: DeploymentStatus | None = Field(None, description="As a deployment reaches this status.")
    deployment: int | None = Field(
        None, ge=1, description="Only in the n-th deployment of the run (rollbacks count). With event or status."
    )
    host: str | None = Field(None, description="With `event`: only as this host enters it.")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(x is not None for x in (self.at, self.event, self.status)) != 1:
            raise ValueError("expected exactly one of at, event, status")
        if self.host is not None and self.event is None:
            raise ValueError("host: goes with event")
        return self


class Where(Model):
    """Which hosts: those for which everything that is written holds."""

    hosts: tuple[str, ...] | None = None
    tag: dict[str, str] | None = None
    zone: str | None = None
    revision: str | None = Field(
        None, description="Hosts while they carry this revision: from its DownloadBundle to the next revision's."
    )
    random: int | None = Field(None, ge=1, description="So many of the hosts that the rest selects, drawn by the seed.")


class Flapping(Model):
    """Failing for `down`, passing for `up`, and again."""

    up: Duration
    down: Duration
    status: int = Field(503, ge=100, le=599)


class HealthFault(Model):
    """What the health check's path answers in place of the application. Exactly one."""

    status: int | None = Field(None, ge=100, le=599)
    slow: Duration | None = Field(None, description="Answers only after this long.")
    flapping: Flapping | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(x is not None for x in (self.status, self.slow, self.flapping)) != 1:
            raise ValueError("expected exactly one of status, slow, flapping")
        return self


class ScriptExit(Model):
    """The scripts of the event exit with this code."""

    exit: int = Field(ge=1, le=255)


class StrangersFile(Model):
    """A file that nobody's bundle put there appears on the disk."""

    path: str = Field(pattern=r"^/.+")
    content: str = "left here by hand\n"


class Effect(Model):
    """What a fault does. Exactly one."""

    health: HealthFault | None = None
    script: Literal["hang", "missing"] | ScriptExit | None = Field(
        None, description="Of the lifecycle event named under `when`."
    )
    agent: Literal["stop", "restart"] | None = None
    host: Literal["crash", "pause"] | None = None
    bundle: Literal["missing", "corrupt"] | None = None
    file: StrangersFile | None = None

    @property
    def kind(self) -> str:
        """The effect's name, such as `health`."""
        return next(name for name in type(self).model_fields if getattr(self, name) is not None)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(getattr(self, name) is not None for name in type(self).model_fields) != 1:
            raise ValueError(f"expected exactly one of {', '.join(type(self).model_fields)}")
        return self


class Fault(Model):
    """A scripted failure. Without `when`, from the beginning; without `where`, everywhere; without `for`, for good."""

    name: str = Field("", description="How the run speaks of it; made from its effect where it is left out.")
    when: When | None = None
    where: Where = Where()
    do: Effect
    lasts: Duration | None = Field(None, alias="for")

    @model_validator(mode="after")
    def _script_needs_event(self) -> Self:
        if self.do.script is not None and (self.when is None or self.when.event is None):
            raise ValueError("do: a script fault needs when: {event: …}, the lifecycle event whose scripts it strikes")
        return self


class OperatorAction(Model):
    """What a person does during the run."""

    when: When
    do: Literal["stop"]
    auto_rollback: bool | None = Field(None, description="As in StopDeployment; left out: as the group is configured.")


class ExpectDeployment(Model):
    """What is expected of one deployment. What is left out may be anything."""

    revision: str | None = None
    status: DeploymentStatus | None = None
    creator: Literal["user", "codeDeployRollback"] | None = None
    error: str | None = Field(None, description="The error code, such as HEALTH_CONSTRAINTS.")
    message: str | None = Field(None, description="Words that the error's message contains.")
    hosts: dict[Literal["Succeeded", "Failed", "Skipped", "Pending"], int] = Field(
        {}, description="How many hosts ended in each status."
    )


class ExpectEvent(Model):
    """A lifecycle event that is expected; a list of them is expected in this order, others may come between."""

    host: str | None = None
    event: LifecycleEvent
    status: Literal["Succeeded", "Failed", "Skipped"]
    deployment: int | None = Field(None, ge=1)
    message: str | None = Field(None, description="Words that the event's diagnostics contain.")


class Expect(Model):
    """What makes a scenario a test."""

    outcome: Literal["succeeded", "failed", "stopped", "rolled_back", "rollback_failed", "inconclusive"] | None = None
    deployments: tuple[ExpectDeployment, ...] | None = Field(None, description="All deployments of the run, in order.")
    revisions: dict[str, int] | None = Field(None, description="How many hosts end on each revision ('none' for no revision).")
    hosts: dict[str, str] = Field({}, description="The revision on which a host ends, by name.")
    events: tuple[ExpectEvent, ...] = ()
    in_service_min: int | None = Field(None, ge=0, description="At least so many hosts in service at any time.")
    availability: float | None = Field(None, ge=0, le=1, description="At least this share of requests answered.")
    notifications: tuple[str, ...] = Field((), description="Triggers in this order, others may come between.")
    every_host_succeeds: bool = Field(False, description="Stricter than CodeDeploy: no host of any deployment may fail.")


class Scenario(Model):
    """One rehearsal."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")
    title: str = Field("", description="One line: what happens.")
    about: str = Field("", description="A paragraph: what is to be learned from it.")
    source: tuple[str, ...] = Field((), description="Where this happened to somebody.")
    application: str = Field("web", pattern=RESOURCE_NAME)
    fleet: Fleet
    balancer: Balancer | None = None
    revisions: dict[str, Revision]
    group: Group = Group()
    deploy: tuple[Deploy, ...] = Field(min_length=1, max_length=DEPLOYMENTS_MAX)
    limits: Limits = Limits()
    faults: tuple[Fault, ...] = Field((), max_length=FAULTS_MAX)
    operator: tuple[OperatorAction, ...] = ()
    expect: Expect | None = None
