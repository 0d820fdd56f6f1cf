"""Rules of the compute platforms: what ECS and Lambda need, and what only servers, or only they, can be told."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import get_args

from scenarios.bundle import hook_functions
from scenarios.facts import ADD_BALANCER, FILTERS, Facts
from scenarios.platforms import EVENTS, OF_A_REPORT, SERVER
from scenarios.problems import either, nearest
from scenarios.strategies import TRAFFIC
from scenarios.told import ALL_AT_ONCE
from scenarios.tree import Report, Tree
from scenarios.words import LifecycleEvent
from strategies.configuration import PREDEFINED_ELSEWHERE, PREFIX, elsewhere, named

TASK_EVENTS = frozenset(get_args(LifecycleEvent)[-2:])
"""Lifecycle events that no server has."""
_WAITS = {"ECS": ("deployment_ready", "terminate_blue"), "Lambda": ()}
"""By the platform, what a blue/green deployment can be told."""
POOL_KEYS = ("pools", "outdated_instances_strategy", "auto_scaling_group_processes_to_suspend")
"""What a group says of pools."""
_EFFECTS = ("alarm", "controller", "health")
"""What can befall a run without hosts: the others strike those, or the balancer before them."""


def check_platform(facts: Facts, directory: Path, report: Report) -> None:
    """Report what does not go with the group's compute platform. Handlers are relative to `directory`."""
    if _differ(facts, report):
        return
    _events(facts, report)
    if facts.platform == SERVER:
        _servers(facts, report)
        return
    _alone(facts, report)
    _needs(facts, report)
    tree = facts.tree
    for node in [*facts.groups, *tree.each("deploy")]:
        if (config := node.get("deployment_config")) is not None:
            _config(facts.platform, config, report)
        if (strategy := node.get("strategy")) is not None:
            _strategy(facts.platform, strategy, report)
    for fault in tree.each("faults"):
        _fault(facts, fault, report)
    _handlers(facts, directory, report)
    _reports(facts, report)


def sound(facts: Facts, deploy: Tree) -> bool:
    """Whether a deployment's strategy and configuration have nothing wrong with them, so that it has a plan."""
    found: list[str] = []

    def note(_place: object, message: str, _remedy: str) -> None:
        found.append(message)

    for key, check in (("deployment_config", _config), ("strategy", _strategy)):
        group = facts.group_of(deploy)
        node = deploy.get(key) or (group.get(key) if group is not None else None)
        if node is not None:
            check(facts.platform, node, note)
    return not found


def _differ(facts: Facts, report: Report) -> bool:
    """Whether the groups have different compute platforms: a run has one."""
    for group in facts.groups[1:]:
        if (written := facts.platform_of(group)) != facts.platform:
            place = node.place if (node := group.get("compute_platform")) is not None else group.place
            message = (
                f"compute_platform: this group is for {written}, the first for {facts.platform}, and a run has one"
            )
            report(place, message, "make two scenarios of it")
            return True
    return False


def _alone(facts: Facts, report: Report) -> None:
    """A run on ECS or Lambda has one service, or one function: nothing chooses among several."""
    what = "service" if facts.platform == "ECS" else "function"
    for group in facts.groups[1:]:
        message = f"{facts.platform}: a run has one {what}, and this is a second group"
        report(group.place, message, "keep one group, or make two scenarios of it")
    if (environments := facts.tree.keys.get("environments")) is not None:
        message = f"environments are groups of servers: a run on {facts.platform} has one {what}"
        report(environments, message, "take it away, or write a scenario for each environment")
    if (pools := facts.tree.keys.get("pools")) is not None:
        report(pools, f"pools launch and terminate hosts, and {facts.platform} has none", "take them away")
    group = facts.groups[0]
    for key in POOL_KEYS:
        if key in group.keys:
            report(group.keys[key], f"{key} is for pools of hosts, and {facts.platform} has none", "take it away")
    for key in FILTERS:
        if group.get(key) is not None:
            report(group.keys[key], f"{key} chooses hosts, and {facts.platform} has none", "take it away")
    option = group.get("deployment_option")
    if option is not None and option.text == "WITHOUT_TRAFFIC_CONTROL":
        message = f"{facts.platform} moves traffic, and this group is WITHOUT_TRAFFIC_CONTROL"
        report(option.place, message, "take deployment_option away")


def _servers(facts: Facts, report: Report) -> None:
    """What hosts are never asked."""
    tree = facts.tree
    if (functions := tree.get("functions")) is not None and functions.entries:
        message = "functions are the hooks of ECS and Lambda, and the hooks of servers are scripts"
        report(tree.keys["functions"], message, "add group.compute_platform: ECS or Lambda, or take them away")
    for node in [*facts.groups, *tree.each("deploy")]:
        config = node.get("deployment_config")
        if config is None:
            continue
        shifts = config.word == ALL_AT_ONCE or any(config.get(name) is not None for name in TRAFFIC)
        if shifts:
            message = "this says how traffic goes on ECS and Lambda, and these are servers"
            report(config.place, message, "write group.strategy: {canary: {percent: …, bake: …}}, or compute_platform")


