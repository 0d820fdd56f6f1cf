"""A plan: what a deployment is going to do, as data.

A strategy is a function from hosts, a deployment configuration and the strategy's own options to a plan, a directed
acyclic graph of stages. The engine in `simulator.rollout` walks any plan; `drydeploy plan` draws it. A new strategy is
a new short file that puts stages together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple, Protocol

import networkx as nx

from strategies.configuration import DeploymentConfig, MinimumHealthyHosts, MinimumHealthyHostsType
from strategies.options import Options

WHOLE = 100
"""All of the traffic, in percent."""
HOST = "a host"
"""What a bake watches, unless it is told otherwise."""
NO_MINIMUM = MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 0)


class Member(NamedTuple):
    """A host as a strategy sees it."""

    name: str
    zone: str = ""


class Part(StrEnum):
    """Which part of its lifecycle a host goes through in a stage."""

    WHOLE = "whole"
    """All of it, where it stands."""
    INSTALL = "install"
    """From ApplicationStop to ValidateService, out of traffic. The host is Ready then."""
    ALLOW = "allow"
    """Into traffic."""
    BLOCK = "block"
    """Out of traffic."""
    LAUNCH = "launch"
    """All of a host that a pool has just launched: there is nothing to block."""
    TERMINATION = "termination"
    """What is left to a host that its pool is about to terminate: out of traffic, and ApplicationStop."""
    REPLACE = "replace"
    """Of a service of ECS: a replacement task set, from BeforeInstall to AfterAllowTestTraffic. The service is Ready
    then."""
    BEFORE = "before"
    """Of a service or a function: BeforeAllowTraffic. What follows is the traffic, stage by stage."""
    AFTER = "after"
    """Of a service or a function: AfterAllowTraffic, once all of the traffic has been shifted."""


_PART_WORDS = {
    Part.WHOLE: "deploy to",
    Part.INSTALL: "install on",
    Part.ALLOW: "let in",
    Part.BLOCK: "take out",
    Part.LAUNCH: "deploy to new",
    Part.TERMINATION: "take leave of",
}
_TARGET_WORDS = {
    Part.REPLACE: "bring up a replacement task set for",
    Part.BEFORE: "before traffic is shifted, run BeforeAllowTraffic of",
    Part.AFTER: "after all of the traffic was shifted, run AfterAllowTraffic of",
}
"""Parts of the lifecycle of what is no host."""


@dataclass(frozen=True, slots=True)
class Deploy:
    """Take these hosts through a part of their lifecycle, never with fewer healthy than the minimum.

    `among` are the hosts over which the minimum is counted. `own_minimum` holds among the stage's hosts alone, as a
    zone has one. `must_succeed` is how many of them have to; None: as many as `own_minimum`, and one at least. Whatever
    it is, of all hosts as many as the minimum have to, and one at least; unless it is `forgiven`: then a failure fails
    nothing.
    """

    name: str
    hosts: tuple[str, ...]
    minimum_healthy_hosts: MinimumHealthyHosts
    among: tuple[str, ...]
    own_minimum: MinimumHealthyHosts = NO_MINIMUM
    part: Part = Part.WHOLE
    must_succeed: int | None = None
    forgiven: bool = False

    @property
    def fleet(self) -> int:
        """How many hosts the minimum is counted over."""
        return len(self.among)

    @property
    def required(self) -> int:
        """How many hosts of the fleet must stay healthy."""
        return self.minimum_healthy_hosts.required(self.fleet)

    @property
    def own_required(self) -> int:
        """How many of the stage's hosts must stay healthy."""
        return self.own_minimum.required(len(self.hosts))

    def unfit(self, config: str) -> str | None:
        """Why none of the hosts may ever be taken out, in words; None where one may. `config`: whose minimum holds."""
        hosts, fleet = len(self.hosts), self.fleet
        if self.required >= fleet:
            kept = f"{config} keeps {self.required} of {fleet} host{'s' * (fleet != 1)} healthy"
        elif self.own_required >= hosts:
            kept = f"{self.name}: the zone's own minimum keeps {self.own_required} of its {hosts} healthy"
        else:
            return None
        return f"{kept}, so none may ever be taken out"

    @property
    def at_once(self) -> int:
        """How many hosts may be under deployment at the same time."""
        return max(min(self.fleet - self.required, len(self.hosts) - self.own_required), 0)

    def __str__(self) -> str:
        if (target := _TARGET_WORDS.get(self.part)) is not None:
            return f"{target} {', '.join(self.hosts)}"
        hosts, required = len(self.hosts), self.required
        pace = "all at once" if hosts == self.at_once > 1 else f"{self.at_once} at once"
        words = f"{_PART_WORDS[self.part]} {hosts} host{'s' * (hosts != 1)}, {pace}"
        if required:
            # Of hosts that are out of traffic none is healthy; the minimum says how many of them have to succeed.
            stay = "must stay healthy" if self.part is Part.WHOLE else "must succeed"
            share = self.minimum_healthy_hosts.type is MinimumHealthyHostsType.FLEET_PERCENT
            words += f", {required} {stay}" + (f" ({self.minimum_healthy_hosts})" if share else "")
        return words + (f", {self.own_required} of these {hosts}" if self.own_required else "")


