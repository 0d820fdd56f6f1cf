"""Rules of strategies: that what they are told can be, and that somebody would notice where it goes wrong.

A strategy is called with the scenario's own hosts, so whatever it refuses at run time is told here, at its place.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import get_args

from pydantic import ValidationError

from scenarios.checks_platforms import sound
from scenarios.checks_steps import falling
from scenarios.facts import Facts, exactly_one, known_host
from scenarios.model import Group, HealthCheck
from scenarios.platforms import SERVER
from scenarios.platforms import STRATEGIES as PLATFORM_STRATEGIES
from scenarios.strategies import (
    NEEDS_OPTIONS,
    STRATEGIES_WITH_OPTIONS,
    TRAFFIC,
    MinimumHealthyHosts,
    Step,
    StrategyName,
    StrategyOptions,
    inherits_config,
    key_of,
)
from scenarios.told import minimum, told, told_of_traffic
from scenarios.tree import Place, Report, Tree
from scenarios.words import duration_ms, duration_text
from strategies import DEFAULT_CONFIGS, STRATEGIES, DeploymentConfig, Member, Options, Plan
from strategies.configuration import named
from strategies.options import NONE
from strategies.plan import Analyse, Approve, Bake, Deploy, Shift

_REMEDIES = {
    "zonal": "give zones under fleet.zones, or a zone to every host",
    "steps": "write a larger share, or take the step away",
}
_WRITTEN = frozenset((*get_args(StrategyName), *STRATEGIES_WITH_OPTIONS))
"""The strategies that a scenario can name; the others come of these, or of a platform."""
_SHARES = ("hosts", "percent")
_STEPS = tuple(field.alias or name for name, field in Step.model_fields.items())


@dataclass(frozen=True, slots=True)
class Planned:
    """What one deployment of `deploy` is going to do. `written` is its strategy in the file, None where it has none."""

    strategy: str
    config: DeploymentConfig
    options: Options
    plan: Plan
    written: Tree | None
    place: Place

    @property
    def bakes(self) -> tuple[Bake, ...]:
        """The waits in which the balancer's health check is listened to."""
        return tuple(stage for stage in self.plan if isinstance(stage, Bake))

    @property
    def analyses(self) -> bool:
        """Whether an analysis judges the new version."""
        return any(isinstance(stage, Analyse) for stage in self.plan)

    @property
    def shifts(self) -> bool:
        """Whether traffic is shifted from some hosts to others."""
        return any(isinstance(stage, Shift) for stage in self.plan)

    @property
    def judged(self) -> bool:
        """Whether a person or an analysis looks at it before it goes on."""
        return self.analyses or bool(self.approvals)

    @property
    def approvals(self) -> tuple[Approve, ...]:
        """The waits for a person."""
        return tuple(stage for stage in self.plan if isinstance(stage, Approve))


def check_strategies(facts: Facts, report: Report, warn: Report) -> tuple[Planned, ...] | None:
    """Report what no strategy can do, and warn of what nobody would notice.

    The plans of the deployments in their order; None where a mistake leaves one of them unknown.
    """
    tree = facts.tree
    for node in (*facts.groups, *tree.each("deploy")):
        if (strategy := node.get("strategy")) is not None:
            _shape(facts, strategy, report)
    found: dict[tuple[Place, Place], Planned | None] = {}
    planned = []
    for deploy, group in ((asked, group) for asked in tree.each("deploy") for group in facts.groups_of(asked)):
        own = deploy.get("strategy")
        written = own or (group.get("strategy") if group is not None else None)
        place = written.place if written is not None else group.place if group is not None else tree.place
        its_own = own is not None or deploy.get("deployment_config") is not None
        key = deploy.place if its_own else place, group.place if group is not None else tree.place
        if key not in found:
            found[key] = plan = _plan(facts, deploy, group, written, report)
            if plan is not None:
                _watched(facts, plan, warn)
        planned.append(found[key])
    sound = tuple(plan for plan in planned if plan is not None)
    return sound if len(sound) == len(planned) else None


