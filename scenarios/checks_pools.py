"""Rules of pools: that their sizes rise, that who names one means one that exists, and that one group has each."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from scenarios.facts import Facts, known_group, known_host
from scenarios.pools import PROCESSES_TO_SUSPEND_MAX, ProcessToSuspend, pool_of
from scenarios.problems import either, nearest, suggest
from scenarios.tree import Report, Tree
from scenarios.words import HOSTS_MAX

SIZES = ("min", "desired", "max")
_OF_A_COPY = "CodeDeploy_"
"""How the name of a pool begins that a blue/green deployment has copied."""


def check_pools(facts: Facts, directory: Path, report: Report, warn: Report) -> None:
    """Report what no pool can be, and pools that do not exist; warn of those that no group has, or two."""
    _something_to_do(facts, report)
    _named_alike(facts, report)
    for name, pool in facts.pools.items():
        _sizes(name, pool, report)
        _user_data(pool, directory, report)
    _together(facts, report)
    for group in facts.groups:
        _of_group(facts, group, report)
        _suspends(group, report)
    _owners(facts, warn)
    whens = [node.get("when") for key in ("deploy", "operator", "faults") for node in facts.tree.each(key)]
    for when in whens:
        if when is not None and (launched := when.get("launched")) is not None:
            if _known(facts, launched, report):
                _launches(facts, launched, report)
            if when.get("deployment") is not None:
                report(when.keys["deployment"], "when.deployment does not go with launched", "take one of the two away")
    for fault in facts.tree.each("faults"):
        if (change := fault.get("do", "pool")) is not None:
            _change(facts, fault, change, report, warn)
    _expected(facts, report)


def _something_to_do(facts: Facts, report: Report) -> None:
    """Without pools there must be hosts, and a deployment to them."""
    if facts.pools:
        return
    tree = facts.tree
    if (fleet := _wanted(tree, "fleet", "the hosts", "", report)) is not None and isinstance(fleet.value, dict):
        _wanted(fleet, "hosts", "how many hosts, or the hosts one by one", "fleet", report)
    _wanted(tree, "deploy", "the deployments", "", report)


def _wanted(parent: Tree, key: str, about: str, within: str, report: Report) -> Tree | None:
    """What stands under a key that must not be missing, or nothing; None where it is, unless it is misspelt."""
    node = parent.get(key)
    name = f"{within}.{key}" if within else key
    if node is None:
        if not any(nearest(written, [key]) for written in parent.entries):
            message = f"{key} is missing{f' in {within}' if within else ''}"
            report(parent.place, message, f"write {key}: … ({about})")
    elif node.number == 0 or (isinstance(node.value, list) and not node.items):
        remedy = "write at least 1" if node.number == 0 else "write one"
        report(node.place, f"{name}: expected 1 or more, found 0", remedy)
    return node


def _sizes(name: str, pool: Tree, report: Report) -> None:
    sizes = {key: node for key in SIZES if (node := pool.get(key)) is not None and node.number is not None}
    least, wanted, most = (node.number if (node := sizes.get(key)) else None for key in SIZES)
    if least is not None and most is not None and least > most:
        message = f"pool {name}: the minimum {least} is above the maximum {most}"
        report(sizes["min"].place, message, f"write min: {most} or less, or max: {least} or more")
    elif wanted is not None and ((least or 0) > wanted or (most is not None and wanted > most)):
        message = f"pool {name}: desired {wanted} is not between the minimum {least or 0} and the maximum {most}"
        report(sizes["desired"].place, message, f"write {least or 0} to {most}")


def _together(facts: Facts, report: Report) -> None:
    """The hosts that there can be at once, the fleet's and those of the pools, however large those grow."""
    written = facts.tree.get("fleet", "hosts")
    fleet = 0 if written is None else written.number if written.number is not None else len(written.items)
    most = sum(node.number or 0 for pool in facts.pools.values() if (node := pool.get("max")) is not None)
    if facts.pools and fleet + most > HOSTS_MAX:
        message = f"the fleet's {fleet:,} hosts and the pools' {most:,} (by their max) are more than {HOSTS_MAX:,}"
        report(facts.tree.keys["pools"], message, "lower fleet.hosts, or the max of some pools")


def _of_group(facts: Facts, group: Tree, report: Report) -> None:
    seen: set[str] = set()
    for named in group.each("pools"):
        if _known(facts, named, report) and named.text in seen:
            report(named.place, f"the pool {named.text} stands here twice", "name it once")
        seen.add(named.text)


def _launches(facts: Facts, launched: Tree, report: Report) -> None:
    """Report a moment that never comes: a pool launches where somebody scales it, and never by itself."""
    changes = (fault.get("do", "pool") for fault in facts.tree.each("faults"))
    scaled = {name.text for each in changes if each and each.get("desired") and (name := each.get("name"))}
    if launched.text not in scaled:
        message = f"{launched.text} never launches a host: nothing in this scenario scales it"
        remedy = f"add a fault with do: {{pool: {{name: {launched.text}, desired: …}}}}, or choose another moment"
        report(launched.place, message, remedy)


