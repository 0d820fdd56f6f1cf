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
from hypothesis import event, given, reject, settings
from hypothesis import strategies as st

from scenarios import library
from scenarios.model import Scenario
from scenarios.problems import ScenarioError
from simulator.control.operator_words import Say, Word
from simulator.control.replay import replay
from simulator.control.result import RunResult, RunStatus
from simulator.rollout.lifecycle import IN_PLACE, IN_PLACE_WITH_BALANCER, SCRIPT_EVENTS
from simulator.rollout.statuses import TargetStatus
from tests.support.rehearsals import BALANCER, BUNDLES, broken, run, scenario
from tests.support.staying import stay

SOAK = int(os.environ.get("DRYDEPLOY_SOAK", "0"))
"""So many random rehearsals (`make soak`), and not the usual number."""

times = st.integers(0, 30_000).map(lambda ms: f"{ms}ms")
some_times = st.integers(1, 15_000).map(lambda ms: f"{ms}ms")
flaps = st.integers(200, 15_000).map(lambda ms: f"{ms}ms")

health = st.one_of(
    st.fixed_dictionaries({"status": st.sampled_from([404, 500, 503])}),
    st.fixed_dictionaries({"slow": st.sampled_from(["100ms", "450ms", "20s"])}),
    st.fixed_dictionaries({"flapping": st.fixed_dictionaries({"up": flaps, "down": flaps})}),
)
effects = st.one_of(
    st.fixed_dictionaries({"agent": st.sampled_from(["stop", "restart"])}),
    st.fixed_dictionaries({"host": st.sampled_from(["crash", "pause", "terminate"])}),
    st.fixed_dictionaries({"bundle": st.sampled_from(["missing", "corrupt", "access-denied"])}),
    st.sampled_from([{"disk": "full"}, {"network": {"cut": "controller"}}]),
    st.sampled_from(["6m", "-2h", "1m"]).map(lambda offset: {"clock": {"offset": offset}}),
    st.just({"file": {"path": "/srv/web/site/index.html"}}),
)
service_effects = st.one_of(
    st.just({"balancer": "refuses-registration"}),
    st.just({"balancer": "restart"}),
    st.builds(lambda draining: {"balancer": {"draining": draining}}, some_times),
    st.builds(lambda lasts: {"slow_start": lasts}, some_times),
    st.builds(lambda requests: {"memory": {"leak_after": requests}}, st.integers(1, 200)),
)
"""What can only be wrong where there is a balancer."""
networks = st.one_of(
    st.fixed_dictionaries({"cut": st.sampled_from(["balancer", "both"])}),
    st.fixed_dictionaries({"latency": st.sampled_from(["100ms", "450ms", "20s"])}),
    st.fixed_dictionaries({"loss": st.sampled_from([1, 30, 99])}),
)
script_words = ["hang", "missing", "keeps-output-open"]
script_effects = st.fixed_dictionaries(
    {"script": st.one_of(st.sampled_from(script_words), st.fixed_dictionaries({"exit": st.integers(1, 255)}))}
)


@st.composite
def faults(draw: st.DrawFn, hosts: int, balancer: bool) -> dict[str, Any]:
    events = IN_PLACE_WITH_BALANCER if balancer else IN_PLACE
    if draw(st.booleans()):
        names = [name for name in events if name in SCRIPT_EVENTS]
        fault: dict[str, Any] = {"when": {"event": draw(st.sampled_from(names))}, "do": draw(script_effects)}
    else:
        behind = [health.map(lambda effect: {"health": effect}), networks.map(lambda effect: {"network": effect})]
        of_balancer = [*behind, service_effects] if balancer else []
        crash = st.just({"controller": "crash"})
        fault = {"do": draw(st.one_of([effects, crash, *of_balancer]))}
        when = draw(st.sampled_from(["start", "time", "event", "status", *(["request"] if balancer else [])]))
        if when == "time":
            fault["when"] = {"at": draw(times)}
        elif when == "event":
            fault["when"] = {"event": draw(st.sampled_from(events)), "nth": draw(st.integers(1, hosts))}
        elif when == "status":
            fault["when"] = {"status": "InProgress"}
        elif when == "request":
            fault["when"] = {"request": draw(st.integers(1, 300))}
        if "controller" in fault["do"] or (
            draw(st.booleans()) and fault["do"] not in ({"balancer": "restart"}, {"host": "terminate"})
        ):
            fault["for"] = draw(some_times)
    if draw(st.integers(0, 3)) == 3:
        fault["probability"] = draw(st.sampled_from([0.2, 0.7]))
    where = draw(st.sampled_from(["everywhere", "random", "host", "revision"]))
    if where == "random":
        fault["where"] = {"random": draw(st.integers(1, hosts))}
    elif where == "host":
        fault["where"] = {"hosts": [f"h{draw(st.integers(1, hosts))}"]}
    elif where == "revision":
        fault["where"] = {"revision": draw(st.sampled_from(["v1", "v2"]))}
    return fault


