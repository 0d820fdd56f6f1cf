"""What a scenario's parts may speak of (hosts, revisions, deployments), and mistakes in speaking of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from pydantic import ValidationError

from scenarios.groups import EC2_FILTERS, ON_PREMISES_FILTERS, Group
from scenarios.model import Scenario
from scenarios.platforms import EVENTS, SERVER
from scenarios.pools import GROUP_NAME_TAG, POOL_HOSTS_MAX, pool_of
from scenarios.problems import either, nearest, suggest
from scenarios.tree import Report, Tree
from scenarios.words import HOSTS_MAX, NO_REVISION
from strategies.blue_green import successors

TRAFFIC_EVENTS = frozenset(f"{when}{what}Traffic" for when in ("Before", "", "After") for what in ("Block", "Allow"))
ADD_BALANCER = "add balancer: {port: …}, or take this away"
DEFAULT_GROUP = str(Group.model_fields["name"].default)
FILTERS = (*EC2_FILTERS, *ON_PREMISES_FILTERS)
HOSTS_COMPARED_MAX = 1000
"""Among more hosts the nearest name is not looked for."""

_OF_A_GENERATION = re.compile(r"-g\d*$")


@dataclass(frozen=True, slots=True)
class HostFacts:
    """What a scenario says of one host."""

    name: str
    zone: str
    tags: dict[str, str]
    on_premises: bool = False
    pool: str = ""


class Facts:
    """What the parts of a scenario may speak of, as far as it can be told from a file with mistakes."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.revisions = list(revisions.entries) if (revisions := tree.get("revisions")) else []
        self.pools: dict[str, Tree] = pools.entries if (pools := tree.get("pools")) else {}
        self.balancer = tree.get("balancer") is not None
        self.deploys = len(list(tree.each("deploy")))
        self._members: dict[int, tuple[HostFacts, ...]] = {}
        """The hosts of a group, by the group's id: a tree cannot be hashed."""

    @cached_property
    def hosts(self) -> tuple[HostFacts, ...]:
        """The hosts, those of the pools last, or the one service or function that is deployed to.

        Empty where the file does not say which.
        """
        if self.platform != SERVER:
            own = self.groups[0].get("application")
            application = own if own is not None else self.tree.get("application")
            name = application.text if application is not None else Scenario.model_fields["application"].default
            return (HostFacts(name, "", {}),)
        return (*self._fleet_hosts(), *self._pool_hosts())

    def _pool_hosts(self) -> Iterator[HostFacts]:
        for name, pool in self.pools.items():
            desired = pool.get("desired")
            if desired is None or desired.number is None or not 0 <= desired.number <= POOL_HOSTS_MAX:
                continue
            zones = [zone.text for zone in pool.each("zones")] or [""]
            tags = {**texts(self.tree.get("fleet", "tags")), **texts(pool.get("tags")), GROUP_NAME_TAG: name}
            for i in range(desired.number):
                yield HostFacts(f"{name}-{i + 1}", zones[i % len(zones)], tags, pool=name)

    def _fleet_hosts(self) -> tuple[HostFacts, ...]:
        written = self.tree.get("fleet", "hosts")
        if written is None:
            return ()
        shared = texts(self.tree.get("fleet", "tags"))
        if written.number is not None and 0 < written.number <= HOSTS_MAX:
            zones = [zone.text for zone in self.tree.each("fleet", "zones")] or [""]
            return tuple(HostFacts(f"h{i + 1}", zones[i % len(zones)], shared) for i in range(written.number))
        return tuple(
            HostFacts(
                name.text,
                zone.text if (zone := host.get("zone")) else "",
                {**shared, **texts(host.get("tags"))},
                on_premises=(server := host.get("on_premises")) is not None and server.value is True,
            )
            for host in written.items
            if (name := host.get("name")) is not None
        )

    @property
    def platform(self) -> str:
        """The compute platform: the first group's, as every group has to have the same."""
        return self.platform_of(self.groups[0]) if self.groups else SERVER

    @staticmethod
    def platform_of(group: Tree) -> str:
        """A group's compute platform."""
        written = group.get("compute_platform")
        return written.word if written is not None and written.word in EVENTS else SERVER

    @property
    def in_service_max(self) -> int:
        """How many hosts, tasks or versions there are to be in service; 0 where the file does not say."""
        written = self.tree.get("fleet", "hosts")
        return (written.number or 0) if self.platform != SERVER and written is not None else len(self.hosts)

    @cached_property
    def provisions(self) -> bool:
        """Whether any deployment may be blue/green."""
        return any(
            strategy.text == "blue-green" or strategy.get("blue-green") is not None
            for node in (*self.groups, *self.tree.each("deploy"))
            if (strategy := node.get("strategy")) is not None
        )

    @cached_property
    def new_hosts(self) -> tuple[HostFacts, ...]:
        """The hosts that blue/green deployments may provision: a generation for each deployment, `h1-g2` and so on."""
        if not self.provisions or self.platform != SERVER or len(self.hosts) > HOSTS_COMPARED_MAX:
            return ()
        shared, names = texts(self.tree.get("fleet", "tags")), [host.name for host in self.hosts]
        return tuple(
            HostFacts(name, host.zone, host.tags if host.pool else shared, pool=host.pool)
            for generation in range(2, 2 + self._asked_max)
            for host, name in zip(self.hosts, successors(names, generation), strict=True)
        )

    @cached_property
    def host_names(self) -> dict[str, None]:
        """The hosts' names, in order."""
        return dict.fromkeys(host.name for host in self.hosts)

    @cached_property
    def new_host_names(self) -> dict[str, None]:
        """The names that hosts can have which are provisioned in the run."""
        return dict.fromkeys(host.name for host in self.new_hosts)

    @cached_property
    def groups(self) -> tuple[Tree, ...]:
        """The groups that are written, whichever way; none where the only one has nothing of its own."""
        one = self.tree.get("group")
        return (*([one] if one is not None else []), *self.tree.each("groups"))

    @cached_property
    def group_names(self) -> dict[str, Tree]:
        """The groups by their names, the first of each name."""
        named: dict[str, Tree] = {}
        for group in self.groups:
            name = group.get("name")
            named.setdefault(name.text if name is not None else DEFAULT_GROUP, group)
        return named

    def group_of(self, deploy: Tree) -> Tree | None:
        """The group of a deployment: the one that it names, or the first; None where none is written."""
        named = deploy.get("group")
        if named is not None and named.text in self.group_names:
            return self.group_names[named.text]
        return self.groups[0] if self.groups else None

    def groups_of(self, deploy: Tree) -> tuple[Tree | None, ...]:
        """The groups of a deployment: of one that goes through the environments those of all."""
        environments = self.tree.get("environments")
        if deploy.get("group") is not None or environments is None:
            return (self.group_of(deploy),)
        names = [named.text if (named := each.get("group")) else name for name, each in environments.entries.items()]
        return tuple(self.group_names[name] for name in names if name in self.group_names)

    @cached_property
    def gates(self) -> bool:
        """Whether a person is asked before any environment."""
        environments = self.tree.get("environments")
        return environments is not None and any(
            each.get("gate", "approval") is not None for each in environments.entries.values()
        )

    def members(self, group: Tree | None) -> tuple[HostFacts, ...]:
        """The hosts of a group's pools and filters; all of them where one has a mistake."""
        found = self._members.get(id(group))
        if found is None:
            found = self._members[id(group)] = self._members_of(group)
        return found

    @cached_property
    def groups_of_host(self) -> dict[str, list[str]]:
        """The groups that each host belongs to, by name."""
        found: dict[str, list[str]] = {}
        for name, group in self.group_names.items():
            for host in self.members(group):
                found.setdefault(host.name, []).append(name)
        return found

    @cached_property
    def standing_by(self) -> frozenset[str]:
        """The names of the hosts that stand by to replace a group's own (DISCOVER_EXISTING)."""
        strategies = (node.get("strategy") for node in (*self.groups, *self.tree.each("deploy")))
        return frozenset(host.text for node in strategies if node is not None for host in target_instances(node))

    @cached_property
    def outside(self) -> tuple[HostFacts, ...]:
        """The fleet's hosts that belong to no group and stand by for none; none where no host belongs to any."""
        if self.platform != SERVER:
            return ()
        placed = {host.name for group in self.groups or (None,) for host in self.members(group)}
        rest = (host for host in self.hosts if host.name and not host.pool and host.name not in self.standing_by)
        return tuple(host for host in rest if host.name not in placed) if placed or self.pools else ()

    @cached_property
    def in_a_deployment_max(self) -> int:
        """How many hosts a deployment can have: a group's, those that replace them, those that its pools launch."""
        launched = (
            self.launched_max if any(fault.get("do", "pool", "desired") for fault in self.tree.each("faults")) else 0
        )
        groups = [{host.name for host in self.members(group)} for group in self.groups or (None,)]
        return max(len(names | self.standing_by) for names in groups) + launched

    def _members_of(self, group: Tree | None) -> tuple[HostFacts, ...]:
        if not self.pools and (group is None or not any(group.get(key) is not None for key in FILTERS)):
            return self.hosts
        try:
            keys = (*FILTERS, "pools") if group is not None else ()
            written = {key: node.plain() for key in keys if group and (node := group.get(key)) is not None}
            found = Group.model_validate_json(json.dumps(written), strict=True)
        except (ValidationError, ValueError):
            return self.hosts
        if not found.has_filters and not self.pools:
            return self.hosts
        return tuple(host for host in self.hosts if found.has(host.pool, host.tags, on_premises=host.on_premises))

    @cached_property
    def places(self) -> int:
        """How many hosts all groups have together: one that belongs to two of them has two revisions."""
        return sum(len(self.members(group)) for group in self.groups) if self.groups else len(self.hosts)

    @property
    def launched_max(self) -> int:
        """How many more hosts there can be at the end than at the beginning: pools may grow to their maximum."""
        sizes = ([pool.get(key) for key in ("desired", "max")] for pool in self.pools.values())
        return sum(
            max(most.number - desired.number, 0)
            for desired, most in sizes
            if desired is not None and most is not None and desired.number is not None and most.number is not None
        )

    @property
    def rolls_back(self) -> bool:
        """Whether a rollback can come of any deployment."""
        return self.undone_by_people or any(list(group.each("auto_rollback")) for group in self.groups)

    @property
    def undone_by_people(self) -> bool:
        """Whether somebody stops a deployment and wants it rolled back, whatever its group says."""
        return any(
            ((verb := action.get("do")) is not None and verb.text == "abort")
            or ((wish := action.get("auto_rollback")) is not None and wish.value is True)
            for action in self.tree.each("operator")
        )

    @property
    def deployments_max(self) -> int:
        """How many deployments the run can have: each that is asked for, in every environment, and a rollback each.

        0: nobody knows. What pools have deployed depends on how many hosts they come to launch and to terminate.
        """
        return 0 if self.pools else self._asked_max

    @property
    def _asked_max(self) -> int:
        asked = sum(len(self.groups_of(deploy)) for deploy in self.tree.each("deploy"))
        return asked * (2 if self.rolls_back else 1)


