"""What an event costs in a run's groups, and what many groups cost the loader: counted, not timed."""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from types import FrameType
from typing import Any

import pytest

from scenarios.loader import loads
from simulator.control.groups import Groups
from simulator.rollout.deployment import Target
from simulator.rollout.events import HealthCheckReported, HostEnded, HostTerminated
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator
from tests.support.rehearsals import BUNDLES, scenario
from tests.support.rollouts import Hand, deployment

SMALL, LARGE = 50, 500
CALLS_A_PLACE_MAX = 60
"""So many functions may be entered for each host of each group more, from the file to the beginning of its run."""


def operations(call: Callable[[], object]) -> int:
    """How many of the interpreter's instructions are carried out in a call: every turn of every loop counts."""
    counted = 0

    def trace(frame: FrameType, what: str, _arg: object) -> Any:
        nonlocal counted
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        counted += what == "opcode"
        return trace

    before = sys.gettrace()
    gc.disable()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
        gc.enable()
    return counted


def entered(call: Callable[[], object]) -> int:
    """How many functions are entered in a call."""
    counted = 0

    def count(_frame: FrameType, what: str, _arg: object) -> None:
        nonlocal counted
        counted += what in ("call", "c_call")

    before = sys.getprofile()
    gc.disable()
    sys.setprofile(count)
    try:
        call()
    finally:
        sys.setprofile(before)
        gc.enable()
    return counted


def launch(number: int) -> Rollout:
    """The launch deployment of a host."""
    asked = deployment([Target(f"web-{number}", "")], "AllAtOnce", strategy="launch", balancer=True, group="a")
    hand = Hand(replace(asked, deployment_id=f"d-{number}", creator=Creator.AUTOSCALING))
    hand.create()
    return hand.rollout


def groups(size: int) -> Groups:
    """Two groups of so many hosts, and as many hosts more that are being launched into the first."""
    two = [{"name": "a"}, {"name": "b"}]
    asked = scenario(
        fleet={"hosts": size, "running": "v1"}, group=None, groups=two, deploy=[{"revision": "v2", "group": "a"}]
    )
    found = Groups(asked, asked.targets(), 0)
    for number in range(size):
        found.begin(launch(number))
    return found


def _sick(found: Groups) -> object:
    return found.fold(HealthCheckReported(9, 1_000, "", "web-3", False, "/", "200", "500"))


def _ended(found: Groups) -> object:
    return found.fold(HostEnded(9, 1_000, "", "web", "web-3"))


def _terminated(found: Groups) -> object:
    return found.terminated(HostTerminated(9, 1_000, "1.0", "d-3", "web-3"), found.active["d-3"])


def _through(found: Groups) -> object:
    """A launch from its beginning to its end."""
    found.begin(rollout := LATER)
    return found.end(rollout)


LATER = launch(10_000)
MOVES: dict[str, Callable[[Groups], object]] = {
    "a report of a host's health": _sick,
    "a host that its pool has ended": _ended,
    "a host that a deployment has terminated": _terminated,
    "a launch deployment that ends": _through,
    "a host that joins": lambda found: found["a"].join(Target("new", "")),
    "a host that joins again": lambda found: found["a"].join(Target("h1", "")),
    "a host that leaves": lambda found: found.leave("h1"),
    "a host that is ended": lambda found: found.end_host("h1"),
    "whom a word is for": lambda found: found.newest(),
}


@pytest.mark.parametrize("move", MOVES)
def test_what_happens_to_one_host_costs_the_same_however_many_there_are(move: str) -> None:
    small, large = (operations(partial(MOVES[move], groups(size))) for size in (SMALL, LARGE))
    assert 0 < large <= small


def written(number: int, hosts: int, **parts: Any) -> str:
    """So many groups by tags, of as many hosts each as the number of hosts gives."""
    named = [{"name": f"h{n}", "tags": {"g": str(n % number)}} for n in range(hosts)]
    filtered = [{"name": f"g{n}", "ec2_tag_filters": [{"key": "g", "value": str(n)}]} for n in range(number)]
    deploy = [{"revision": "v1", "group": f"g{n}", "strategy": "blue-green"} for n in range(number)]
    revisions = {"v1": str(BUNDLES / "web-v1")}
    common = {"name": "many", "balancer": {}, "revisions": revisions, "fleet": {"hosts": named}, "groups": filtered}
    return json.dumps({**common, "deploy": deploy, **parts})


def loading(number: int, hosts: int, **parts: Any) -> int:
    text = written(number, hosts, **parts)
    return entered(lambda: loads(text, name="many.yml", directory=BUNDLES))


def beginning(number: int, hosts: int) -> int:
    asked = loads(written(number, hosts), name="many.yml", directory=BUNDLES)
    return entered(lambda: Groups(asked, asked.targets(), 0))


@pytest.mark.parametrize("cost", [loading, beginning])
def test_many_groups_cost_no_more_than_groups_times_hosts(cost: Callable[[int, int], int]) -> None:
    cost(2, 2)  # whatever is imported, and read for the first time
    once, groups_twice, hosts_twice = cost(10, 400), cost(20, 400), cost(10, 800)
    assert groups_twice < 2.1 * once
    assert groups_twice - once < CALLS_A_PLACE_MAX * 10 * 400
    assert hosts_twice < 2.1 * once


def test_faults_that_select_hosts_cost_no_more_than_faults_times_hosts() -> None:
    faults = [{"where": {"tag": {"g": "0"}}, "do": {"agent": "stop"}} for _ in range(5)]
    loading(2, 2, faults=faults)
    assert loading(1, 800, faults=faults) < 2.1 * loading(1, 400, faults=faults)
