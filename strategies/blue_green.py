"""Blue/green: new hosts beside the old ones, made ready out of traffic, and then given the traffic.

Source: AWS CodeDeploy user guide, "Overview of a blue/green deployment" and "AppSpec 'hooks' section" (the order of
events on replacement and original hosts, and in a rollback).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from strategies.configuration import ONE_AT_A_TIME, DeploymentConfig
from strategies.options import NONE, BlueGreen, Options
from strategies.plan import (
    NO_MINIMUM,
    Analyse,
    Approve,
    Bake,
    Deploy,
    Member,
    Part,
    Plan,
    Provision,
    Shift,
    Stage,
    Terminate,
)

_GENERATION = re.compile(r"^(.+)-g(\d+)$")


def latest(names: Iterable[str]) -> int:
    """The highest generation among hosts of these names: 1 for `h1`, 2 for `h1-g2`, and for no host at all 1."""
    return max((int(match[2]) if (match := _GENERATION.match(name)) else 1 for name in names), default=1)


def successors(names: Sequence[str], least: int = 2) -> tuple[str, ...]:
    """The names of the hosts that replace these, all of one generation: `h1` and `h2-g2` by `h1-g3` and `h2-g3`.

    It is the next one, and `least` at least. So no host of an earlier generation has such a name, and where two would
    get the same (of `web` and `web-g2`, say) the second by name has a higher number, in whatever order they are given.
    """
    next_one = max(least, latest(names) + 1)
    dealt: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names):
        match = _GENERATION.match(name)
        line, number = match[1] if match else name, next_one
        while f"{line}-g{number}" in taken:
            number += 1
        dealt[name] = f"{line}-g{number}"
        taken.add(dealt[name])
    return tuple(dealt[name] for name in names)


def blue_green(members: Sequence[Member], config: DeploymentConfig = ONE_AT_A_TIME, options: Options = NONE) -> Plan:
    """Provision, install, wait for a yes, shift the traffic, take the old hosts out, terminate them."""
    told = options.blue_green or BlueGreen()
    stages: list[Stage] = []
    blue = tuple(member.name for member in members if member.name not in told.green)
    green = told.green
    if not green:
        names = successors([member.name for member in members], told.generation)
        new = tuple(Member(name, member.zone) for name, member in zip(names, members, strict=True))
        stages.append(Provision("provision", new))
        green = tuple(member.name for member in new)
    minimum = config.minimum_healthy_hosts
    stages.append(Deploy("install", green, minimum, green, part=Part.INSTALL))
    if told.waits:
        stages.append(Approve("ready", told.ready_wait_ms))
    if told.shift:
        stages.append(Shift("shift 000", green, 0))
    stages.append(Deploy("let in", green, minimum, green, part=Part.ALLOW))
    for percent in (*told.shift, *((100,) if told.shift else ())):
        stages.append(Shift(f"shift {percent:03}", green, percent))
        if options.bake_ms and percent < 100:
            stages.append(Bake(f"bake at {percent:03}", options.bake_ms))
        if options.analysis and percent < 100:
            stages.append(Analyse(f"analysis at {percent:03}", options.analysis.name, options.analysis.lasts_ms))
    if blue:
        stages.append(Deploy("take out", blue, NO_MINIMUM, blue, part=Part.BLOCK, must_succeed=len(blue)))
    keep = told.terminate_after_ms is None
    stages.append(Terminate("keep alive" if keep else "terminate", blue, told.terminate_after_ms or 0, keep))
    return Plan.chain(*stages)


def back_to_blue(members: Sequence[Member], config: DeploymentConfig = ONE_AT_A_TIME, options: Options = NONE) -> Plan:
    """The way back while the old hosts stand: they are let in again, the new ones taken out and terminated.

    All are let in at once, and the configuration's minimum says how many old hosts must have traffic in the end.
    """
    told = options.blue_green or BlueGreen()
    green = {*told.green, *told.let_in, *told.doomed}
    blue = [member.name for member in members if member.name not in green]
    stages: list[Stage] = []
    if told.shift:
        stages.append(Shift("shift 000", told.let_in, 0))
    if held := len(told.held_out):
        missing = config.minimum_healthy_hosts.required(len(blue)) - (len(blue) - held)
        needed = min(max(missing, 1), held)
        stages.append(Deploy("let in", told.held_out, NO_MINIMUM, told.held_out, part=Part.ALLOW, must_succeed=needed))
    if told.let_in:
        ends = set(told.let_in) <= set(told.doomed)  # a host that is gone cannot be taken out, and need not be
        out, needed = told.let_in, len(told.let_in)
        stages.append(Deploy("take out", out, NO_MINIMUM, out, part=Part.BLOCK, must_succeed=needed, forgiven=ends))
    stages.append(Terminate("terminate", told.doomed))
    return Plan.chain(*stages)
