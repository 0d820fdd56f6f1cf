"""Rules of triggers: that each has a name of its own and one target, and that a file's directory is there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from scenarios.facts import Facts, exactly_one
from scenarios.notifications import TARGETS
from scenarios.problems import nearest
from scenarios.tree import Report, Tree


def check_notifications(facts: Facts, report: Report) -> None:
    """Report triggers that cannot be told apart, and targets that cannot be written to."""
    told = False
    for group in _groups(facts.tree):
        names: dict[str, int] = {}
        for trigger in group.each("triggers"):
            told = True
            _name(trigger, names, report)
            if (target := trigger.get("target")) is not None:
                exactly_one(report, target, TARGETS, "target")
                if (file := target.get("file")) is not None:
                    _file(file, report)
    expect = facts.tree.get("expect")
    wanted = expect.get("notifications_delivered") if expect is not None else None
    if expect is not None and wanted is not None and wanted.value is True and not told:
        message = "notifications_delivered: no group has triggers, so nothing is delivered"
        report(expect.keys["notifications_delivered"], message, "give the group triggers, or take this away")


def _groups(tree: Tree) -> Iterator[Tree]:
    """Every deployment group of a scenario."""
    if (group := tree.get("group")) is not None:
        yield group
    yield from tree.each("groups")


def _name(trigger: Tree, names: dict[str, int], report: Report) -> None:
    name = trigger.get("name")
    if name is None or not name.text:
        return
    if name.text in names:
        message = f"a second trigger named {name.text}; the first is at line {names[name.text]}"
        report(name.place, message, "give every trigger of a group a name of its own")
    names.setdefault(name.text, name.line)


def _file(file: Tree, report: Report) -> None:
    """A relative path is looked at before the run: where the journal will be, only `run` knows."""
    if not file.word:
        return
    path = Path(file.word).expanduser()
    if not path.is_absolute():
        return
    if path.is_dir():
        report(file.place, f"file: {file.text} is a directory", "name a file in it")
    elif not path.parent.is_dir():
        parent = path.parent
        beside = [entry.name for entry in parent.parent.iterdir()] if parent.parent.is_dir() else []
        near = nearest(parent.name, beside)
        remedy = f"did you mean {parent.parent / near / path.name}?" if near else "make it, or name a file in another"
        report(file.place, f"file: there is no directory {parent}", remedy)
