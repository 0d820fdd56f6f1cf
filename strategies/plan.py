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


_PART_WORDS = {Part.WHOLE: "deploy to", Part.INSTALL: "install on", Part.ALLOW: "let in", Part.BLOCK: "take out"}


@dataclass(frozen=True, slots=True)
class Deploy:
    """Take these hosts through a part of their lifecycle, never with fewer healthy than the minimum.

    `among` are the hosts over which the minimum is counted. `own_minimum` holds among the stage's hosts alone, as a
    zone has one. `must_succeed` is how many of them have to; None: as many as `own_minimum`, and one at least. Where
    nobody has to (0), a failure fails nothing.
    """

    name: str
    hosts: tuple[str, ...]
    minimum_healthy_hosts: MinimumHealthyHosts
    among: tuple[str, ...]
    own_minimum: MinimumHealthyHosts = NO_MINIMUM
    part: Part = Part.WHOLE
    must_succeed: int | None = None

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
        hosts = len(self.hosts)
        required = self.required
        words = (
            f"{_PART_WORDS[self.part]} {hosts} host{'s' * (hosts != 1)}, {self.at_once} at once, "
            f"{required} stay{'s' * (required == 1)} healthy ({self.minimum_healthy_hosts})"
        )
        return words + (f", {self.own_required} of these {hosts}" if self.own_required else "")


@dataclass(frozen=True, slots=True)
class Bake:
    """Wait, and watch what was deployed to so far: a host that turns unhealthy meanwhile fails the deployment."""

    name: str
    lasts_ms: int

    def __str__(self) -> str:
        return f"bake for {seconds(self.lasts_ms)}: a host that turns unhealthy fails the deployment"


@dataclass(frozen=True, slots=True)
class Approve:
    """Wait for a person to say yes. `waits_ms` None: as long as the deployment may last."""

    name: str
    waits_ms: int | None

    def __str__(self) -> str:
        limit = "" if self.waits_ms is None else f"; without an answer within {seconds(self.waits_ms)} it stops"
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
    """Let these hosts together have this share of the traffic, and the others the rest."""

    name: str
    hosts: tuple[str, ...]
    percent: int

    def __str__(self) -> str:
        return f"shift traffic: {self.percent} % to the new hosts, {100 - self.percent} % to the old"


@dataclass(frozen=True, slots=True)
class Terminate:
    """After a wait, end these hosts; with `keep` they only leave the group, and run on."""

    name: str
    hosts: tuple[str, ...]
    after_ms: int = 0
    keep: bool = False

    def __str__(self) -> str:
        wait = f"after {seconds(self.after_ms)}, " if self.after_ms else ""
        what = "leave running" if self.keep else "terminate"
        return f"{wait}{what} {len(self.hosts)} host{'s' * (len(self.hosts) != 1)}"


@dataclass(frozen=True, slots=True)
class Analyse:
    """Have the new version judged by an analysis that the scenario names."""

    name: str
    analysis: str
    lasts_ms: int

    def __str__(self) -> str:
        return f"analyse by {self.analysis} for {seconds(self.lasts_ms)}"


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


def seconds(ms: int) -> str:
    """A duration in a stage's description: `90s`, `1.5s`."""
    return f"{ms / 1000:g}s"
