"""Random scaling during random deployments: pools come to what is wanted of them, and keep their rules meanwhile."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import event, given, reject, settings
from hypothesis import strategies as st

from scenarios.model import Scenario
from scenarios.problems import ScenarioError
from scenarios.strategies import strategy_name
from simulator.control.replay import replay
from simulator.control.result import RunResult, RunStatus
from simulator.rollout.events import HostEnded, HostLaunched, PoolChanged
from tests.support.rehearsals import BUNDLES, Watcher, broken, run, scenario

LEAST, MOST = 1, 6
PROCESSES = ["Launch", "Terminate", "AZRebalance"]
PAGE = "/var/www/site/index.html"
whens = st.one_of(
    st.integers(0, 40).map(lambda s: {"at": f"{s}s"}),
    st.sampled_from(["BlockTraffic", "Install", "AllowTraffic"]).flatmap(
        lambda name: st.integers(1, 4).map(lambda nth: {"event": name, "nth": nth})
    ),
    st.sampled_from(["InProgress", "Ready", "Succeeded", "Failed"]).map(lambda status: {"status": status}),
    st.just({"launched": "web"}),
)
strategies = st.sampled_from(
    [
        "rolling",
        {"canary": {"hosts": 1, "bake": "5s"}},
        {"blue-green": {}},
        {"blue-green": {"deployment_ready": {"action_on_timeout": "STOP_DEPLOYMENT", "wait_time": "20s"}}},
        {"blue-green": {"terminate_blue": {"action": "KEEP_ALIVE"}}},
    ]
)


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    told: dict[str, Any] = {"name": "web", "desired": draw(st.integers(LEAST, MOST))}
    for key in ("suspend", "resume"):
        if draw(st.integers(0, 3)) == 3:
            told[key] = [draw(st.sampled_from(PROCESSES))]
    if draw(st.integers(0, 3)) == 3:
        told["replacement"] = True
    return {"when": draw(whens), "do": {"pool": told}}


@st.composite
def scaled(draw: st.DrawFn) -> Scenario:
    hosts = draw(st.integers(LEAST, 4))
    image: dict[str, Any] = {"boots": draw(st.sampled_from(["1s", "8s"]))}
    if draw(st.integers(0, 3)):
        image["files"] = {PAGE: "a page"}
    strategy = draw(strategies)
    in_place = "blue-green" not in repr(strategy)
    group: dict[str, Any] = {
        "pools": ["web"],
        "strategy": strategy,
        "outdated_instances_strategy": draw(st.sampled_from(["UPDATE", "IGNORE"])),
        "auto_rollback": draw(st.sampled_from([[], ["DEPLOYMENT_FAILURE"]])),
        "deployment_config": draw(st.sampled_from([f"CodeDeployDefault.{n}AtATime" for n in ("One", "Half")])),
    }
    if draw(st.booleans()):
        group["running"] = "v1"
    if in_place and draw(st.booleans()):
        group["auto_scaling_group_processes_to_suspend"] = ["Terminate"]
    bundle = {"bundle": str(BUNDLES / "web-v2"), "behaves": {"needs": {"/": PAGE}}}
    parts: dict[str, Any] = {
        "fleet": None,
        "pools": {
            "web": {
                "min": LEAST,
                "desired": hosts,
                "max": MOST,
                "image": image,
                "zones": draw(zones),
                "suspended": draw(st.sampled_from([[], [], ["Launch"]])),
                "termination_hook": draw(st.booleans()),
            }
        },
        "revisions": {"v1": str(BUNDLES / "web-v1"), "v2": bundle},
        "group": group,
        "deploy": draw(st.lists(st.sampled_from([{"revision": "v1"}, {"revision": "v2"}]), min_size=1, max_size=2)),
        "limits": {"start": "3s", "event": "10s", "launch": "1m"},
        "faults": [*draw(st.lists(changes(), min_size=1, max_size=4)), *draw(crashes)],
    }
    try:
        return scenario(**parts)
    except ScenarioError:
        reject()  # a moment that can never come


crashes = st.lists(
    st.builds(
        lambda when, lasts_s: {"when": when, "do": {"controller": "crash"}, "for": f"{lasts_s}s"},
        whens,
        st.integers(1, 5),
    ),
    max_size=1,
)
zones = st.sampled_from([[], ["a", "b"], ["a", "b", "c"]])


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
        assert (again.outcome, again.flags, again.invariants) == (result.outcome, result.flags, result.invariants)
        if strategy_name(asked.group.strategy) != "blue-green":
            assert_converged(asked, result, watcher)


def assert_converged(asked: Scenario, result: RunResult, watcher: Watcher) -> None:
    """Counted from the journal alone: as many hosts as were wanted last, unless the run says why not."""
    pool = asked.pools["web"]
    there, wanted = {f"web-{n + 1}" for n in range(pool.desired)}, pool.desired
    for happened in dict.fromkeys(each for each, _ in watcher.seen):
        if isinstance(happened, PoolChanged) and happened.pool == "web":
            wanted = happened.desired
        elif isinstance(happened, HostLaunched):
            there.add(happened.host)
        elif isinstance(happened, HostEnded):
            there.discard(happened.host)
    said = any("suspended" in flag or "in a loop" in flag for flag in result.flags)
    assert len(there) == wanted or said, result.flags
