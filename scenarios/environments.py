"""Environments: the places through which a revision passes on its way, as a graph, with a gate before each."""

from __future__ import annotations

from collections.abc import Mapping

import networkx as nx
from pydantic import Field

from scenarios.words import RESOURCE_NAME, Duration, Model, SomeTime


class Approval(Model):
    """A person says continue, or the revision goes no further."""

    wait_time: SomeTime = Field(
        7 * 24 * 3_600_000,
        description="So long the gate waits for an answer; nobody's answer is a no. The default is CodePipeline's.",
    )


class Gate(Model):
    """What must be so before a revision enters: all of what is written, in this order."""

    stood: Duration = Field(0, description="So long it must have stood in every environment before, undisturbed.")
    approval: Approval | None = Field(None, description="And then a person says yes.")


class Environment(Model):
    """One environment: a deployment group with a place in the graph."""

    group: str | None = Field(None, pattern=RESOURCE_NAME, description="Left out: the group of the same name.")
    after: tuple[str, ...] = Field((), description="The environments in which a revision must stand first: in all.")
    gate: Gate = Field(Gate(), description="What must be so besides.")


def graph_of(after: Mapping[str, tuple[str, ...]]) -> nx.DiGraph[str]:
    """The graph of environments; an edge says that a revision stands in one before it enters the other."""
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(after)
    graph.add_edges_from((before, name) for name, those in after.items() for before in those)
    return graph


def cycle_in(after: Mapping[str, tuple[str, ...]]) -> list[str]:
    """Environments that wait for one another, in a circle; empty where none do."""
    try:
        return [before for before, _ in nx.find_cycle(graph_of(after))]
    except nx.NetworkXNoCycle:
        return []
