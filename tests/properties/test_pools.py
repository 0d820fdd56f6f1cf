"""Random scaling during random deployments: pools come to what is wanted of them, and keep their rules meanwhile.

Deployments that are asked for at any time and refused or queued, a second group beside or on the same pool, a way
through environments, hosts that somebody terminates, revisions that do not start, a controller that dies.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import event, given, reject, settings
from hypothesis import strategies as st

from scenarios.model import Scenario
from scenarios.problems import ScenarioError
from simulator.control.replay import replay
from simulator.control.result import RunResult, RunStatus
from simulator.rollout.events import (
    DeploymentCreated,
    Event,
    HostEnded,
    HostLaunched,
    HostProvisioned,
    HostTerminated,
    PoolChanged,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN
from simulator.rollout.statuses import Creator, DeploymentStatus, TargetStatus
from strategies.blue_green import successors
from strategies.options import BlueGreen
from tests.support.rehearsals import BUNDLES, Watcher, broken, run, scenario

LEAST, MOST = 1, 6
PROCESSES = ["Launch", "Terminate", "AZRebalance"]
PAGE = "/var/www/site/index.html"
SITE = "/srv/web/site/index.html"
GROUP = "production"
times = st.integers(0, 90).map(lambda s: {"at": f"{s}s"})
whens = st.one_of(
    times,
    st.sampled_from(["BlockTraffic", "Install", "AllowTraffic"]).flatmap(
        lambda name: st.integers(1, 4).map(lambda nth: {"event": name, "nth": nth})
    ),
    st.sampled_from(["InProgress", "Ready", "Succeeded", "Failed"]).map(lambda status: {"status": status}),
    st.just({"launched": "web"}),
)
in_place = st.sampled_from(["rolling", {"canary": {"hosts": 1, "bake": "5s"}}])
blue_green = st.sampled_from(
    [
        {"blue-green": {}},
        {"blue-green": {"deployment_ready": {"action_on_timeout": "STOP_DEPLOYMENT", "wait_time": "20s"}}},
        {"blue-green": {"terminate_blue": {"action": "KEEP_ALIVE"}}},
    ]
)
zones = st.sampled_from([[], ["a", "b"], ["a", "b", "c"]])
crashes = st.builds(
    lambda when, lasts_s: {"when": when, "do": {"controller": "crash"}, "for": f"{lasts_s}s"}, whens, st.integers(1, 5)
)
losses = st.builds(
    lambda when, host: {"when": when, "where": {"hosts": [f"web-{host}"]}, "do": {"host": "terminate"}},
    times,
    st.integers(1, 4),
)
bad_starts = st.builds(
    lambda revision: {
        "when": {"event": "ApplicationStart"},
        "where": {"revision": revision},
        "do": {"script": {"exit": 1}},
    },
    st.sampled_from(["v1", "v2", "r1"]),
)
outgrown = st.builds(
    lambda event, desired: {
        "when": {"event": event, "nth": 1, "deployment": 1},
        "do": {"pool": {"name": "web", "desired": desired}},
    },
    st.sampled_from(["ApplicationStop", "Install", "ValidateService"]),
    st.integers(4, MOST),
)
"""What makes follow-ons: the pool grows in the midst of the first deployment."""
late_failures = st.builds(
    lambda deployment: {"when": {"event": "BeforeInstall", "deployment": deployment}, "do": {"file": {"path": SITE}}},
    st.integers(2, 6),
)
"""And what makes them fail."""
OTHERS = ["none", "none", "beside", "shared", "environment"]
"""What second group there is: of another pool, of the same, or of another pool and next on the way of a revision."""


@st.composite
def changes(draw: st.DrawFn, pools: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {"name": draw(st.sampled_from(pools)), "desired": draw(st.integers(LEAST, MOST))}
    for key in ("suspend", "resume"):
        if draw(st.integers(0, 3)) == 3:
            told[key] = [draw(st.sampled_from(PROCESSES))]
    if draw(st.integers(0, 3)) == 3:
        told["replacement"] = True
    return {"when": draw(whens), "do": {"pool": told}}


@st.composite
def wishes(draw: st.DrawFn, groups: list[str]) -> dict[str, Any]:
    """A deployment that is asked for: in its turn, or whenever it may be, and then queued or refused."""
    wish: dict[str, Any] = {"revision": draw(st.sampled_from(["v1", "v2", "r1", "r2"]))}
    if groups:
        wish["group"] = draw(st.sampled_from(groups))
    if draw(st.integers(0, 2)) == 2:
        wish["when"] = draw(whens)
        wish["if_active"] = draw(st.sampled_from(["refuse", "queue"]))
    return wish


@st.composite
def a_pool(draw: st.DrawFn) -> dict[str, Any]:
    image: dict[str, Any] = {"boots": draw(st.sampled_from(["1s", "8s"]))}
    if draw(st.integers(0, 3)):
        image["files"] = {PAGE: "a page"}
    return {
        "min": LEAST,
        "desired": draw(st.integers(LEAST, 4)),
        "max": MOST,
        "image": image,
        "zones": draw(zones),
        "suspended": draw(st.sampled_from([[], [], ["Launch"]])),
        "termination_hook": draw(st.booleans()),
    }


@st.composite
def a_group(draw: st.DrawFn, name: str, pool: str, *, replaces: bool) -> dict[str, Any]:
    group: dict[str, Any] = {
        "name": name,
        "pools": [pool],
        "strategy": draw(blue_green if replaces else in_place),
        "outdated_instances_strategy": draw(st.sampled_from(["UPDATE", "IGNORE"])),
        "auto_rollback": draw(st.sampled_from([[], ["DEPLOYMENT_FAILURE"]])),
        "deployment_config": draw(st.sampled_from([f"CodeDeployDefault.{n}AtATime" for n in ("One", "Half")])),
    }
    if draw(st.booleans()):
        group["running"] = "v1"
    if not replaces and draw(st.booleans()):
        group["auto_scaling_group_processes_to_suspend"] = ["Terminate"]
    return group


@st.composite
def scaled(draw: st.DrawFn) -> Scenario:
    other = draw(st.sampled_from(OTHERS))
    replaces = draw(st.booleans()) and other != "shared"
    groups = [draw(a_group(GROUP, "web", replaces=replaces))]
    pools = {"web": draw(a_pool())}
    if other == "shared":
        second = {"name": "jobs", "pools": ["web"], "deployment_option": "WITHOUT_TRAFFIC_CONTROL", "running": "w1"}
        groups.append(second)
    elif other != "none":
        pools["api"] = draw(a_pool())
        groups.append(draw(a_group("jobs", "api", replaces=False)))
    bundle = {"bundle": str(BUNDLES / "web-v2"), "behaves": {"needs": {"/": PAGE}}}
    web = str(BUNDLES / "web-v1")
    revisions = {"v1": web, "v2": bundle, "r1": web, "r2": bundle, "w1": str(BUNDLES / "worker-v1")}
    asked = {"none": [GROUP], "beside": [GROUP, "jobs"], "shared": [GROUP], "environment": []}[other]
    faults = [
        *draw(st.lists(changes(list(pools)), min_size=1, max_size=4)),
        *draw(st.lists(crashes, max_size=1)),
        *draw(st.lists(losses, max_size=1)),
        *draw(st.lists(bad_starts, max_size=1)),
        *draw(st.lists(outgrown, max_size=1)),
        *draw(st.lists(late_failures, max_size=1)),
    ]
    parts: dict[str, Any] = {
        "fleet": None,
        "group": None,
        "groups": groups,
        "pools": pools,
        "revisions": revisions,
        "environments": {"first": {"group": GROUP}, "then": {"group": "jobs", "after": ["first"]}} if not asked else {},
        "deploy": draw(st.lists(wishes(asked), min_size=1, max_size=3, unique_by=lambda wish: wish["revision"])),
        "limits": {"start": "3s", "event": "10s", "launch": "1m"},
        "faults": faults,
    }
    try:
        return scenario(**parts)
    except ScenarioError:
        reject()  # a moment that can never come


@settings(deadline=None)
@given(scaled(), st.integers(0, 2**32))
def test_pools_converge_and_keep_their_rules(asked: Scenario, seed: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        journal = Path(scratch) / "journal"
        watcher = Watcher()
        result = run(asked, seed, journal, observers=(watcher,), time_limit_ms=60_000)
        event(f"{result.outcome}")
        assert result.status is RunStatus.COMPLETED
        assert broken(result) == []
        assert run(asked, seed).journal_sha256 == result.journal_sha256
        again = replay(journal)
        for part in ("status", "outcome", "flags", "invariants"):
            assert getattr(again, part) == getattr(result, part), part
        book = Book(asked, result)
        for happened in dict.fromkeys(each for each, _ in watcher.seen):
            book.take(happened)
        book.assert_converged()
        book.assert_mixed_versions_are_told()


@dataclass
class Counted:
    """A pool as the journal alone tells of it. `stands_for`: the pool of the scenario of which it is a copy, or itself.

    `by`: the blue/green deployment that has made it, and `awaited` the hosts that replace its pool's. (What replaces a
    host that an earlier deployment has left standing is in no pool.)
    """

    name: str
    stands_for: str
    there: set[str]
    wanted: int
    by: str = ""
    awaited: frozenset[str] | set[str] = frozenset()


class Book:
    """Counts the pools of a run from its journal, in the most obvious way."""

    def __init__(self, asked: Scenario, result: RunResult) -> None:
        self.asked, self.result = asked, result
        self.rollouts = {rollout.deployment_id: rollout for rollout in result.rollouts}
        self.launched: set[str] = set()
        self.pools = {
            name: Counted(name, name, {f"{name}-{n + 1}" for n in range(pool.desired)}, pool.desired)
            for name, pool in asked.pools.items()
        }

    def take(self, happened: Event) -> None:
        match happened:
            case DeploymentCreated() if happened.deployment.strategy == BLUE_GREEN:
                self._copy(happened)
            case HostProvisioned():
                for pool in self.pools.values():
                    if pool.by == happened.deployment_id and happened.host in pool.awaited:
                        pool.there.add(happened.host)
            case HostTerminated():
                for pool in self.pools.values():
                    if happened.host in pool.there:
                        pool.there.discard(happened.host)
                        pool.wanted = max(pool.wanted - 1, 0)
            case PoolChanged() if happened.pool in self.pools:
                self.pools[happened.pool].wanted = happened.desired
            case HostLaunched():
                self.pools[happened.pool].there.add(happened.host)
                self.launched.add(happened.host)
            case HostEnded():
                self.pools[happened.pool].there.discard(happened.host)

    def _copy(self, happened: DeploymentCreated) -> None:
        deployment = happened.deployment
        name = f"CodeDeploy_{deployment.group}_{deployment.deployment_id}"
        targets = [target.name for target in deployment.targets]
        told = deployment.options.blue_green or BlueGreen()
        replaces = dict(zip(targets, successors(targets, told.generation), strict=True))
        awaited = {replaces[host] for host in self.current("web").there if host in replaces}
        self.pools[name] = Counted(name, "web", set(), len(awaited), deployment.deployment_id, awaited)

    def current(self, name: str) -> Counted:
        """The pool that now stands for one of the scenario: the last copy whose hosts were the group, or itself."""
        alike = [pool for pool in self.pools.values() if pool.stands_for == name]
        return [pool for pool in alike if not pool.by or self._took_over(pool)][-1]

    def _took_over(self, pool: Counted) -> bool:
        """Whether the last that was done with a copy, its deployment or the way back, left its hosts in the group."""
        backs = [
            rollout
            for rollout in self.result.rollouts
            if rollout.deployment.rollback_of == pool.by and rollout.deployment.strategy == BACK_TO_BLUE
        ]
        last = (self.rollouts[pool.by], *backs)[-1]
        succeeded = last.status is DeploymentStatus.SUCCEEDED
        return (succeeded and not backs) or any(target.name in pool.awaited for target in last.aftermath)

    def assert_converged(self) -> None:
        """As many hosts as were wanted last, unless the run says of this pool why not; nothing in those that went."""
        for name in self.asked.pools:
            current = self.current(name)
            there = len(current.there)
            assert there == current.wanted or self._says(current, there), (current, self.result.flags)
            for pool in self.pools.values():
                if pool.stands_for == name and pool is not current and self._deleted(pool):
                    assert pool.there == set(), pool

    def _says(self, pool: Counted, there: int) -> bool:
        """Why it has too few, or too many: a process that is suspended, or a loop that is not over."""
        process = "Launch" if there < pool.wanted else "Terminate"
        held = any(
            flag.startswith(f"{pool.name} has {there} host") and flag.endswith(f"{process} is suspended")
            for flag in self.result.flags
        )
        loop = f"{pool.name} launches in a loop"
        loops = any(flag.startswith(loop) and "It was over" not in flag for flag in self.result.flags)
        return held or (loops and there < pool.wanted)

    def _deleted(self, pool: Counted) -> bool:
        """Whether a deployment has deleted a pool: one that replaced it and kept nothing, or the way back from it."""
        for rollout in self.result.rollouts:
            succeeded, deployment = rollout.status is DeploymentStatus.SUCCEEDED, rollout.deployment
            told = deployment.options.blue_green or BlueGreen()
            if deployment.strategy == BACK_TO_BLUE and pool.by and deployment.rollback_of == pool.by:
                return not self._took_over(pool)
            replaced = deployment.strategy == BLUE_GREEN and succeeded and told.terminate_after_ms is not None
            if replaced and self._stood_before(pool, deployment.deployment_id):
                return True
        return False

    def _stood_before(self, pool: Counted, deployment: str) -> bool:
        """Whether a pool was the one that stood when this deployment's copy was made."""
        copies = [each for each in self.pools.values() if each.stands_for == pool.stands_for]
        made = next(place for place, each in enumerate(copies) if each.by == deployment)
        stood = [each for each in copies[:made] if not each.by or self._took_over(each)]
        return stood[-1] is pool

    def assert_mixed_versions_are_told(self) -> None:
        """Of a host on which nothing but its launch has succeeded: that it has another version than its group."""
        for group in self.asked.all_groups:
            own = [rollout for rollout in self.result.rollouts if rollout.deployment.group == group.name]
            brought = [each.deployment.revision for each in own if _succeeded_for_the_group(each)]
            success = brought[-1] if brought else group.running
            told = [flag for flag in self.result.flags if flag.startswith(f"{group.name} ends with mixed versions")]
            for name in group.pools:
                for host in self.current(name).there & self.launched:
                    had = [each for each in own if host in each.hosts and _succeeded_on(each, host)]
                    only_launched = [each.deployment.creator for each in had] == [Creator.AUTOSCALING]
                    if only_launched and had[0].deployment.revision != success:
                        assert any(f"{host} on " in flag for flag in told), (host, self.result.flags)


def _succeeded_for_the_group(rollout: Rollout) -> bool:
    return rollout.status is DeploymentStatus.SUCCEEDED and not rollout.deployment.creator.beside


def _succeeded_on(rollout: Rollout, host: str) -> bool:
    return rollout.hosts[host].status is TargetStatus.SUCCEEDED