def target_instances(strategy: Tree) -> list[Tree]:
    """The hosts by which a blue/green strategy replaces others, where it takes such as exist."""
    provisioning = strategy.get("blue-green", "green_fleet_provisioning")
    discovers = provisioning is not None and provisioning.text == "DISCOVER_EXISTING"
    return list(strategy.each("blue-green", "target_instances")) if discovers else []


def texts(node: Tree | None) -> dict[str, str]:
    """The entries of a mapping as they were written."""
    return {key: value.text for key, value in node.entries.items()} if node is not None else {}


def known_revision(facts: Facts, report: Report, node: Tree | None, what: str, *, none: bool = False) -> None:
    """Report a revision that does not exist. `none`: the word for no revision is allowed."""
    if node is None or node.word is None or (none and node.word == NO_REVISION):
        return
    if node.word not in facts.revisions:
        report(node.place, f"{what}: no revision is called {node.word}", suggest(node.word, facts.revisions))


def known_group(facts: Facts, report: Report, node: Tree | None) -> None:
    """Report a group that does not exist."""
    names = list(facts.group_names) or [DEFAULT_GROUP]
    if node is not None and node.word is not None and node.word not in names:
        report(node.place, f"no group is called {node.word}", suggest(node.word, names))


def known_host(facts: Facts, report: Report, node: Tree | None, *, new: bool = True) -> bool:
    """Report a host that does not exist; whether it does. `new`: one that is provisioned in the run is one, too."""
    if node is None or node.word is None or not facts.hosts or node.word in facts.host_names:
        return True
    if pool_of(node.word, facts.pools) is not None:
        return True  # it may be launched
    if new and node.word in facts.new_host_names:
        return True
    names = facts.host_names | (facts.new_host_names if new and _OF_A_GENERATION.search(node.word) else {})
    if len(names) > HOSTS_COMPARED_MAX:
        remedy = f"the hosts are {facts.hosts[0].name} to {facts.hosts[-1].name}"
    else:
        remedy = suggest(node.word, names)
    report(node.place, f"no host is called {node.word}", remedy)
    return False