def _shape(facts: Facts, node: Tree, report: Report) -> None:
    """That exactly one of what excludes each other is written."""
    if not isinstance(node.value, dict):
        return
    names = tuple(key_of(name) for name in STRATEGIES_WITH_OPTIONS)
    empty = [name for name, told_nothing in node.entries.items() if name in names and told_nothing.value is None]
    for name in empty:
        remedy = f"write {NEEDS_OPTIONS.get(name) or f'strategy: {name}'}"
        report(node.keys[name], f"{name} is empty, so it is told nothing", remedy)
    if not empty:
        exactly_one(report, node, names, "strategy")
    for name in ("canary", "linear"):
        if (written := node.get(name)) is not None:
            exactly_one(report, written, _SHARES, name)
    for number, step in enumerate(node.each("steps"), start=1):
        pause = step.entries.get("pause")
        if pause is not None and pause.value is None:
            report(
                step.keys["pause"], "pause is empty", "write pause: {} to wait for a person, or pause: {duration: 5m}"
            )
            continue
        exactly_one(report, step, _STEPS, f"step {number}")
    if (blue_green := node.get("blue-green")) is not None:
        _blue_green(facts, blue_green, report)


def _blue_green(facts: Facts, node: Tree, report: Report) -> None:
    """What the parts of a blue/green deployment say of each other."""
    if (traffic := node.get("traffic")) is not None:
        exactly_one(report, traffic, TRAFFIC, "traffic")
    provisioning, targets = node.get("green_fleet_provisioning"), node.get("target_instances")
    discovers = provisioning is not None and provisioning.text == "DISCOVER_EXISTING"
    if provisioning is not None and discovers and not list(node.each("target_instances")):
        message = "DISCOVER_EXISTING takes hosts that exist, and none is named"
        report(provisioning.place, message, "add target_instances: […], the names of the new hosts")
    elif targets is not None and targets.items and not discovers:
        message = "target_instances are for hosts that exist already, and here new ones are provisioned"
        report(node.keys["target_instances"], message, "add green_fleet_provisioning: DISCOVER_EXISTING")
    for host in node.each("target_instances"):
        known_host(facts, report, host, new=False)


# -- the plan -------------------------------------------------------------------------------------------------------


def _plan(facts: Facts, deploy: Tree, group: Tree | None, written: Tree | None, report: Report) -> Planned | None:
    """What a deployment is going to do; None where that cannot be said."""
    if facts.platform != SERVER:
        return _of_platform(facts, deploy, group)
    name, options = _told(written)
    if name not in _WRITTEN or options is None or not facts.hosts:
        return None
    config_node = _config_node(deploy, group)
    config = config_of(config_node) if config_node is not None else DEFAULT_CONFIGS[name]
    if config is None:
        return None
    if name == "blue-green" and (refused := _no_blue_green(facts, group)) is not None:
        report(written.place if written is not None else deploy.place, *refused)
        return None
    members = [Member(host.name, host.zone) for host in facts.members(group)]
    if written is not None and (fallen := falling(written, options, len(members))) is not None:
        report(*fallen)
        return None
    try:
        plan = STRATEGIES[name](members, config, options)
    except ValueError as error:
        place = _place_of(name, options, members, config, written, config_node) or deploy.place
        message, remedy = str(error), _REMEDIES.get(name)
        if remedy is None:
            message, _, remedy = message.partition("; ")
        report(place, message, remedy)
        return None
    return Planned(name, config, options, plan, written, written.place if written is not None else deploy.place)


