"""The scenario format: one YAML file is one rehearsal.

The names are CodeDeploy's (in snake_case) wherever CodeDeploy has one. These models say what a scenario
means; `scenarios.loader` reads a file into them and tells mistakes at their line and column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Self

from pydantic import ConfigDict, Field, field_validator, model_validator
from pydantic.config import JsonDict

from scenarios.environments import Environment
from scenarios.expectations import Expect, ExpectDeployment, ExpectEvent, Outcome
from scenarios.faults import (
    Effect,
    Fault,
    Flapping,
    HealthFault,
    OperatorAction,
    ScriptExit,
    StrangersFile,
    When,
    Where,
)
from scenarios.groups import Deploy, DeploymentConfig, FileExistsBehavior, Group, RollbackEvent, TagFilter
from scenarios.hosts import Fleet, Host, NamedHost
from scenarios.notifications import TriggerConfig
from scenarios.platforms import FUNCTIONS_MAX, SERVER, ComputePlatform, Function, Task
from scenarios.pools import GROUP_NAME_TAG, POOL_NAME, POOLS_MAX, Image, Pool, PoolChange, pool_of
from scenarios.service_faults import MemoryLeak, SlowToDrain
from scenarios.signals import SIGNALS_MAX, Alarm, Analysis
from scenarios.strategies import MinimumHealthyHosts, StrategyOptions
from scenarios.words import (
    DEPLOYMENTS_MAX,
    FAULTS_MAX,
    GROUPS_MAX,
    HOST_NAME,
    HOSTS_MAX,
    NO_REVISION,
    RESOURCE_NAME,
    DeploymentStatus,
    Duration,
    ErrorCode,
    LifecycleEvent,
    Model,
    RuleError,
    SomeTime,
    Trigger,
    duration_ms,
    exactly_one,
)

__all__ = [
    "DEPLOYMENTS_MAX",
    "FAULTS_MAX",
    "HOSTS_MAX",
    "HOST_NAME",
    "NO_REVISION",
    "RESOURCE_NAME",
    "Alarm",
    "Analysis",
    "Balancer",
    "Behaves",
    "Deploy",
    "DeploymentConfig",
    "DeploymentStatus",
    "Duration",
    "Effect",
    "Environment",
    "ErrorCode",
    "Expect",
    "ExpectDeployment",
    "ExpectEvent",
    "Fault",
    "FileExistsBehavior",
    "Flapping",
    "Fleet",
    "Group",
    "HealthCheck",
    "HealthFault",
    "Host",
    "Image",
    "LifecycleEvent",
    "Limits",
    "MemoryLeak",
    "MinimumHealthyHosts",
    "Model",
    "NamedHost",
    "OperatorAction",
    "Outcome",
    "Pool",
    "PoolChange",
    "Revision",
    "RollbackEvent",
    "RuleError",
    "Scenario",
    "ScriptBehaves",
    "ScriptExit",
    "SlowToDrain",
    "StrangersFile",
    "TagFilter",
    "Traffic",
    "Trigger",
    "TriggerConfig",
    "When",
    "Where",
    "duration_ms",
]


class HealthCheck(Model):
    """How the balancer decides whether a host may have requests. The defaults are an ALB's."""

    path: str = Field("/", pattern=r"^/\S*$", description="What it asks for.")
    status: int = Field(200, ge=100, le=599, description="The status code that counts as healthy.")
    interval: SomeTime = Field(30_000, description="From one check to the next.")
    timeout: SomeTime = Field(5_000, description="An answer that takes longer counts as a failure.")
    rise: int = Field(5, ge=1, le=50, description="Passing checks in a row until a host is healthy.")
    fall: int = Field(2, ge=1, le=50, description="Failing checks in a row until a host is unhealthy.")


class Traffic(Model):
    """The steady stream of requests that the service's users make through the balancer during the run."""

    rate: int = Field(20, ge=1, le=1000, description="Requests per second.")
    path: str = Field("/", pattern=r"^/\S*$", description="What they ask for.")


class Balancer(Model):
    """The load balancer before the fleet."""

    port: int = Field(8080, ge=1, le=65535, description="The port on which the application listens on every host.")
    health_check: HealthCheck = HealthCheck()
    draining: Duration = Field(300_000, description="The longest wait for requests under way when a host is taken out.")
    traffic: Traffic = Traffic()


class ScriptBehaves(Model):
    """What the virtual fleet takes a script to do. On Docker the script itself runs."""

    exit: int = Field(0, ge=0, le=255, description="Its exit code.")
    lasts: Duration | None = Field(None, description="How long it takes. Left out: drawn by the seed.")
    hangs: bool = Field(False, description="It never ends.")
    leaves: tuple[Annotated[str, Field(pattern=r"^/.+")], ...] = Field(
        (), description="Files that it writes, by their absolute paths."
    )
    keeps_output_open: bool = Field(
        False, description="It ends at once, but what it started keeps its output open, and the agent waits."
    )

    @field_validator("leaves", mode="before")
    @classmethod
    def _list(cls, value: object) -> object:
        """A revision's short form makes Python's data of JSON's, and those have lists where a tuple is wanted."""
        return tuple(value) if isinstance(value, list) else value