VERBS = ["continue", "pause", "resume", "promote", "promote-full", "stop", "abort"]
STATUSES = ["InProgress", "Ready", "Baking"]
waits = st.sampled_from(["0s", "1s", "20s"])
"""Durations that a deployment may bake, or stand."""
shares = st.one_of(
    st.integers(1, 4).map(lambda n: {"hosts": n}), st.sampled_from([1, 25, 60]).map(lambda n: {"percent": n})
)
minima = st.one_of(
    st.sampled_from([f"CodeDeployDefault.{name}" for name in ("OneAtATime", "HalfAtATime", "AllAtOnce")]),
    st.builds(lambda n: {"type": "HOST_COUNT", "value": n}, st.integers(0, 4)),
    st.builds(lambda n: {"type": "FLEET_PERCENT", "value": n}, st.integers(0, 99)),
)
shifts = st.builds(
    lambda kind, percent, every: {kind: {"percent": percent, "every": every}},
    st.sampled_from(["canary", "linear"]),
    st.sampled_from([1, 20, 50, 99]),
    st.sampled_from(["1s", "20s"]),
)


ALARMS = {
    "pager": {"scripted": True},
    "errors": {"metric": "error_rate", "above": "20%", "period": "5s"},
    "lonely": {"metric": "healthy_hosts", "below": 1, "period": "1s", "datapoints": 2},
}
JUDGE = {"users": {"lasts": "5s", "thresholds": [{"metric": "error_rate", "below": "10%"}]}}
alarm_faults = st.builds(
    lambda at, state: {"when": {"at": at}, "do": {"alarm": {"name": "pager", "state": state}}},
    times,
    st.sampled_from(["ALARM", "OK", "UNKNOWN"]),
)


@st.composite
def steps(draw: st.DrawFn, balancer: bool) -> list[dict[str, Any]]:
    """Rising shares with pauses between."""
    told: list[dict[str, Any]] = []
    for weight in sorted(draw(st.lists(st.integers(1, 100), min_size=1, max_size=3, unique=True))):
        told.append({"setWeight": weight})
        if draw(st.booleans()):
            told.append({"pause": draw(st.sampled_from([{}, {"duration": "5s"}]))})
        if balancer and draw(st.integers(0, 3)) == 3:
            told.append({"analysis": "users"})
    return told


