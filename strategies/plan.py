"""A plan: what a deployment is going to do, as data.

A strategy is a function from hosts and a deployment configuration to a plan, a directed acyclic graph of stages.
The engine in `simulator.rollout` walks any plan; `drydeploy plan` draws it. A new strategy is a new short file
that puts stages together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import networkx as nx

from strategies.configuration import DeploymentConfig, MinimumHealthyHosts


@dataclass(frozen=True, slots=True)
class Deploy:
    """Deploy to these hosts, where they stand, never with fewer healthy than the minimum."""

    name: str
    hosts: tuple[str, ...]
    minimum_healthy_hosts: MinimumHealthyHosts

    @property
    def required(self) -> int:
        """How many of the hosts must stay healthy."""
        return self.minimum_healthy_hosts.required(len(self.hosts))

    @property
    def at_once(self) -> int:
        """How many hosts may be under deployment at the same time."""
        return max(len(self.hosts) - self.required, 0)

    def __str__(self) -> str:
        hosts = len(self.hosts)
        return (
            f"deploy to {hosts} host{'s' * (hosts != 1)}, {self.at_once} at once, "
            f"{self.required} stay{'s' * (self.required == 1)} healthy ({self.minimum_healthy_hosts})"
        )


Stage = Deploy
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
    """What every strategy is."""

    def __call__(self, hosts: Sequence[str], config: DeploymentConfig) -> Plan:
        """The plan for these hosts under this configuration."""
        ...
