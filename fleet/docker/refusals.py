"""What the Docker fleet cannot do of a scenario, found out before the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fleet.docker.bundles import pack
from fleet.docker.hosts import USER_NAME
from fleet.docker.needs import DISKS_MAX_BYTES, Needs
from fleet.docker.roster import HOSTS_MAX
from scenarios.model import NamedHost, Scenario
from scenarios.platforms import SERVER
from scenarios.strategies import strategy_name


def refuse(scenario: Scenario) -> list[str]:
    """What the Docker fleet cannot do of this scenario, by name; empty where it can do everything."""
    return [reason for check in _CHECKS for reason in check(scenario)]


def _too_many_hosts(scenario: Scenario) -> list[str]:
    count = len(_at_most(scenario))
    replaced = _replaced(scenario)
    if count + replaced <= HOSTS_MAX:
        return []
    where = "pools" if scenario.pools else "fleet.hosts"
    beside = f", and {replaced:,} new ones beside them" if replaced else ""
    return [f"{where}: {count:,} hosts{beside}; the Docker fleet takes at most {HOSTS_MAX} (use --fleet virtual)"]


def _at_most(scenario: Scenario) -> tuple[NamedHost, ...]:
    """The hosts that there are, every pool as large as somebody makes it in the run, or makes its replacement."""
    sizes = {name: pool.desired for name, pool in scenario.pools.items()}
    for change in (fault.do.pool for fault in scenario.faults):
        if change is not None and change.name in sizes:
            sizes[change.name] = max(sizes[change.name], change.desired or 0)
    launched = (scenario.pool_host(f"{name}-{n + 1}", "") for name, size in sizes.items() for n in range(size))
    return (*scenario.fleet.named_hosts(), *launched)


def _replaced(scenario: Scenario) -> int:
    """How many hosts a blue/green deployment provisions: there are as many twice, until the old ones have gone."""
    if scenario.standing_by():
        return 0
    named = _at_most(scenario)
    if scenario.compute_platform != SERVER:
        return len(named)
    asked = [(deploy, scenario.group_of(deploy)) for deploy in scenario.deploy]
    replaced = {
        group.name: len(scenario.members(group, named))
        for deploy, group in asked
        if strategy_name(deploy.strategy or group.strategy) == "blue-green"
    }
    return sum(replaced.values())


_NEEDS_BALANCER: Final = {
    "health": "nobody checks the hosts' health",
    "slow_start": "nobody waits for the application",
    "memory": "nobody makes requests",
    "balancer": "nothing can be wrong with it",
}


def _without_balancer(scenario: Scenario) -> list[str]:
    return [
        f"faults[{number}].do.{fault.do.kind}: {_NEEDS_BALANCER[fault.do.kind]}, because the scenario has no balancer"
        for number, fault in enumerate(scenario.faults)
        if fault.do.kind in _NEEDS_BALANCER and scenario.balancer is None
    ]


def _bundles(scenario: Scenario) -> list[str]:
    """Bundles come from the hosts' disks or from a bucket, and only on a disk can one be missing or corrupt."""
    found = {fault.do.bundle: number for number, fault in enumerate(scenario.faults) if fault.do.bundle is not None}
    return [
        f"faults[{number}].do.bundle: {word} is for bundles on the hosts' disks, and with access-denied in the same "
        "scenario (faults[{}]) they are in a bucket; make two scenarios of it".format(found["access-denied"])
        for word, number in found.items()
        if "access-denied" in found and word != "access-denied"
    ]


def _network_without_balancer(scenario: Scenario) -> list[str]:
    return [
        f"faults[{number}].do.network: {fault.do.network.words} is met by a balancer, and the scenario has none"
        for number, fault in enumerate(scenario.faults)
        if fault.do.network is not None and not fault.do.network.only_controller and scenario.balancer is None
    ]


def _full_disks(scenario: Scenario) -> list[str]:
    """A disk that can be filled is memory: it must not be too much, and does not outlast a loss of power."""
    if not any(fault.do.disk is not None for fault in scenario.faults):
        return []
    hosts = len(_at_most(scenario)) + _replaced(scenario)
    archives = [len(pack(name, revision.bundle).content) for name, revision in scenario.revisions.items()]
    size = hosts * Needs.of(scenario, archives).disk_bytes
    too_large = [
        f"faults.do.disk: {hosts} hosts with these bundles would take {size >> 20:,} MiB of memory for disks that can "
        f"be filled, and {DISKS_MAX_BYTES >> 20:,} MiB is the most (use --fleet virtual)"
    ]
    back = [
        f"faults[{number}].do.host: crash, and the host comes back: its disk is memory where a disk is to be full, and "
        "would come back empty (use --fleet virtual)"
        for number, fault in enumerate(scenario.faults)
        if fault.do.host == "crash" and (fault.lasts is not None or fault.where.revision is not None)
    ]
    return too_large * (size > DISKS_MAX_BYTES) + back


def _users(scenario: Scenario) -> list[str]:
    return [
        f"fleet.users: `{user}` is not a name that Linux takes for a user"
        for user in scenario.fleet.users
        if not USER_NAME.match(user)
    ]


def _files(scenario: Scenario) -> list[str]:
    paths = {path for host in scenario.named_hosts() for path in host.files}
    paths.update(path for pool in scenario.pools.values() for path in pool.image.files)
    return [
        f"fleet.files: `{path}` is not an absolute path of a file"
        for path in sorted(paths)
        if not path.startswith("/") or path.endswith("/") or ".." in path.split("/")
    ]


def _same_name(scenario: Scenario) -> list[str]:
    names = [host.name.lower() for host in scenario.named_hosts()]
    return [
        f"fleet.hosts: {name} is there in more than one spelling; host names differ by more than their case"
        for name in sorted({name for name in names if names.count(name) > 1})
    ]


def _without_code(scenario: Scenario) -> list[str]:
    """Of ECS and Lambda: what the virtual fleet is told, and Docker would have to run."""
    handlers = [
        f"functions.{name}: Docker calls the function itself, and it has no handler"
        for name, function in scenario.functions.items()
        if function.handler is None
    ]
    tasks = [
        f"revisions.{name}: Docker runs the task itself, and it has no task: {{command: […]}}"
        for name, revision in scenario.revisions.items()
        if scenario.compute_platform == "ECS" and revision.task is None
    ]
    return [*handlers, *tasks]


_CHECKS: Final[tuple[Callable[[Scenario], list[str]], ...]] = (
    _too_many_hosts,
    _without_balancer,
    _network_without_balancer,
    _bundles,
    _full_disks,
    _users,
    _files,
    _same_name,
    _without_code,
)
