"""What an event costs: the number of functions entered, which no other load on the machine changes."""

from __future__ import annotations

import gc
import sys
from types import FrameType
from typing import Any

import pytest

from simulator.rollout.commands import StartTimer
from simulator.rollout.events import LifecycleEventCompleted
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import EventStatus
from strategies.options import Options, Share
from tests.support.rollouts import WORK, Hand, deployment


def calls_per_event(hosts: int, minimum: str, events: int, **told: Any) -> list[int]:
    """How many Python functions are entered for each of the first events of a deployment, after its creation."""
    rollout = Rollout(deployment(hosts, minimum, **told))
    hand = Hand(deployment(2))
    hand.rollout = rollout
    hand.create()
    commands = [c for c in hand.commands if isinstance(c, WORK)]
    timers = sum(isinstance(c, StartTimer) for c in hand.commands)
    assert timers > len(commands)
    counts = []
    for number in range(events):
        command = commands.pop(0)
        name = rollout.hosts[command.host].event
        happened = LifecycleEventCompleted(
            number + 2, number, command.id, "d-1", command.host, name, EventStatus.SUCCEEDED, 0
        )
        calls = 0

        def count(frame: FrameType, what: str, arg: object) -> None:
            nonlocal calls
            calls += what in ("call", "c_call")

        gc.disable()  # what somebody hangs on the collector is not the core's work
        sys.setprofile(count)
        try:
            answer = rollout.handle(happened)
        finally:
            sys.setprofile(None)
            gc.enable()
        counts.append(calls)
        commands.extend(c for c in answer if isinstance(c, WORK))
    return counts


@pytest.mark.parametrize("minimum", ["OneAtATime", "HOST_COUNT 90"])
def test_an_event_costs_the_same_however_large_the_fleet(minimum: str) -> None:
    """Functions entered, not time: the same events on 100 hosts and on 10,000 take the same number of them."""
    larger = minimum if minimum == "OneAtATime" else "HOST_COUNT 9990"
    small, large = calls_per_event(100, minimum, 400), calls_per_event(10_000, larger, 400)
    assert small == large
    assert max(small) < 120


def test_a_stage_costs_the_same_however_many_hosts_are_beside_its_own() -> None:
    """As many stages as hosts: what each begins with may not be counted over the fleet."""
    told = {"strategy": "linear", "options": Options(share=Share(hosts=1))}
    small, large = (calls_per_event(hosts, "AllAtOnce", 400, **told) for hosts in (100, 3_000))
    assert small == large
    assert max(small) < 150  # one stage's end and the beginning of the next are one event