def _of_platform(facts: Facts, deploy: Tree, group: Tree | None) -> Planned | None:
    """The same on ECS and Lambda, where the configuration says how the traffic goes."""
    if not sound(facts, deploy):
        return None
    written = {
        key: node.plain()
        for key in ("strategy", "deployment_config")
        if (node := deploy.get(key) or (group.get(key) if group is not None else None)) is not None
    }
    try:
        read = Group.model_validate_json(json.dumps(written), strict=True)
    except (ValidationError, ValueError):
        return None
    config = read.deployment_config
    assert not isinstance(config, MinimumHealthyHosts), "that is not sound"
    options = told_of_traffic(facts.platform, config, read.strategy)[0]
    name = PLATFORM_STRATEGIES[facts.platform]
    plan = STRATEGIES[name]([Member(facts.hosts[0].name)], DEFAULT_CONFIGS[name], options)
    return Planned(name, DEFAULT_CONFIGS[name], options, plan, None, deploy.place)


def _no_blue_green(facts: Facts, group: Tree | None) -> tuple[str, str] | None:
    """Why a group cannot be deployed to blue/green, and what to do; None where it can."""
    if not facts.balancer:
        return "blue/green moves traffic, and there is no balancer to move it", "add balancer: {port: …}"
    option = group.get("deployment_option") if group is not None else None
    if option is not None and option.text == "WITHOUT_TRAFFIC_CONTROL":
        return "blue/green moves traffic, and this group is WITHOUT_TRAFFIC_CONTROL", "take deployment_option away"
    if any(host.on_premises for host in facts.members(group)):
        message = "blue/green replaces EC2 instances, and this group has on-premises hosts"
        return message, "take another strategy, or filters that leave them out"
    return None


def _told(written: Tree | None) -> tuple[str, Options | None]:
    """A strategy's name and what it is told; None where that is not to be read."""
    if written is None:
        return "rolling", NONE
    if written.word is not None:
        return written.word, None if written.word in NEEDS_OPTIONS else NONE
    try:
        options = StrategyOptions.model_validate_json(json.dumps(written.plain()), strict=True)
    except (ValidationError, ValueError):
        return "", None
    return options.name, told(options)


def _config_node(deploy: Tree, group: Tree | None) -> Tree | None:
    """The configuration that holds for a deployment: its own, or the group's."""
    if (own := deploy.get("deployment_config")) is not None or group is None:
        return own
    strategy = deploy.get("strategy")
    inherits = inherits_config(strategy.word if strategy is not None else None)
    return group.get("deployment_config") if inherits else None


def config_of(node: Tree) -> DeploymentConfig | None:
    """What is written as a configuration for hosts; None where that is not to be read."""
    if node.word is not None:
        return named(node.word)
    try:
        written = MinimumHealthyHosts.model_validate_json(json.dumps(node.plain()), strict=True)
    except (ValidationError, ValueError):
        return None
    return DeploymentConfig(f"{written.type} {written.value}", minimum(written))


def _place_of(
    name: str,
    options: Options,
    members: list[Member],
    config: DeploymentConfig,
    written: Tree | None,
    config_node: Tree | None,
) -> Place | None:
    """Where the mistake stands for which a strategy refuses."""
    if name == "in-place" and config_node is not None:
        return config_node.place
    if written is None:
        return None
    if name == "steps":
        steps = list(written.each("steps"))
        for count in range(1, len(steps) + 1):
            try:
                STRATEGIES[name](members, config, replace(options, steps=options.steps[:count]))
            except ValueError:
                return steps[count - 1].place
    for key in _SHARES:
        if (share := written.get(name, key)) is not None:
            return share.place
    return written.keys.get(name, written.place)


# -- what nobody would notice ---------------------------------------------------------------------------------------


