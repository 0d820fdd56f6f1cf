"""Whole runs of random small scenarios: faults of every kind, stops, several deployments, every seed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from scenarios import library
from scenarios.model import Scenario
from simulator.control.replay import replay
from simulator.control.result import RunResult, RunStatus
from simulator.rollout.lifecycle import IN_PLACE, IN_PLACE_WITH_BALANCER, SCRIPT_EVENTS
from simulator.rollout.statuses import TargetStatus
from tests.support.rehearsals import BALANCER, BUNDLES, broken, run, scenario

times = st.integers(0, 30_000).map(lambda ms: f"{ms}ms")
some_times = st.integers(1, 15_000).map(lambda ms: f"{ms}ms")

health = st.one_of(
    st.fixed_dictionaries({"status": st.sampled_from([404, 500, 503])}),
    st.fixed_dictionaries({"slow": st.sampled_from(["100ms", "450ms", "20s"])}),
    st.fixed_dictionaries({"flapping": st.fixed_dictionaries({"up": some_times, "down": some_times})}),
)
effects = st.one_of(
    st.fixed_dictionaries({"agent": st.sampled_from(["stop", "restart"])}),
    st.fixed_dictionaries({"host": st.sampled_from(["crash", "pause"])}),
    st.fixed_dictionaries({"bundle": st.sampled_from(["missing", "corrupt"])}),
    st.just({"file": {"path": "/srv/web/site/index.html"}}),
)
script_effects = st.fixed_dictionaries(
    {"script": st.one_of(st.sampled_from(["hang", "missing"]), st.fixed_dictionaries({"exit": st.integers(1, 255)}))}
)


@st.composite
def faults(draw: st.DrawFn, hosts: int, balancer: bool) -> dict[str, Any]:
    events = IN_PLACE_WITH_BALANCER if balancer else IN_PLACE
    if draw(st.booleans()):
        names = [name for name in events if name in SCRIPT_EVENTS]
        fault: dict[str, Any] = {"when": {"event": draw(st.sampled_from(names))}, "do": draw(script_effects)}
    else:
        kinds = [effects, health.map(lambda effect: {"health": effect})] if balancer else [effects]
        fault = {"do": draw(st.one_of(kinds))}
        when = draw(st.sampled_from(["start", "time", "event", "status"]))
        if when == "time":
            fault["when"] = {"at": draw(times)}
        elif when == "event":
            fault["when"] = {"event": draw(st.sampled_from(events)), "nth": draw(st.integers(1, hosts))}
        elif when == "status":
            fault["when"] = {"status": "InProgress"}
        if draw(st.booleans()):
            fault["for"] = draw(some_times)
    where = draw(st.sampled_from(["everywhere", "random", "host", "revision"]))
    if where == "random":
        fault["where"] = {"random": draw(st.integers(1, hosts))}
    elif where == "host":
        fault["where"] = {"hosts": [f"h{draw(st.integers(1, hosts))}"]}
    elif where == "revision":
        fault["where"] = {"revision": draw(st.sampled_from(["v1", "v2"]))}
    return fault


@st.composite
def rehearsals(draw: st.DrawFn) -> Scenario:
    """A small scenario that its own loader accepts."""
    hosts, balancer = draw(st.integers(1, 5)), draw(st.booleans())
    minimum = draw(
        st.one_of(
            st.sampled_from([f"CodeDeployDefault.{name}AtATime" for name in ("One", "Half")]),
            st.just("CodeDeployDefault.AllAtOnce"),
            st.builds(lambda n: {"type": "HOST_COUNT", "value": n}, st.integers(0, hosts - 1)),
        )
    )
    stops = [{"when": {"at": draw(times)}, "do": "stop", "auto_rollback": draw(st.sampled_from([None, True, False]))}]
    return scenario(
        fleet={"hosts": hosts, **({"running": "v1"} if draw(st.booleans()) else {})},
        balancer=BALANCER if balancer else None,
        revisions={
            "v1": str(BUNDLES / "web-v1"),
            "v2": {
                "bundle": str(BUNDLES / "web-v2"),
                "behaves": {"answers": {"/": draw(st.sampled_from([200, 200, 404]))}},
            },
        },
        group={
            "deployment_config": minimum,
            "auto_rollback": draw(
                st.lists(st.sampled_from(["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"]), unique=True)
            ),
        },
        deploy=[
            {
                "revision": revision,
                "file_exists_behavior": draw(st.sampled_from(["DISALLOW", "OVERWRITE", "RETAIN"])),
                "ignore_application_stop_failures": draw(st.booleans()),
            }
            for revision in draw(st.lists(st.sampled_from(["v1", "v2"]), min_size=1, max_size=2))
        ],
        limits={
            "start": draw(some_times),
            "event": draw(some_times),
            "deployment": draw(st.sampled_from(["8h", "20s"])),
        },
        faults=draw(st.lists(faults(hosts, balancer), max_size=3)),
        operator=stops if draw(st.booleans()) else [],
    )


@given(rehearsals(), st.integers(0, 2**32))
def test_every_run_ends_and_keeps_every_invariant(asked: Scenario, seed: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        first, second = Path(scratch) / "first", Path(scratch) / "second"
        result = run(asked, seed, first, time_limit_ms=60_000)
        event(f"{result.status}, {result.outcome}")
        assert result.status is RunStatus.COMPLETED
        assert broken(result) == []
        assert all(rollout.status.terminal for rollout in result.rollouts)
        assert all(not rollout.counts[TargetStatus.IN_PROGRESS] for rollout in result.rollouts)
        if result.traffic:
            assert 0 <= result.traffic.failed <= result.traffic.total

        again = run(asked, seed, second)
        assert second.read_bytes() == first.read_bytes()
        assert again.journal_sha256 == result.journal_sha256

        assert_same(replay(first), result)


def assert_same(replayed: RunResult, result: RunResult) -> None:
    """A replay gives all that the run gave."""
    for name in ("status", "outcome", "notifications", "traffic", "in_service_min", "events", "flags"):
        assert getattr(replayed, name) == getattr(result, name), name
    assert replayed.invariants == result.invariants
    assert replayed.expectations == result.expectations
    assert replayed.journal_sha256 == result.journal_sha256
    assert [rollout.key() for rollout in replayed.rollouts] == [rollout.key() for rollout in result.rollouts]


_PROGRAM = """
import sys
from scenarios import library
from scenarios.loader import load
from simulator.control.rehearse import virtual
for name in sys.argv[1:]:
    result = virtual(load(library.path_of(name)), seed=7, scenario_sha256="", replay="")
    print(name, result.journal_sha256, result.outcome)
