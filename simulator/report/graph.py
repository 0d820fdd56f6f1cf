"""A plan as a tree for a person, as Mermaid or Graphviz for a page, as JSON for a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from rich.text import Text
from rich.tree import Tree

from simulator.report.words import count, named
from simulator.rollout import lifecycle
from strategies.configuration import DeploymentConfig
from strategies.plan import Analyse, Approve, Bake, Deploy, Plan, Provision, Shift, Stage, Terminate


@dataclass(frozen=True, slots=True)
class PlannedDeployment:
    """One deployment of a scenario, before it has begun."""

    number: int
    revision: str
    strategy: str
    config: DeploymentConfig
    plan: Plan
    group: str = ""
    """The group's name, where the scenario has several."""
    with_balancer: bool = True
    after: tuple[int, ...] | None = None
    """The numbers of the deployments that must succeed before; None: the one before it."""
    gate: str = ""
    """What must be so besides, in words."""
    refused: str = ""
    """Why it is refused if everything before it in the scenario succeeds; `""` where it is not."""


_MERMAID: Final[dict[type[Stage], tuple[str, str]]] = {
    Bake: ("([", "])"),
    Analyse: ("([", "])"),
    Approve: ("{{", "}}"),
    Shift: ("[/", "/]"),
}
_DOT: Final[dict[type[Stage], str]] = {
    Bake: "style=rounded",
    Analyse: "style=rounded",
    Approve: "shape=hexagon",
    Shift: "shape=parallelogram",
}
"""Stages in which hosts are not touched look otherwise: a bake is rounded, a person's answer has six corners."""


_TARGETS: Final = {"ecs": "service", "lambda": "function"}
"""What stages on a platform without hosts are about."""


def plan_tree(title: str, deployments: Sequence[PlannedDeployment]) -> Tree:
    """A branch per deployment, a leaf per stage."""
    tree = Tree(Text(title, style="bold"), guide_style="dim")
    for planned in deployments:
        config = planned.config
        branch = tree.add(
            Text.assemble(
                (f"{planned.number}. ", "bold"),
                (planned.revision, "magenta"),
                f" to {planned.group}" if planned.group else "",
                f"  {planned.strategy}, {config.name}",
                (f"  ({config.minimum_healthy_hosts})" if planned.strategy not in lifecycle.COURSES else "", "dim"),
                _entrance(planned, deployments),
            )
        )
        if planned.refused:
            branch.add(Text(f"⚠ refused, in this order: {planned.refused}", style="yellow"))
        _add_stages(branch, planned)
    return tree


def _entrance(planned: PlannedDeployment, deployments: Sequence[PlannedDeployment]) -> str:
    """Which environments come before, and what the gate asks for; `""` outside environments."""
    if planned.after is None:
        return ""
    names = [other.group for other in deployments if other.number in planned.after]
    if names:
        return f", after {' and '.join(names)}" + (f": {planned.gate}" if planned.gate else "")
    return f", {planned.gate or 'first'}"


def _add_stages(branch: Tree, planned: PlannedDeployment) -> None:
    """A leaf a stage. What goes without saying is not said: after the stage before, through the events as before."""
    plan, noun = planned.plan, _TARGETS.get(planned.strategy, "hosts")
    before: list[str] = []
    told = set()
    for stage in plan:
        after = sorted(plan.graph.predecessors(stage.name))
        leaf = branch.add(Text(f"{stage.name}: {stage}" + (f", after {', '.join(after)}" if after != before else "")))
        before = [stage.name]
        if isinstance(stage, Provision):
            leaf.add(Text(f"hosts: {named([host.name for host in stage.hosts], 8)}", style="dim"))
        elif isinstance(stage, Shift | Terminate):
            leaf.add(Text(f"{noun}: {named(list(stage.hosts), 8)}", style="dim"))
        elif isinstance(stage, Deploy):
            leaf.add(Text(f"{noun}: {named(list(stage.hosts), 8)}", style="dim"))
            if stage.part not in told:
                told.add(stage.part)
                events = lifecycle.sequence(with_balancer=planned.with_balancer, part=stage.part)
                leaf.add(Text(f"{'each' if noun == 'hosts' else 'events'}: {' → '.join(events)}", style="dim"))
            if stage.at_once == 0:
                warning = f"⚠ the minimum is the whole of {count(len(stage.hosts), 'host')}: nothing can be deployed"
                leaf.add(Text(warning, style="yellow"))


def plan_document(name: str, deployments: Sequence[PlannedDeployment]) -> dict[str, Any]:
    """The plan for a program."""
    return {
        "scenario": name,
        "deployments": [
            {
                "revision": planned.revision,
                **({"group": planned.group} if planned.group else {}),
                **({"after": list(planned.after), "gate": planned.gate} if planned.after is not None else {}),
                **({"refused": planned.refused} if planned.refused else {}),
                "strategy": planned.strategy,
                "deployment_config": {
                    "name": planned.config.name,
                    "type": planned.config.minimum_healthy_hosts.type.value,
                    "value": planned.config.minimum_healthy_hosts.value,
                },
                "stages": [
                    {
                        "name": stage.name,
                        "kind": type(stage).__name__.lower(),
                        "what": str(stage),
                        "after": sorted(planned.plan.graph.predecessors(stage.name)),
                        **_numbers(stage),
                    }
                    for stage in planned.plan
                ],
            }
            for planned in deployments
        ],
    }