def _watched(facts: Facts, planned: Planned, warn: Report) -> None:
    _idle_steps(facts, planned, warn)
    if facts.platform != SERVER:
        return
    if not facts.balancer:
        if planned.bakes:
            message = "a bake listens to the balancer's health check, and there is no balancer: nothing is watched"
            warn(bake_place(planned), message, "add balancer: {port: …}")
        return
    noticed_ms, numbers = noticing(facts)
    enough = duration_text(noticed_ms)
    if planned.bakes:
        shortest = min(bake.lasts_ms for bake in planned.bakes)
        if shortest < noticed_ms:
            message = (
                f"a bake of {duration_text(shortest)} ends before the health check could notice a host that turns bad "
                f"({numbers})"
            )
            warn(bake_place(planned), message, f"let it last at least {enough}")
    elif _is_staged(planned.plan) and not planned.judged:
        message = (
            f"{planned.strategy} without a bake: nothing would notice a host that turns bad after its checks "
            f"({numbers})"
        )
        warn(bake_place(planned), message, _HOW_TO_BAKE[planned.strategy].format(enough))
    elif not planned.judged:
        for place in _late_faults(facts):
            message = f"nothing would notice a host that turns bad after its checks: {planned.strategy} has no bake"
            remedy = f"take a strategy with a bake of at least {enough} ({numbers})"
            warn(place, message, remedy)


_HOW_TO_BAKE = {
    "canary": "add bake: {} or more",
    "linear": "add every: {} or more",
    "zonal": "add monitor_duration: {} or more",
    "steps": "add a step pause: {{duration: {}}} or more",
    "blue-green": "add traffic: with every: {} or more",
}


def _is_staged(plan: Plan) -> bool:
    """Whether hosts of the whole lifecycle come in several stages, or traffic does."""
    stages = list(plan)
    return sum(isinstance(stage, Deploy) for stage in stages) > 1 and (
        any(isinstance(stage, Shift) for stage in stages) or all(isinstance(stage, Deploy) for stage in stages)
    )


def noticing(facts: Facts) -> tuple[int, str]:
    """How long the balancer needs to notice that a host has turned bad, and why, in its own numbers."""
    default = HealthCheck()
    check = facts.tree.get("balancer", "health_check")
    interval = duration_of(check, "interval", default.interval)
    written = check.get("fall") if check is not None else None
    fall = written.number if written is not None and written.number is not None else default.fall
    total = interval * max(fall, 1)
    return total, f"fall {fall} × interval {duration_text(interval)} = {duration_text(total)}"


def duration_of(node: Tree | None, key: str, default: int) -> int:
    """The milliseconds that are written under a key; the default where nothing is, or no duration."""
    written = node.get(key) if node is not None else None
    if written is None:
        return default
    try:
        value = duration_ms(written.value)
    except ValueError:
        return default
    return value if isinstance(value, int) else default


def bake_place(planned: Planned) -> Place:
    """Where the bake is written, or would be."""
    written = planned.written
    if written is None:
        return planned.place
    key = key_of(planned.strategy)
    for path in (("canary", "bake"), ("linear", "every"), ("zonal", "monitor_duration")):
        if path[0] == key and (found := written.get(*path)) is not None:
            return found.place
    pauses = [pause for step in written.each("steps") if (pause := step.get("pause")) is not None]
    if bakes := [pause for pause in pauses if pause.get("duration") is not None]:
        shortest = min(bakes, key=lambda pause: duration_of(pause, "duration", 0))
        return shortest.entries["duration"].place
    return written.keys.get(key, written.place)


def _late_faults(facts: Facts) -> list[Place]:
    """Faults that strike a host only after its checks have passed."""
    return [
        when.place
        for fault in facts.tree.each("faults")
        if (when := fault.get("when")) is not None
        and (fault.get("do", "health") is not None or fault.get("do", "host") is not None)
        and ((event := when.get("event")) is not None and event.text == "AfterAllowTraffic")
    ]


def _idle_steps(facts: Facts, planned: Planned, warn: Report) -> None:
    """Steps after which no more hosts are done than before."""
    if planned.written is None or not planned.options.steps:
        return
    hosts = len(facts.hosts)
    nodes = list(planned.written.each("steps"))
    shares = [
        (number, step.share) for number, step in enumerate(planned.options.steps, start=1) if step.share is not None
    ]
    for (_, one), (number, other) in pairwise(shares):
        if (done := other.of(hosts)) == one.of(hosts):
            message = f"step {number} changes nothing: of {hosts} hosts it means {done}, and so did the step before it"
            warn(nodes[number - 1].place, message, "ask for more, or take the step away")