"""


def test_the_same_bytes_in_every_process_whatever_the_hash_seed() -> None:
    names = library.names()
    answers = {
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, *names],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "4242", "random")
    }
    (only,) = answers
    assert len(only.splitlines()) == len(names)


@pytest.mark.parametrize("name", ["health-check-404", "minimum-95-percent"])
def test_another_seed_is_another_run(name: str) -> None:
    from scenarios.loader import load

    digests = {run(load(library.path_of(name)), seed).journal_sha256 for seed in range(3)}
    assert len(digests) == 3


def test_one_hosts_draws_never_move_anothers(tmp_path: Path) -> None:
    """A fault on h2 leaves the durations of h1's lifecycle events as they were."""

    def durations(**parts: Any) -> dict[str, int]:
        asked = scenario(group={"deployment_config": "CodeDeployDefault.AllAtOnce"}, **parts)
        (rollout, *_) = run(asked, 3).rollouts
        records = rollout.hosts["h1"].records
        return {
            r.name: r.ended_ms - r.started_ms for r in records if r.started_ms is not None and "Traffic" not in r.name
        }

    fault = {"when": {"event": "Install", "host": "h2"}, "do": {"host": "crash"}}
    assert durations() == durations(faults=[fault])


def test_a_journal_is_the_list_of_events(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    result = run(scenario(), 1, path)
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert [line["id"] for line in lines[1:]] == list(range(1, result.events + 1))
    assert lines[1]["event"] == "DeploymentCreated"
    assert lines[-1]["event"] == "TrafficMeasured"
