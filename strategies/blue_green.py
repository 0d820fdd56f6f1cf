"""Blue/green: new hosts beside the old ones, made ready out of traffic, and then given the traffic.

Source: AWS CodeDeploy user guide, "Overview of a blue/green deployment" and "AppSpec 'hooks' section" (the order of
events on replacement and original hosts, and in a rollback).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

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


def successor(name: str) -> str:
    """The name of the host that replaces one: `h1`, `h1-g2`, `h1-g3`."""
    if match := _GENERATION.match(name):
        return f"{match[1]}-g{int(match[2]) + 1}"
    return f"{name}-g2"


def blue_green(members: Sequence[Member], config: DeploymentConfig = ONE_AT_A_TIME, options: Options = NONE) -> Plan:
    """Provision, install, wait for a yes, shift the traffic, take the old hosts out, terminate them."""
    told = options.blue_green or BlueGreen()
    stages: list[Stage] = []
    blue = tuple(member.name for member in members if member.name not in told.green)
    green = told.green
    if not green:
        new = tuple(Member(successor(member.name), member.zone) for member in members)
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
        stages.append(Deploy("take out", blue, NO_MINIMUM, blue, part=Part.BLOCK, every=True))
    keep = told.terminate_after_ms is None
    stages.append(Terminate("terminate", blue, told.terminate_after_ms or 0, keep))
    return Plan.chain(*stages)


def back_to_blue(members: Sequence[Member], config: DeploymentConfig = ONE_AT_A_TIME, options: Options = NONE) -> Plan:
    """The way back while the old hosts stand: they are let in again, the new ones taken out and terminated."""
    del members, config
    told = options.blue_green or BlueGreen()
    stages: list[Stage] = []
    if told.shift:
        stages.append(Shift("shift 000", told.let_in, 0))
    if told.held_out:
        stages.append(Deploy("let in", told.held_out, NO_MINIMUM, told.held_out, part=Part.ALLOW, every=True))
    if told.let_in:
        ends = set(told.let_in) <= set(told.doomed)  # a host that is gone cannot be taken out, and need not be
        stages.append(
            Deploy("take out", told.let_in, NO_MINIMUM, told.let_in, part=Part.BLOCK, every=not ends, forgiving=ends)
        )
    stages.append(Terminate("terminate", told.doomed))
    return Plan.chain(*stages)
