"""Rules of deployment groups: that each has a name and hosts of its own asking, and that a deployment says which."""

from __future__ import annotations

from scenarios.facts import DEFAULT_GROUP, Facts, known_group, known_host, known_revision, traffic_event
from scenarios.groups import EC2_FILTERS, ON_PREMISES_FILTERS
from scenarios.hosts import of_no_group
from scenarios.platforms import SERVER
from scenarios.problems import either
from scenarios.tree import Report, Tree

TAGS_NAMED_MAX = 20
"""So many tags are named to somebody whose filters match no host."""


def check_groups(facts: Facts, report: Report, warn: Report) -> None:
    """Report what no group can be, and deployments of groups that do not exist; warn of groups without a host."""
    tree = facts.tree
    if tree.get("group") is not None and tree.get("groups") is not None:
        report(tree.keys["groups"], "group and groups exclude each other", "move what group says into the list")
    _names(facts, report)
    for group in facts.groups:
        _filters(facts, group, report, warn)
        known_revision(facts, report, group.get("running"), "running")
        option = group.get("deployment_option")
        if option is not None and option.text == "WITH_TRAFFIC_CONTROL" and not facts.balancer:
            message = "WITH_TRAFFIC_CONTROL blocks and allows traffic, and there is no balancer"
            report(option.place, message, "add balancer: {port: …}, or take this away")
    for deploy in tree.each("deploy"):
        _deploy(facts, deploy, report)
    if facts.outside:
        _outside(facts, warn)
    if len(facts.groups) > 1:
        _terminate_others(facts, warn)
    for action in tree.each("operator"):
        known_group(facts, report, action.get("group"))


def _names(facts: Facts, report: Report) -> None:
    first: dict[str, int] = {}
    for group in facts.tree.each("groups"):
        name = group.get("name")
        text, place = (name.text, name.place) if name is not None else (DEFAULT_GROUP, group.place)
        if text in first:
            message = f"a second group named {text}; the first is at line {first[text]}"
            report(place, message, "give every group a name of its own")
        first.setdefault(text, place[0])


def _filters(facts: Facts, group: Tree, report: Report, warn: Report) -> None:
    for one, other in (EC2_FILTERS, ON_PREMISES_FILTERS):
        if group.get(one) is not None and group.get(other) is not None:
            message = f"{one} (any of these) and {other} (all of these lists) exclude each other"
            report(group.keys[other], message, f"write all of it as {other}")
            return
    written = [key for key in (*EC2_FILTERS, *ON_PREMISES_FILTERS) if group.get(key) is not None]
    if not written or not facts.hosts or facts.platform != SERVER or facts.members(group):
        return  # a platform without hosts has no filters either: scenarios.checks_platforms says so
    tags = sorted({f"{key}={value}" for host in facts.hosts for key, value in host.tags.items()})
    there = ", ".join(tags[:TAGS_NAMED_MAX]) + ", …" * (len(tags) > TAGS_NAMED_MAX)
    if not tags:
        remedy = "no host has any tag: give tags under fleet.tags, or to the hosts"
    elif not any(host.on_premises == (written[0] in ON_PREMISES_FILTERS) for host in facts.hosts):
        kind = "on-premises" if written[0] in ON_PREMISES_FILTERS else "EC2"
        remedy = f"there are no {kind} hosts; the tags that there are: {there}"
    else:
        remedy = f"the tags that there are: {there}"
    message = f"{either(written)} matches no host: a deployment of this group fails with NO_INSTANCES"
    warn(group.keys[written[0]], message, remedy)


def _outside(facts: Facts, warn: Report) -> None:
    """Warn of hosts that nobody deploys to, at the first: there may be very many."""
    hosts = facts.tree.entries["fleet"].entries["hosts"]
    named = (name for host in hosts.items if (name := host.get("name")) and name.text == facts.outside[0].name)
    place = next((name.place for name in named), hosts.place)
    them = "it" if len(facts.outside) == 1 else "them"
    remedy = f"give {them} tags that a group's filters match, or take {them} out of fleet.hosts"
    warn(place, of_no_group(facts.outside, balanced=facts.balancer), remedy)


def _terminate_others(facts: Facts, warn: Report) -> None:
    """Warn of blue/green deployments that terminate hosts which are another group's, too."""
    told: set[int] = set()
    for deploy in facts.tree.each("deploy"):
        for group in facts.groups_of(deploy):
            strategy = deploy.get("strategy") or (group.get("strategy") if group is not None else None)
            if group is None or strategy is None or id(strategy) in told or not _terminates(strategy):
                continue
            told.add(id(strategy))
            named = group.get("name")
            name = named.text if named is not None else DEFAULT_GROUP
            shared = {other: None for host in facts.members(group) for other in facts.groups_of_host[host.name]}
            if others := " and ".join(other for other in shared if other != name):
                message = (
                    f"{name} shares hosts with {others}: its blue/green deployment terminates them, and they are gone "
                    f"for {others}, too"
                )
                remedy = "write blue-green: {terminate_blue: {action: KEEP_ALIVE}}, or give each group its own hosts"
                warn(strategy.place, message, remedy)


def _terminates(strategy: Tree) -> bool:
    """Whether a strategy is blue/green, and ends the hosts that were there before."""
    action = strategy.get("blue-green", "terminate_blue", "action")
    named = strategy.text == "blue-green" or strategy.get("blue-green") is not None
    return named and (action is None or action.text != "KEEP_ALIVE")


def _deploy(facts: Facts, deploy: Tree, report: Report) -> None:
    named = deploy.get("group")
    if named is None and len(facts.groups) > 1 and facts.tree.get("environments") is None:
        message = "this does not say which group is deployed to, and there are several"
        report(deploy.place, message, f"add group: {either(list(facts.group_names))}")
    known_group(facts, report, named)
    when, queue = deploy.get("when"), deploy.get("if_active")
    if when is None:
        if queue is not None:
            message = "if_active says nothing without when: a deployment in turn waits for the one before it"
            report(deploy.keys["if_active"], message, "add when: {at: …}, or take this away")
        return
    known_host(facts, report, when.get("host"))
    traffic_event(facts, report, when.get("event"))