class Behaves(Model):
    """What the virtual fleet is told of a revision, because it runs nothing. Docker finds out for itself."""

    answers: dict[str, Annotated[int, Field(ge=100, le=599)]] = Field(
        {}, description="Status code by path; a path that is not named answers 200."
    )
    needs: dict[str, Annotated[str, Field(pattern=r"^/.+")]] = Field(
        {}, description="By path, a file on the host's disk without which it answers 404: of a machine image, say."
    )
    scripts: dict[str, ScriptBehaves] = Field({}, description="By the script's location in the AppSpec.")
    latency: SomeTime = Field(5, description="How long an answer takes, about: most do, a few take twice as long.")


class Revision(Model):
    """A revision of the application: a bundle, as a directory or an archive (zip, tar, tgz), or a commit."""

    model_config = ConfigDict(json_schema_extra=exactly_one(("bundle", "repository")))

    bundle: Path = Field(Path(), description="Relative to the scenario file.")
    repository: Path | None = Field(
        None, description="A git repository on this machine, relative to the scenario file, in place of a bundle."
    )
    commit: str | None = Field(None, description="With `repository`: which commit is the bundle, best by its whole id.")
    behaves: Behaves = Behaves()
    task: Task | None = Field(None, description="On ECS: what its tasks run.")
    handler: str = Field(
        "handler.py",
        pattern=r"^[^/].*\.py$",
        description="On Lambda: its file with `handler(event, context)`.",
    )

    @model_validator(mode="after")
    def _bundle_or_commit(self) -> Self:
        if "bundle" not in self.model_fields_set and (self.repository is None or self.commit is None):
            raise RuleError("a revision needs a bundle, or a repository and a commit")
        return self

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"bundle": value} if isinstance(value, str) else value


class Limits(Model):
    """How long things may take. The defaults are CodeDeploy's quotas."""

    start: SomeTime = Field(300_000, description="Until a host begins a lifecycle event.")
    event: SomeTime = Field(3_600_000, description="From the beginning of a lifecycle event to its end.")
    deployment: SomeTime = Field(8 * 3_600_000, description="A whole in-place deployment.")
    launch: SomeTime = Field(3_600_000, description="From a host's launch until its launch deployment has ended.")


_HOSTS: JsonDict = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "array", "minItems": 1}]}
_WITHOUT_POOLS: JsonDict = {
    "required": ["fleet", "deploy"],
    "properties": {"fleet": {"required": ["hosts"], "properties": {"hosts": _HOSTS}}, "deploy": {"minItems": 1}},
}


