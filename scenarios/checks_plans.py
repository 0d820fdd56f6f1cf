"""Rules of plans against the hosts that there are: minima that leave no room, steps that leave nobody, new hosts."""

from __future__ import annotations

from scenarios.checks_strategy import Planned, config_of
from scenarios.facts import Facts, target_instances
from scenarios.strategies import inherits_config
from scenarios.tree import Place, Report
from scenarios.words import HOSTS_MAX
from strategies.configuration import ALL_AT_ONCE
from strategies.plan import Deploy

_INVALID = "HEALTH_CONSTRAINTS_INVALID"


def check_plans(facts: Facts, planned: tuple[Planned, ...] | None, report: Report, warn: Report) -> None:
    """Report hosts that cannot be another's replacement, and warn of what a plan's hosts do not allow.

    `planned` None: some deployment's plan is unknown, so only the hosts that are named are looked at.
    """
    _replacements(facts, report)
    _nothing_to_copy(facts, warn)
    _minimum_left_behind(facts, warn)
    expected = [
        each for each in facts.tree.each("expect", "deployments") if (e := each.get("error")) and e.text == _INVALID
    ]
    for plan in {id(each): each for each in planned or ()}.values():
        if not expected:
            _without_room(plan, warn)
        _whole_fleet(plan, warn)


def _replacements(facts: Facts, report: Report) -> None:
    """That hosts which are to replace others stand by until then, and that there are others."""
    first: dict[str, Place] = {}
    for deploy, group in ((asked, group) for asked in facts.tree.each("deploy") for group in facts.groups_of(asked)):
        own = deploy.get("strategy")
        written = own or (group.get("strategy") if group is not None else None)
        targets = target_instances(written) if written is not None else []
        members = facts.members(group)
        if targets and members and all(host.name in facts.standing_by for host in members):
            message = "every host of the group is a target instance of some deployment, so there is none to replace"
            report(targets[0].place, message, "leave out those that serve now, or add hosts that do")
        for host in targets:
            if (before := first.setdefault(host.text, deploy.place)) != deploy.place:
                message = (
                    f"{host.text} is a target instance of the deployment at line {before[0]} already, and may be one "
                    "of the group's hosts by now, with traffic"
                )
                report(host.place if own is not None else deploy.place, message, "name hosts that stand by still")


def _nothing_to_copy(facts: Facts, warn: Report) -> None:
    """COPY_AUTO_SCALING_GROUP in so many words, and a group without one. (Left out, it is what the rehearsal does.)"""
    for group in facts.groups:
        own = [deploy for deploy in facts.tree.each("deploy") if group in facts.groups_of(deploy)]
        strategies = [node.get("strategy") for node in (group, *own)] if not list(group.each("pools")) else []
        for strategy in strategies:
            written = strategy.get("blue-green", "green_fleet_provisioning") if strategy is not None else None
            if written is not None and written.text == "COPY_AUTO_SCALING_GROUP":
                message = (
                    "on AWS there is nothing to copy without an Auto Scaling group; the rehearsal makes one new host "
                    "for each old one"
                )
                warn(written.place, message, "give the group a pool, or use DISCOVER_EXISTING")


def _minimum_left_behind(facts: Facts, warn: Report) -> None:
    """A group's minimum that does not hold for a deployment, because the strategy of its own has none."""
    for deploy in facts.tree.each("deploy"):
        own = deploy.get("strategy")
        if own is None or inherits_config(own.word) or deploy.get("deployment_config") is not None:
            continue
        written = [node for group in facts.groups_of(deploy) if group and (node := group.get("deployment_config"))]
        configs = [config for node in written if (config := config_of(node)) is not None]
        if lost := [each.name for each in configs if each.minimum_healthy_hosts.required(HOSTS_MAX) > 0]:
            message = f"{own.word} deploys to every host at once, so the group's {lost[0]} does not hold here"
            warn(own.place, message, f"take rolling, or write deployment_config: {ALL_AT_ONCE.name} to say so")


def _without_room(planned: Planned, warn: Report) -> None:
    """A minimum under which no host may ever be taken out: the deployment fails before it has begun."""
    for stage in planned.plan:
        if not (isinstance(stage, Deploy) and stage.fleet):
            continue  # without hosts it fails for want of them (NO_INSTANCES), and scenarios.checks_groups says so
        if (why := stage.unfit(planned.config.name)) is not None:
            zone = planned.written.get("zonal", "minimum_healthy_hosts_per_zone") if planned.written else None
            own = zone is not None and stage.required < stage.fleet
            place = zone.place if zone is not None and own else planned.place
            warn(place, f"{why}: it fails at once ({_INVALID})", "lower the minimum, or add hosts")
            return


def _whole_fleet(planned: Planned, warn: Report) -> None:
    """Steps that mean a part of the group, and come to all of it."""
    hosts = len({host for stage in planned.plan if isinstance(stage, Deploy) for host in stage.hosts})
    nodes = list(planned.written.each("steps")) if planned.written is not None else []
    for node, step in zip(nodes, planned.options.steps, strict=False):
        share = step.share
        if share is None or share.of(hosts) < hosts:
            continue
        if share.percent is not None and share.percent < 100:
            message = f"{share.percent} % of {hosts} host{'s' * (hosts != 1)} is the whole fleet: nobody is spared"
            warn(node.place, message, "at least one host takes part: add hosts")
        elif share.hosts is not None and share.hosts > hosts:
            warn(
                node.place,
                f"{share.hosts} hosts are asked for, and there are {hosts}: nobody is spared",
                "ask for fewer",
            )