@st.composite
def blue_greens(draw: st.DrawFn, standing_by: list[str]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if standing_by:
        told |= {"green_fleet_provisioning": "DISCOVER_EXISTING", "target_instances": standing_by}
    if draw(st.booleans()):
        told["deployment_ready"] = {"action_on_timeout": "STOP_DEPLOYMENT", "wait_time": draw(waits)}
    if draw(st.booleans()):
        terminate = draw(st.sampled_from([{"action": "KEEP_ALIVE"}, {"wait_time": "1s"}, {"wait_time": "60s"}]))
        told["terminate_blue"] = terminate
    if draw(st.booleans()):
        told["traffic"] = draw(shifts)
    return told


@st.composite
def strategies(draw: st.DrawFn, hosts: int, zones: bool, balancer: bool, standing_by: list[str]) -> Any:
    """Any strategy, as a scenario writes it."""
    kinds = ["rolling", "steps", *(["canary", "linear"] if hosts > 1 else []), *(["zonal"] if zones else [])]
    kinds += ["blue-green"] * 4 if balancer else []
    kind = draw(st.sampled_from(kinds)) if not standing_by else "blue-green"
    if kind == "canary":
        share = draw(st.integers(1, hosts - 1))
        judge = {"analysis": "users"} if balancer and draw(st.integers(0, 3)) == 3 else {}
        return {"canary": {"hosts": share, "bake": draw(waits), **judge}}
    if kind == "linear":
        return {"linear": {**draw(shares), "every": draw(waits)}}
    if kind == "zonal":
        told = {"monitor_duration": draw(waits), "first_zone_monitor_duration": draw(waits)}
        if draw(st.booleans()):
            told["minimum_healthy_hosts_per_zone"] = draw(minima.filter(lambda m: isinstance(m, dict)))
        return {"zonal": told}
    if kind == "steps":
        return {"steps": draw(steps(balancer))}
    if kind == "blue-green":
        return {"blue-green": draw(blue_greens(standing_by))}
    return kind


@st.composite
def people(draw: st.DrawFn) -> dict[str, Any]:
    """What somebody says, and when."""
    when = draw(
        st.one_of(
            times.map(lambda at: {"at": at}),
            st.sampled_from(STATUSES).map(lambda status: {"status": status}),
            st.sampled_from(["Install", "ValidateService"]).map(lambda name: {"event": name}),
        )
    )
    verb = draw(st.sampled_from(VERBS))
    if verb == "stop":
        return {"when": when, "do": verb, "auto_rollback": draw(st.sampled_from([None, True, False]))}
    return {"when": when, "do": verb}


def undo_of(revision: str | None) -> Say:
    return Say(Word.UNDO, "ann", revision=revision)


@st.composite
def rehearsals(draw: st.DrawFn) -> Scenario:
    """A small scenario that its own loader accepts: any strategy, faults, and people who speak."""
    hosts, balancer, zones = draw(st.integers(1, 5)), draw(st.booleans()), draw(st.booleans())
    deployments = draw(st.integers(1, 2))
    # A host that stands by can replace another once: each deployment that discovers has hosts of its own.
    fresh = [[f"g{number}", f"g{number}b"] for number in range(1, deployments + 1)]
    takes = [draw(st.sampled_from([0, 0, 0, 1, 2])) if balancer else 0 for _ in fresh]
    discovered = [names[:count] for names, count in zip(fresh, takes, strict=True)]
    standing_by = [name for names in discovered for name in names]
    names = [{"name": f"h{n}", **({"zone": "ab"[n % 2]} if zones else {})} for n in range(1, hosts + 1)]
    names += [{"name": name, **({"zone": "a"} if zones else {})} for name in standing_by]
    causes = [f"DEPLOYMENT_{name}" for name in ("FAILURE", "STOP_ON_REQUEST", "STOP_ON_ALARM")]
    rolls_back = draw(st.lists(st.sampled_from(causes), unique=True))
    alarms = draw(st.lists(st.sampled_from(list(ALARMS)), unique=True)) if balancer and draw(st.booleans()) else []
    trouble = st.one_of(faults(hosts, balancer), *([alarm_faults] if "pager" in alarms else []))
    told = [draw(strategies(hosts, zones, balancer, names)) for names in discovered]
    asked = {
        "fleet": {"hosts": names, **({"running": "v1"} if standing_by or draw(st.booleans()) else {})},
        "balancer": BALANCER if balancer else None,
        "revisions": {
            "v1": str(BUNDLES / "web-v1"),
            "v2": {
                "bundle": str(BUNDLES / "web-v2"),
                "behaves": {"answers": {"/": draw(st.sampled_from([200, 200, 200, 404]))}},
            },
        },
        "group": {
            "deployment_config": draw(minima),
            "auto_rollback": rolls_back if alarms else [name for name in rolls_back if "ALARM" not in name],
            **({"alarms": alarms, "ignore_poll_alarm_failure": draw(st.booleans())} if alarms else {}),
        },
        "alarms": {name: ALARMS[name] for name in alarms} or None,
        "analyses": JUDGE if any("users" in repr(strategy) for strategy in told) else None,
        "deploy": [
            {
                "revision": draw(st.sampled_from(["v1", "v2", "v2"])),
                "strategy": strategy,
                "file_exists_behavior": draw(st.sampled_from(["DISALLOW", "OVERWRITE", "RETAIN"])),
                "ignore_application_stop_failures": draw(st.booleans()),
            }
            for strategy in told
        ],
        "limits": {
            "start": draw(st.sampled_from(["800ms", "5s", "30s", "30s"])),
            "event": draw(st.sampled_from(["800ms", "30s", "30s", "30s", "30s"])),
            "deployment": draw(st.sampled_from(["20s", "5m", "20m", "20m"])),
        },
        "faults": draw(st.lists(trouble, max_size=draw(st.sampled_from([0, 1, 3])))),
        "operator": draw(st.lists(people(), max_size=3)),
    }
    try:
        return scenario(**asked)
    except ScenarioError:
        reject()


wishes = st.one_of(
    st.just([]),
    st.lists(st.one_of(st.just("retry"), st.sampled_from([None, "v1", "v2"]).map(undo_of)), min_size=1, max_size=3),
)
"""What a person may want once everything has come to rest: again, or back."""


@settings(max_examples=SOAK or settings().max_examples)
@given(rehearsals(), st.integers(0, 2**32), wishes)
def test_every_run_ends_and_keeps_every_invariant(asked: Scenario, seed: int, after: list[Say | str]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        first, second = Path(scratch) / "first", Path(scratch) / "second"
        result, answers = stay(asked, *after, seed=seed, journal=first)
        event(f"{result.status}, {result.outcome}")
        for answer in answers:
            event(type(answer).__name__)
        assert result.status is RunStatus.COMPLETED
        assert broken(result) == []
        assert all(rollout.status.terminal for rollout in result.rollouts)
        assert all(not rollout.counts[TargetStatus.IN_PROGRESS] for rollout in result.rollouts)
        assert_fresh_names(result)
        if result.traffic:
            assert 0 <= result.traffic.failed <= result.traffic.total

        again, _ = stay(asked, *after, seed=seed, journal=second)
        assert second.read_bytes() == first.read_bytes()
        assert again.journal_sha256 == result.journal_sha256

        assert_same(replay(first), result)


def assert_fresh_names(result: RunResult) -> None:
    """No new host has the name of one that stands, or ever stood."""
    ever = {host.name for host in result.scenario.fleet.named_hosts()}
    for rollout in result.rollouts:
        new = rollout.hosts.keys() - {target.name for target in rollout.deployment.targets}
        assert not new & ever
        ever |= new


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