def _numbers(stage: Stage) -> dict[str, Any]:
    """What a kind of stage has for a program to read."""
    match stage:
        case Deploy():
            return {
                "hosts": list(stage.hosts),
                "part": stage.part.value,
                "at_once": stage.at_once,
                "minimum_healthy_hosts": stage.required,
            }
        case Bake():
            return {"lasts_ms": stage.lasts_ms}
        case Analyse():
            return {"analysis": stage.analysis, "lasts_ms": stage.lasts_ms}
        case Approve():
            return {"waits_ms": stage.waits_ms}
        case Provision():
            return {"hosts": [host.name for host in stage.hosts]}
        case Shift():
            return {"hosts": list(stage.hosts), "percent": stage.percent}
        case Terminate():
            return {"hosts": list(stage.hosts), "after_ms": stage.after_ms, "keep": stage.keep}


def mermaid(deployments: Sequence[PlannedDeployment]) -> str:
    """A Mermaid flowchart: a subgraph per deployment, one after the other; what is refused is a note."""
    lines = ["flowchart TD"]
    for planned in deployments:
        if planned.refused:
            lines.append(f"    {_node(planned, 'refused')}>{_quoted(_label(planned))}]")
            continue
        lines.append(f"    subgraph d{planned.number}[{_quoted(_label(planned))}]")
        for stage in planned.plan:
            left, right = _MERMAID.get(type(stage), ("[", "]"))
            lines.append(f"        {_node(planned, stage.name)}{left}{_quoted(str(stage))}{right}")
        lines.append("    end")
        if planned.gate:
            lines.append(f"    {_gate(planned)}{{{{{_quoted(planned.gate)}}}}}")
    lines += [f"    {a} --> {b}" for a, b in _edges(deployments)]
    return "\n".join(lines) + "\n"


def dot(deployments: Sequence[PlannedDeployment]) -> str:
    """A Graphviz digraph: a cluster per deployment, one after the other; what is refused is a note."""
    lines = ["digraph plan {", "    node [shape=box];"]
    for planned in deployments:
        if planned.refused:
            lines.append(f"    {_node(planned, 'refused')} [label={_escaped(_label(planned))}, style=dashed];")
            continue
        lines.append(f"    subgraph cluster_{planned.number} {{")
        lines.append(f"        label={_escaped(_label(planned))};")
        for stage in planned.plan:
            shape = f", {_DOT[type(stage)]}" if type(stage) in _DOT else ""
            lines.append(f"        {_node(planned, stage.name)} [label={_escaped(str(stage))}{shape}];")
        lines.append("    }")
        if planned.gate:
            lines.append(f"    {_gate(planned)} [label={_escaped(planned.gate)}, shape=hexagon];")
    lines += [f"    {a} -> {b};" for a, b in _edges(deployments)]
    return "\n".join([*lines, "}"]) + "\n"


def _edges(deployments: Sequence[PlannedDeployment]) -> list[tuple[str, str]]:
    """Within a plan its own edges; from a plan's last stages to the first of the next. What is refused has none."""
    deployments = [planned for planned in deployments if not planned.refused]
    edges = []
    for planned in deployments:
        places = {stage.name: place for place, stage in enumerate(planned.plan)}
        arrows = sorted(planned.plan.graph.edges, key=lambda edge: (places[edge[0]], places[edge[1]]))
        edges += [(_node(planned, a), _node(planned, b)) for a, b in arrows]
    for one, other in _pairs(deployments):
        last = sorted(name for name, degree in one.plan.graph.out_degree() if degree == 0)
        ends = [_node(one, name) for name in last]
        if other.gate:
            edges += [(end, _gate(other)) for end in ends]
        else:
            edges += [(end, beginning) for end in ends for beginning in _beginnings(other)]
    return edges + [(_gate(other), first) for other in deployments if other.gate for first in _beginnings(other)]


def _pairs(deployments: Sequence[PlannedDeployment]) -> Iterator[tuple[PlannedDeployment, PlannedDeployment]]:
    """Every deployment with each that must have succeeded before it."""
    numbered = {planned.number: planned for planned in deployments}
    for before, planned in pairwise(deployments):
        after = (before.number,) if planned.after is None else planned.after
        yield from ((numbered[number], planned) for number in after if number in numbered)


def _beginnings(planned: PlannedDeployment) -> list[str]:
    return [_node(planned, name) for name in sorted(n for n, degree in planned.plan.graph.in_degree() if degree == 0)]


def _gate(planned: PlannedDeployment) -> str:
    return f"g{planned.number}"


def _label(planned: PlannedDeployment) -> str:
    to = f" to {planned.group}" if planned.group else ""
    refused = f"; refused, in this order: {planned.refused}" if planned.refused else ""
    return f"{planned.number}. {planned.revision}{to}: {planned.strategy}, {planned.config.name}{refused}"


def _node(planned: PlannedDeployment, stage: str) -> str:
    """A name that every grammar takes."""
    return f"d{planned.number}_" + "".join(letter if letter.isalnum() else "_" for letter in stage)


def _quoted(label: str) -> str:
    return '"' + label.replace("&", "#amp;").replace('"', "#quot;").replace("<", "#lt;").replace(">", "#gt;") + '"'


def _escaped(label: str) -> str:
    return '"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"'