def _expected(facts: Facts, report: Report) -> None:
    """Report groups, pools and hosts that are expected to come to something, and do not exist."""
    for named in facts.tree.each("expect", "mixed_versions"):
        known_group(facts, report, named)
    for named in facts.tree.each("expect", "launch_loops"):
        if not named.text.startswith(_OF_A_COPY):
            _known(facts, named, report)
    for named in facts.tree.each("expect", "stranded"):
        known_host(facts, report, named)


def _named_alike(facts: Facts, report: Report) -> None:
    """A host of the fleet that bears a name which a host of a pool has, or comes to have in the run."""
    for host in facts.tree.each("fleet", "hosts"):
        written = host.get("name")
        if written is not None and (pool := pool_of(written.text, facts.pools)) is not None:
            message = f"{written.text} is a name that the pool {pool} gives to its hosts ({pool}-1, {pool}-2, …)"
            report(written.place, message, "give the host another name, or the pool")


def _user_data(pool: Tree, directory: Path, report: Report) -> None:
    written = pool.get("image", "user_data")
    script = written if written is None or written.word is not None else written.get("script")
    if script is None or script.word is None or (path := directory / script.word).is_file():
        return
    beside = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, beside)
    remedy = f"did you mean {Path(script.text).parent / near}?" if near else "give its path from the scenario file"
    report(script.place, f"there is no user data script at {script.text}", remedy)


def _known(facts: Facts, node: Tree, report: Report) -> bool:
    if node.word is None or node.word in facts.pools:
        return True
    remedy = suggest(node.word, list(facts.pools)) if facts.pools else "add it under pools"
    report(node.place, f"no pool is called {node.word}", remedy)
    return False


def _suspends(group: Tree, report: Report) -> None:
    written = group.get("auto_scaling_group_processes_to_suspend")
    if written is None:
        return
    processes = list(written.items)
    for node in processes:
        if node.text == "Launch":
            message = "CodeDeploy does not suspend Launch: a host that fails meanwhile would never be replaced"
            report(node.place, message, f"there is {either(get_args(ProcessToSuspend))}; or suspend it in the pool")
    if len(processes) > PROCESSES_TO_SUSPEND_MAX:
        message = f"at most {PROCESSES_TO_SUSPEND_MAX} processes can be suspended, found {len(processes)}"
        report(written.place, message, "take some away")
    place = group.keys["auto_scaling_group_processes_to_suspend"]
    if processes and not list(group.each("pools")):
        report(place, "processes are suspended in the group's pools, and it has none", "add pools: […]")
    strategy = group.get("strategy")
    if strategy is not None and (strategy.text == "blue-green" or strategy.get("blue-green") is not None):
        report(place, "CodeDeploy suspends no processes for a blue/green deployment", "take this away")


def _owners(facts: Facts, warn: Report) -> None:
    owners: dict[str, list[str]] = {name: [] for name in facts.pools}
    for name, group in facts.group_names.items():
        for named in group.each("pools"):
            if named.text in owners and name not in owners[named.text]:
                if owners[named.text]:
                    others = " and ".join(owners[named.text])
                    message = (
                        f"the pool {named.text} belongs to {others} already: two groups on one pool install two hooks, "
                        "in an order that nobody knows, and if one launch deployment fails the host goes for both"
                    )
                    warn(named.place, message, "give each group a pool of its own")
                owners[named.text].append(name)
    for name, found in owners.items():
        if not found and not any(host.pool == name for group in facts.groups for host in facts.members(group)):
            message = f"no group has the pool {name}: nobody deploys to what it launches"
            warn(facts.tree.entries["pools"].keys[name], message, f"write group: {{pools: [{name}]}}")


def _change(facts: Facts, fault: Tree, change: Tree, report: Report, warn: Report) -> None:
    name, desired = change.get("name"), change.get("desired")
    if name is None or not _known(facts, name, report):
        return
    replacement = change.get("replacement")
    if replacement is not None and replacement.value is True and not facts.provisions:
        message = "there is never a replacement: no deployment is blue/green and copies its pools"
        warn(replacement.place, message, "take replacement away, or write strategy: blue-green")
    if (lasts := fault.get("for")) is not None:
        message = "what is done with a pool lasts: it has no for"
        report(lasts.place, message, "write another fault that scales it back, or resumes the process")
    if (odds := fault.get("probability")) is not None:
        report(odds.place, "what is done with a pool is done: it has no probability", "take it away, or the fault")
    if "where" in fault.keys:
        report(fault.keys["where"], "a pool is scaled at no host in particular", "take where away")
    if not any(change.get(key) is not None for key in ("desired", "suspend", "resume")):
        report(change.place, "nothing is done with the pool", "write desired: …, suspend: […] or resume: […]")
    pool = facts.pools.get(name.text)
    if pool is None or desired is None or desired.number is None:
        return
    least, most = (node.number if (node := pool.get(key)) else None for key in ("min", "max"))
    if desired.number < (least or 0) or (most is not None and desired.number > most):
        message = f"the pool {name.text} cannot have {desired.number} hosts: it has {least or 0} to {most}"
        report(desired.place, message, f"write {least or 0} to {most}, or change the pool's min and max")
