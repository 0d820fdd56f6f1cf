"""Rules of triggers: that each has a name of its own and one target, and that a file's directory is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

from pydantic import BaseModel, ValidationError

from scenarios.checks_strategy import Planned
from scenarios.facts import Facts, exactly_one
from scenarios.notifications import INSTANCE, TARGETS, TriggerTarget
from scenarios.platforms import SERVER
from scenarios.problems import nearest
from scenarios.tree import Report, Tree
from strategies.plan import Deploy, Part


class _Brought(NamedTuple):
    """What brings an event of a trigger, and what is said where nothing does."""

    by: Callable[[Facts, Tree, Sequence[Planned]], bool]
    never: str
    remedy: str


def _rolls_back(facts: Facts, group: Tree, _: Sequence[Planned]) -> bool:
    return facts.undone_by_people or bool(list(group.each("auto_rollback")))


def _asks(_: Facts, __: Tree, plans: Sequence[Planned]) -> bool:
    return any(plan.approvals for plan in plans)


def _holds_hosts_ready(_: Facts, __: Tree, plans: Sequence[Planned]) -> bool:
    return any(isinstance(stage, Deploy) and stage.part in _READY for plan in plans for stage in plan.plan)


_READY: Final = (Part.INSTALL, Part.REPLACE)
"""After these a host, or a service, is Ready and has no traffic yet."""
_SOMETIMES: Final[Mapping[str, _Brought]] = MappingProxyType(
    {
        "DeploymentRollback": _Brought(
            _rolls_back,
            "the group does not roll back, unless somebody aborts from a terminal",
            "add auto_rollback: [DEPLOYMENT_FAILURE]",
        ),
        "DeploymentReady": _Brought(
            _asks,
            "no deployment of the group waits for a person",
            "add pause: {} to its steps, or deploy blue/green with STOP_DEPLOYMENT",
        ),
        "InstanceReady": _Brought(
            _holds_hosts_ready, "no deployment of the group has hosts wait for their traffic", "deploy blue/green"
        ),
    }
)
"""The events that not every deployment can bring."""


def check_notifications(facts: Facts, report: Report) -> None:
    """Report triggers that cannot be told apart, and targets that cannot be written to."""
    told = False
    written: dict[tuple[str, ...], tuple[int, BaseModel]] = {}
    for group in _groups(facts.tree):
        names: dict[str, int] = {}
        for trigger in group.each("triggers"):
            told = True
            _name(trigger, names, report)
            _events(trigger, report)
            if (target := trigger.get("target")) is not None:
                exactly_one(report, target, TARGETS, "target")
                if (file := target.get("file")) is not None:
                    _file(file, report)
                _alike(target, written, report)
    expect = facts.tree.get("expect")
    wanted = expect.get("notifications_delivered") if expect is not None else None
    if expect is not None and wanted is not None and wanted.value is True and not told:
        message = "notifications_delivered: no group has triggers, so nothing is delivered"
        report(expect.keys["notifications_delivered"], message, "give the group triggers, or take this away")


def check_events_told(facts: Facts, planned: tuple[Planned, ...] | None, warn: Report) -> None:
    """Warn of events that nothing brings. `planned` None: some deployment's plan is unknown."""
    asked = [group for deploy in facts.tree.each("deploy") for group in facts.groups_of(deploy)]
    for group in _groups(facts.tree):
        plans = None
        if planned is not None:
            plans = [plan for plan, its in zip(planned, asked, strict=True) if its is group]
        for event in (event for trigger in group.each("triggers") for event in trigger.each("events")):
            if (told := _never(facts, group, plans, event.text)) is not None:
                warn(event.place, f"{event.text} never comes: {told[0]}", f"{told[1]}, or take it away")


def _never(facts: Facts, group: Tree, plans: Sequence[Planned] | None, event: str) -> tuple[str, str] | None:
    """Why an event never comes, and what to do about it; None where it may."""
    if facts.platform != SERVER and event.startswith(INSTANCE):
        why = f"a deployment on {facts.platform} has no instances of which anything could be told"
        return why, f"write Deployment{event.removeprefix(INSTANCE)}"
    brought = _SOMETIMES.get(event)
    if plans is None or brought is None or brought.by(facts, group, plans):
        return None
    return brought.never, brought.remedy


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


def _events(trigger: Tree, report: Report) -> None:
    seen = set[str]()
    for event in trigger.each("events"):
        if event.text in seen:
            report(event.place, f"{event.text} stands here twice, and would be told twice", "take one away")
        seen.add(event.text)


def _alike(target: Tree, written: dict[tuple[str, ...], tuple[int, BaseModel]], report: Report) -> None:
    """One receiver has one order, one secret and one patience, however many triggers tell it something."""
    try:
        read = TriggerTarget.model_validate(target.plain())
    except ValidationError:
        return  # told by the model itself
    told = read.webhook or read.sns
    if told is None:
        return
    line, first = written.setdefault(read.address, (target.line, told))
    differ = [key for key, value in told if value != getattr(first, key) and key not in ("url", "endpoint_url")]
    if differ:
        message = f"the same receiver as at line {line}, with another {differ[0]}"
        report(target.place, message, f"write the same {' and '.join(differ)} at both")


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