def _needs(facts: Facts, report: Report) -> None:
    """What stands before the first deployment."""
    tree, platform = facts.tree, facts.platform
    what = "service" if platform == "ECS" else "alias"
    place = facts.groups[0].get("compute_platform")
    assert place is not None, "it is written, or these are servers"
    if not facts.balancer:
        report(place.place, f"{platform} moves traffic, and there is no balancer to move it", ADD_BALANCER)
    running = facts.groups[0].get("running") or tree.get("fleet", "running")
    if tree.get("fleet") is not None and running is None:
        message = f"{platform}: the {what} has nothing that traffic could go from"
        report(tree.keys["fleet"], message, "add fleet.running: the revision that has the traffic before")
    hosts = tree.get("fleet", "hosts")
    if hosts is not None and hosts.items:
        report(hosts.place, f"{platform} has no hosts that could have names", "write how many tasks: hosts: 2")
    elif hosts is not None and platform == "Lambda" and hosts.number not in (None, 1):
        message = "a version of a function is not made of hosts: Lambda runs as many as are asked for"
        report(hosts.place, message, "write hosts: 1")
    for key in ("files", "users", "zones"):
        if (written := tree.get("fleet", key)) is not None and (written.entries or written.items):
            fleet = tree.entries["fleet"]
            report(fleet.keys[key], f"fleet.{key} is for hosts, and {platform} has none", "take it away")


def _config(platform: str, config: Tree, report: Report) -> None:
    if config.get("type") is not None or config.get("value") is not None:
        message = f"a minimum of healthy hosts says nothing on {platform}, which has no hosts"
        report(config.place, message, "write all-at-once, {canary: {percent: 10, every: 5m}} or {linear: …}")
        return
    if config.word is None or config.word == ALL_AT_ONCE:
        return
    found = elsewhere(config.word)
    known = [name for name, other in PREDEFINED_ELSEWHERE.items() if other.platform == platform]
    if found is not None and found.platform == platform:
        return
    if found is not None or named(config.word) is not None:
        whom = found.platform if found is not None else "servers"
        message = f"{config.word} is for {whom}, and this is {platform}"
        report(config.place, message, f"there is {either(known)}")
        return
    near = nearest(config.word.removeprefix(PREFIX), [name.removeprefix(PREFIX) for name in known])
    remedy = f"did you mean {PREFIX}{near}?" if near else f"there is {either(known)}, or {{canary: …}}"
    report(config.place, f"no deployment configuration is called {config.word}", remedy)


def _strategy(platform: str, strategy: Tree, report: Report) -> None:
    told = strategy.get("blue-green")
    if strategy.word is not None and strategy.word != "blue-green":
        message = f"{platform} is always blue/green; {strategy.word} is a strategy for servers"
        report(strategy.place, message, "take it away: deployment_config says how the traffic goes")
    elif strategy.word is None and told is None:
        message = f"{platform} is always blue/green"
        report(strategy.place, message, "take it away: deployment_config says how the traffic goes")
    elif told is not None:
        for key in told.entries:
            if key not in _WAITS[platform]:
                message = f"{key} says nothing of a deployment on {platform}"
                remedy = "deployment_config says how the traffic goes" if key == "traffic" else "take it away"
                report(told.keys[key], message, remedy)


def _fault(facts: Facts, fault: Tree, report: Report) -> None:
    effect = fault.get("do")
    for kind in effect.entries if effect is not None else ():
        if effect is not None and kind not in _EFFECTS:
            message = f"a fault of {kind} is for servers, and this is {facts.platform}"
            report(effect.keys[kind], message, f"there is {either(_EFFECTS)}; what a function does stands in functions")
    for key in fault.get("where").entries if fault.get("where") is not None else ():  # type: ignore[union-attr]
        if key not in ("revision", "hosts"):
            place = fault.entries["where"].keys[key]
            report(place, f"where.{key} chooses hosts, and {facts.platform} has none", "write where: {revision: …}")


def _handlers(facts: Facts, directory: Path, report: Report) -> None:
    functions = facts.tree.get("functions")
    for function in functions.entries.values() if functions is not None else ():
        handler = function.get("handler")
        if handler is not None and handler.word is not None and not (directory / handler.word).is_file():
            message = f"there is no handler at {handler.text}"
            report(handler.place, message, "give the path of a Python file, from the scenario file")


def _reports(facts: Facts, report: Report) -> None:
    """A function that never reports is told nothing of its report."""
    functions = facts.tree.get("functions")
    for function in functions.entries.values() if functions is not None else ():
        never = function.get("never")
        for key in function.entries if never is not None and never.value is True else ():
            if key in OF_A_REPORT:
                message = f"{key} is of the report of a function, and this one never reports"
                report(function.keys[key], message, f"keep one of never or {key}")


def check_functions(facts: Facts, bundles: Mapping[str, Path | None], warn: Report) -> None:
    """Warn of functions that nobody calls. `bundles`: where each revision's is, if anywhere."""
    functions = facts.tree.get("functions")
    if facts.platform == SERVER or functions is None:
        return
    called = set[str]()
    for bundle in bundles.values():
        if bundle is None or (hooks := hook_functions(bundle)) is None:
            return  # what it calls is not known here
        called |= hooks
    for name in functions.entries:
        if name not in called:
            remedy = f"did you mean {near}?" if (near := nearest(name, sorted(called))) else "take it away"
            warn(functions.keys[name], f"no AppSpec names the function {name}, so nobody calls it", remedy)


def _events(facts: Facts, report: Report) -> None:
    """Lifecycle events that this platform does not have."""
    tree, platform = facts.tree, facts.platform
    spoken = [
        event
        for key in ("operator", "faults", "deploy")
        for item in tree.each(key)
        if (event := item.get("when", "event")) is not None
    ]
    spoken += [event for item in tree.each("expect", "events") if (event := item.get("event")) is not None]
    for event in spoken:
        if platform == SERVER and event.text in TASK_EVENTS:
            report(event.place, f"{event.text} never comes: these are servers", "it belongs to compute_platform: ECS")
        elif platform != SERVER and event.text in get_args(LifecycleEvent) and event.text not in EVENTS[platform]:
            message = f"{event.text} never comes on {platform}"
            report(event.place, message, f"there is {either(EVENTS[platform])}")