@dataclass(frozen=True, slots=True)
class Bake:
    """Wait, and watch what was deployed to so far: a host that turns unhealthy meanwhile fails the deployment.

    `watched`: what is, in words, where it is no host; empty where only alarms could tell.
    """

    name: str
    lasts_ms: int
    watched: str = HOST

    def __str__(self) -> str:
        what = f"{self.watched} that turns unhealthy fails" if self.watched else "an alarm stops"
        return f"bake for {duration(self.lasts_ms)}: {what} the deployment"


@dataclass(frozen=True, slots=True)
class Approve:
    """Wait for a person to say yes. `waits_ms` None: as long as the deployment may last."""

    name: str
    waits_ms: int | None

    def __str__(self) -> str:
        limit = "" if self.waits_ms is None else f"; without an answer within {duration(self.waits_ms)} it stops"
        return f"wait until somebody says continue{limit}"


@dataclass(frozen=True, slots=True)
class Provision:
    """Bring up new hosts, alike to those that they are to replace, and out of traffic."""

    name: str
    hosts: tuple[Member, ...]

    def __str__(self) -> str:
        return f"provision {len(self.hosts)} new host{'s' * (len(self.hosts) != 1)}"


@dataclass(frozen=True, slots=True)
class Shift:
    """Let these hosts together have this share of the traffic, and the others the rest.

    With a `target`, a service or a function, the share is that of the version which the deployment brings to it, and
    the shift is a part of the target's lifecycle event AllowTraffic: that begins with the first shift, and ends with
    the one to `WHOLE`.
    """

    name: str
    hosts: tuple[str, ...]
    percent: int
    target: str = ""
    to: str = "the new hosts"

    def __str__(self) -> str:
        other = "the other version" if self.target else "the old"
        return f"shift traffic: {self.percent} % to {self.to}, {WHOLE - self.percent} % to {other}"


@dataclass(frozen=True, slots=True)
class Terminate:
    """After a wait, end these hosts; with `keep` they only leave the group, and run on.

    `what` names what ends of a service: one of its task sets, and not the service.
    """

    name: str
    hosts: tuple[str, ...]
    after_ms: int = 0
    keep: bool = False
    what: str = ""

    def __str__(self) -> str:
        wait = f"after {duration(self.after_ms)}, " if self.after_ms else ""
        hosts = f"{len(self.hosts)} host{'s' * (len(self.hosts) != 1)}"
        if self.what:
            return f"{wait}{'leave' if self.keep else 'terminate'} {self.what}{' running' * self.keep}"
        return f"{wait}let {hosts} leave the group, and run on" if self.keep else f"{wait}terminate {hosts}"


@dataclass(frozen=True, slots=True)
class Analyse:
    """Have the new version judged by an analysis that the scenario names."""

    name: str
    analysis: str
    lasts_ms: int

    def __str__(self) -> str:
        return f"analyse by {self.analysis} for {duration(self.lasts_ms)}"


Stage = Deploy | Bake | Approve | Provision | Shift | Terminate | Analyse
"""What a plan is made of."""


class Plan:
    """A directed acyclic graph of stages; an edge says that one ends before the other begins.

    Raises ValueError for a plan with a cycle, with two stages of one name, or with none.
    """

    def __init__(self, stages: Sequence[Stage], edges: Sequence[tuple[str, str]] = ()) -> None:
        self.stages: dict[str, Stage] = {stage.name: stage for stage in stages}
        self.graph: nx.DiGraph[str] = nx.DiGraph()
        self.graph.add_nodes_from(self.stages)
        self.graph.add_edges_from(edges)
        if not stages or len(self.stages) != len(stages) or set(self.graph) != set(self.stages):
            raise ValueError(f"a plan needs stages with names of their own and edges between them; found {edges!r}")
        if not nx.is_directed_acyclic_graph(self.graph):
            raise ValueError(f"a plan cannot come back to a stage that it has left; found {edges!r}")

    @classmethod
    def chain(cls, *stages: Stage) -> Plan:
        """One stage after the other."""
        return cls(stages, [(a.name, b.name) for a, b in pairwise(stages)])

    def __iter__(self) -> Iterator[Stage]:
        """The stages in an order in which they can be walked, the same for the same plan."""
        return (self.stages[name] for name in nx.lexicographical_topological_sort(self.graph))


class Strategy(Protocol):
    """What every strategy is. Raises ValueError, in words for a user, for options that do not fit."""

    def __call__(self, members: Sequence[Member], config: DeploymentConfig, options: Options) -> Plan:
        """The plan for these hosts under this configuration."""
        ...


def duration(ms: int) -> str:
    """Milliseconds as a person writes them: `800ms`, `12s`, `1.5s`, `5m`, `1h 10m`."""
    if ms < 1000:
        return f"{ms}ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f}s".replace(".0s", "s")
    hours, rest = divmod(round(ms / 1000), 3600)
    minutes, seconds = divmod(rest, 60)
    return " ".join(f"{n}{unit}" for n, unit in ((hours, "h"), (minutes, "m"), (seconds, "s")) if n)