def deployment_exists(facts: Facts, report: Report, node: Tree | None) -> None:
    """Report the number of a deployment that the run cannot have."""
    most = facts.deployments_max
    if node is None or node.number is None or not most or node.number <= most:
        return
    rollbacks = "with a rollback each" if facts.rolls_back else "and nothing rolls back (group.auto_rollback)"
    message = f"there is no deployment {node.number}: deploy has {facts.deploys}, {rollbacks}"
    report(node.place, message, f"write at most {most}")


def traffic_event(facts: Facts, report: Report, event: Tree | None) -> None:
    """Report a traffic event where there is no balancer, so that no host ever enters it."""
    if event is not None and event.text in TRAFFIC_EVENTS and not facts.balancer:
        report(event.place, f"{event.text} never comes: there is no balancer", ADD_BALANCER)


def exactly_one(report: Report, node: Tree, names: tuple[str, ...], what: str) -> None:
    """Report a mapping in which not exactly one of these keys stands. A misspelt one has been told already."""
    if node.value is None or not isinstance(node.value, dict):
        return
    written = [name for name in names if node.get(name) is not None]
    if len(written) == 1:
        return
    if written:
        message, remedy = f"{what}: {' and '.join(written)} exclude each other", f"keep one of {either(written)}"
        report(node.keys[written[1]], message, remedy)
    elif not any(nearest(key, names) for key in node.entries):
        report(node.place, f"{what}: none of {either(names)} is written", f"write one of {either(names)}")
