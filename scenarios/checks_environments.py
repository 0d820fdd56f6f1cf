"""Rules of environments: that each has a group, that none waits for itself, and that somebody answers at a gate."""

from __future__ import annotations

from scenarios.environments import cycle_in
from scenarios.facts import Facts
from scenarios.problems import suggest
from scenarios.tree import Report, Tree

ANSWERS = frozenset({"continue", "promote", "promote-full", "stop", "abort"})


def check_environments(facts: Facts, report: Report, warn: Report) -> None:
    """Report what no environment can be; warn of a gate at which nobody answers."""
    written = facts.tree.get("environments")
    environments = written.entries if written is not None else {}
    for when in _moments(facts.tree):
        _gate(environments, when, report)
    expected = facts.tree.get("expect", "environments")
    for name in expected.entries if expected is not None else ():
        if expected is not None and name not in environments:
            report(expected.keys[name], f"no environment is called {name}", _known(name, environments))
    if written is None:
        return
    _groups(facts, written, report)
    for name, environment in environments.items():
        _before(name, environment, environments, report)
    after = {name: tuple(node.text for node in each.each("after")) for name, each in environments.items()}
    if circle := cycle_in(after):
        message = f"environments wait for one another in a circle: {' → '.join((*circle, circle[0]))}"
        place = environments[circle[0]].keys.get("after", written.keys.get(circle[0], written.place))
        report(place, message, f"take one of them out of its `after`: {', '.join(circle)}")
    answered = any(_answers(action) for action in facts.tree.each("operator"))
    for name, environment in environments.items():
        if environment.get("gate", "approval") is not None and not answered:
            message = f"nobody answers at the gate before {name}: the revision goes no further, unless from a terminal"
            warn(environment.keys["gate"], message, f"add operator: [{{when: {{gate: {name}}}, do: continue}}]")


def _before(name: str, environment: Tree, environments: dict[str, Tree], report: Report) -> None:
    """That what comes before is there, once, where something is to have stood there."""
    named: set[str] = set()
    for before in environment.each("after"):
        if before.text not in environments:
            report(before.place, f"no environment is called {before.text}", _known(before.text, environments))
        elif before.text in named:
            report(before.place, f"{name} comes after {before.text} twice", "name each environment once")
        named.add(before.text)
    stood = environment.get("gate", "stood")
    if stood is not None and not named:
        message = f"nothing comes before {name}, so there is nowhere that a revision could have stood"
        report(stood.place, message, "take `stood` away, or add after: [ENVIRONMENT]")


def _answers(action: Tree) -> bool:
    verb = action.get("do")
    return verb is not None and verb.text in ANSWERS


def _groups(facts: Facts, written: Tree, report: Report) -> None:
    """That each has a group, of its own."""
    used: dict[str, str] = {}
    for name, environment in written.entries.items():
        named = environment.get("group")
        group = named.text if named is not None else name
        place = named.place if named is not None else written.keys[name]
        if group not in facts.group_names:
            report(place, f"no group is called {group}", suggest(group, list(facts.group_names)))
        elif group in used:
            message = f"the group {group} is the environment {used[group]} already"
            report(place, message, "give every environment a group of its own")
        used.setdefault(group, name)


def _moments(tree: Tree) -> list[Tree]:
    items = [item for key in ("operator", "faults", "deploy") for item in tree.each(key)]
    return [when for item in items if (when := item.get("when")) is not None]


def _gate(environments: dict[str, Tree], when: Tree, report: Report) -> None:
    gate = when.get("gate")
    if gate is None:
        return
    if gate.text not in environments:
        report(gate.place, f"no environment is called {gate.text}", _known(gate.text, environments))
    elif environments[gate.text].get("gate", "approval") is None:
        message = f"nobody is asked before {gate.text}: its gate has no approval"
        report(gate.place, message, "add gate: {approval: {}} to the environment")


def _known(name: str, environments: dict[str, Tree]) -> str:
    return suggest(name, list(environments)) if environments else "add environments: …"