class Scenario(Model):
    """One rehearsal."""

    model_config = ConfigDict(json_schema_extra={"anyOf": [{"required": ["pools"]}, _WITHOUT_POOLS]})

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$", description="Lower-case letters, digits and hyphens.")
    title: str = Field("", description="One line: what happens.")
    about: str = Field("", description="A paragraph: what is to be learned from it.")
    source: tuple[str, ...] = Field((), description="Where this happened to somebody.")
    application: str = Field("web", pattern=RESOURCE_NAME)
    fleet: Fleet = Field(Fleet(), description="The hosts; left out: those of the pools.")
    pools: dict[Annotated[str, Field(pattern=POOL_NAME)], Pool] = Field(
        {}, max_length=POOLS_MAX, description="Scaling groups by name; `group.pools` says which groups have them."
    )
    balancer: Balancer | None = Field(None, description="Left out: no load balancer, and no traffic events.")
    revisions: dict[str, Revision] = Field(
        min_length=1, description="The application's revisions, by a name of your choice."
    )
    group: Group = Field(Group(), description="The application's deployment group.")
    groups: tuple[Group, ...] = Field(
        (), max_length=GROUPS_MAX, description="Several groups, of one application or more; in place of `group`."
    )
    environments: dict[str, Environment] = Field(
        {},
        max_length=GROUPS_MAX,
        description="The way of a revision, as a graph of groups; a deployment that names no group goes all of it.",
    )
    deploy: tuple[Deploy, ...] = Field(
        (), max_length=DEPLOYMENTS_MAX, description="The deployments; one after the other, but for `when`."
    )
    limits: Limits = Limits()
    alarms: dict[str, Alarm] = Field(
        {}, max_length=SIGNALS_MAX, description="Alarms by name; `group.alarms` says which of them stop a deployment."
    )
    analyses: dict[str, Analysis] = Field(
        {}, max_length=SIGNALS_MAX, description="Analyses by name; a strategy says which of them judges it, and when."
    )
    functions: dict[str, Function] = Field(
        {}, max_length=FUNCTIONS_MAX, description="On ECS and Lambda: the functions that AppSpecs name as hooks."
    )
    faults: tuple[Fault, ...] = Field((), max_length=FAULTS_MAX, description="What goes wrong.")
    operator: tuple[OperatorAction, ...] = Field((), description="What a person does meanwhile.")
    expect: Expect | None = Field(None, description="What must come of it; without it, nothing is asked for.")

    @model_validator(mode="after")
    def _group_or_groups(self) -> Self:
        if self.groups and "group" in self.model_fields_set:
            raise RuleError("group and groups exclude each other")
        return self

    @model_validator(mode="after")
    def _hosts_and_deployments(self) -> Self:
        if not self.pools and not (self.fleet.hosts and self.deploy):
            raise RuleError("a scenario has hosts and deployments, or pools")
        return self

    def named_hosts(self) -> tuple[NamedHost, ...]:
        """Every host as the run finds it: the fleet's, and those of the pools."""
        hosts = self.fleet.named_hosts()
        return hosts if not self.pools else (*hosts, *self._pool_hosts())

    def _pool_hosts(self) -> Iterator[NamedHost]:
        for name, pool in self.pools.items():
            zones = pool.all_zones
            for number in range(pool.desired):
                yield self.pool_host(f"{name}-{number + 1}", zones[number % len(zones)])

    def pool_host(self, host: str, zone: str) -> NamedHost:
        """A host as its pool launches it, or a blue/green deployment in its place; one of no pool is as the fleet's."""
        name = pool_of(host, self.pools)
        if name is None:
            return NamedHost(host, zone, self.fleet.tags, self.fleet.files)
        pool = self.pools[name]
        tags = {**self.fleet.tags, **pool.tags, GROUP_NAME_TAG: name}
        return NamedHost(host, zone, tags, {**self.fleet.files, **pool.image.files}, pool=name)

    def image_of(self, host: str) -> Image:
        """The machine image of a host's pool; an empty one for a host of no pool."""
        name = pool_of(host, self.pools)
        return Image() if name is None else self.pools[name].image

    @property
    def all_groups(self) -> tuple[Group, ...]:
        """Every group, whichever way they were written."""
        return self.groups or (self.group,)

    @property
    def compute_platform(self) -> ComputePlatform:
        """What is deployed to: every group's is the same."""
        return self.all_groups[0].compute_platform

    def targets(self) -> tuple[NamedHost, ...]:
        """What is deployed to: the hosts, or the one service or function, which is called as its application is."""
        if self.compute_platform == SERVER:
            return self.named_hosts()
        return (NamedHost(self.service, "", self.fleet.tags, {}),)

    @property
    def service(self) -> str:
        """What the service or the function is called that is deployed to, where there are no hosts."""
        return self.all_groups[0].application or self.application

    def group_of(self, deploy: Deploy) -> Group:
        """The group of a deployment: the one that it names, or the first."""
        groups = self.all_groups
        return next((group for group in groups if group.name == deploy.group), groups[0])

    def groups_of(self, deploy: Deploy) -> tuple[Group, ...]:
        """The groups of a deployment: of one that goes through the environments those of all, in their order."""
        if deploy.group is not None or not self.environments:
            return (self.group_of(deploy),)
        wanted = {each.group or name for name, each in self.environments.items()}
        return tuple(group for group in self.all_groups if group.name in wanted)

    def running_in(self, group: Group) -> str | None:
        """The revision that a group's hosts were deployed to with success before; None: new hosts."""
        return group.running or self.fleet.running

    def balanced(self, group: Group) -> bool:
        """Whether a group's hosts are behind the balancer."""
        return self.balancer is not None and group.deployment_option != "WITHOUT_TRAFFIC_CONTROL"

    def subscribed(self) -> dict[str, tuple[TriggerConfig, ...]]:
        """The triggers of every group that has some, by the group's name."""
        return {group.name: group.triggers for group in self.all_groups if group.triggers}

    def standing_by(self) -> frozenset[str]:
        """Hosts that are outside every group, to replace one's own some day (DISCOVER_EXISTING)."""
        strategies = [group.strategy for group in self.all_groups]
        strategies += [deploy.strategy for deploy in self.deploy if deploy.strategy is not None]
        told = [strategy.blue_green for strategy in strategies if isinstance(strategy, StrategyOptions)]
        return frozenset(name for blue_green in told if blue_green for name in blue_green.target_instances)

    def outside(self) -> tuple[NamedHost, ...]:
        """The fleet's hosts that belong to no group and stand by for none; none where no host belongs to any."""
        groups = self.all_groups
        if self.compute_platform != SERVER or any(not group.has_filters and not group.pools for group in groups):
            return ()
        standing_by, hosts = self.standing_by(), self.fleet.named_hosts()
        found = tuple(
            host
            for host in hosts
            if host.name not in standing_by
            and not any(group.has("", host.tags, on_premises=host.on_premises) for group in groups)
        )
        return found if self.pools or len(found) < len(hosts) else ()

    def members(self, group: Group, hosts: Iterable[NamedHost] | None = None) -> tuple[NamedHost, ...]:
        """The hosts of a group, in the fleet's order; of `hosts`, where they are already known by name."""
        standing_by = self.standing_by()
        return tuple(
            host
            for host in (self.targets() if hosts is None else hosts)
            if host.name not in standing_by and group.has(host.pool, host.tags, on_premises=host.on_premises)
        )
