"""The status machine as a picture and as a table, from the tables in the code and what the handlers do."""

from __future__ import annotations

import ast
import inspect
from collections import defaultdict

from docs.tables import table
from simulator.rollout import machine, stages, walk
from simulator.rollout.state import Phase


def machine_diagram() -> str:
    """The phases of a deployment and the events that lead from one to the next, from the machine's own table."""
    reached = _phases_reached()
    edges: dict[tuple[str, str], list[str]] = defaultdict(list)
    for phase, handlers in machine._TABLE.items():
        for event, handler in handlers.items():
            for to in reached[handler.__name__]:
                edges[phase.name, to].append(event.__name__)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {next(iter(Phase)).name}"]
    lines += [f"    {begin} --> {end}: {', '.join(events)}" for (begin, end), events in edges.items()]
    lines += [f"    {phase.name} --> [*]" for phase, handlers in machine._TABLE.items() if not handlers]
    return "\n".join([*lines, "```"])


def machine_table() -> str:
    """What every phase does with every event."""
    events = list(dict.fromkeys(event for handlers in machine._TABLE.values() for event in handlers))
    rows = []
    for event in events:
        cells = [f"`{event.__name__}`"]
        for phase, handlers in machine._TABLE.items():
            other = "an error" if phase is Phase.CREATED else "ignored, and counted"
            cells.append(f"`{handlers[event].__name__}`" if event in handlers else other)
        rows.append(cells)
    return table(("Event", *(phase.name for phase in machine._TABLE)), rows)


def _phases_reached() -> dict[str, list[str]]:
    """For each method of the machine: the phases that it, or what it calls, may enter. Read from the source."""
    methods = [
        node
        for module in (machine, stages, walk)
        for node in ast.walk(ast.parse(inspect.getsource(module)))
        if isinstance(node, ast.FunctionDef)
    ]
    calls: dict[str, set[str]] = {method.name: set() for method in methods}
    enters: dict[str, set[str]] = {method.name: set() for method in methods}
    calls["_begin_stage"].update(begin.__name__ for begin in stages._BEGIN.values())
    for method in methods:
        name = method.name
        for node in ast.walk(method):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            if node.func.attr == "_enter" and isinstance(node.args[0], ast.Attribute):
                enters[name].add(node.args[0].attr)
            elif node.func.attr in calls:
                calls[name].add(node.func.attr)
    order = [phase.name for phase in Phase]
    return {name: sorted(_reach(name, calls, enters, set()), key=order.index) for name in calls}


def _reach(name: str, calls: dict[str, set[str]], enters: dict[str, set[str]], seen: set[str]) -> set[str]:
    if name in seen:
        return set()
    seen.add(name)
    return enters[name].union(*(_reach(called, calls, enters, seen) for called in calls[name]))
