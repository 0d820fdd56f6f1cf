"""Quickly made events and commands are the same as those made by their own classes."""

from __future__ import annotations

import pickle
from dataclasses import FrozenInstanceError, dataclass, fields

import pytest

from simulator.rollout.commands import AllowTraffic, BlockTraffic, Command, RunLifecycleEvent, StartTimer
from simulator.rollout.events import Event, LifecycleEventCompleted, LifecycleEventStarted, TimerFired
from simulator.rollout.quick import quick
from simulator.rollout.statuses import EventStatus

KINDS = [
    RunLifecycleEvent,
    BlockTraffic,
    AllowTraffic,
    StartTimer,
    TimerFired,
    LifecycleEventStarted,
    LifecycleEventCompleted,
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_by_every_measure(kind: type[Event] | type[Command]) -> None:
    values = [f"{number}" for number, _ in enumerate(fields(kind))]
    made, slow = quick(kind)(*values), kind(*values)  # type: ignore[arg-type]
    assert made == slow
    assert type(made) is kind
    assert (hash(made), repr(made)) == (hash(slow), repr(slow))
    assert pickle.loads(pickle.dumps(made)) == slow
    with pytest.raises(FrozenInstanceError):
        made.id = "another"  # type: ignore[misc, assignment]
    assert not hasattr(made, "__dict__")


def test_defaults_and_keywords() -> None:
    make = quick(LifecycleEventCompleted)
    made = make(1, 2, "1.0", "d-1", "h1", name="Install", status=EventStatus.SUCCEEDED, started_ms=0)
    assert made == LifecycleEventCompleted(1, 2, "1.0", "d-1", "h1", "Install", EventStatus.SUCCEEDED, 0)
    assert made.diagnostics is None
    with pytest.raises(TypeError, match="started_ms"):
        make(1, 2, "1.0", "d-1", "h1", "Install", EventStatus.SUCCEEDED)  # type: ignore[call-arg]


def test_a_class_without_defaults() -> None:
    @dataclass(frozen=True, slots=True)
    class Pair:
        a: int
        b: int

    assert quick(Pair)(1, b=2) == Pair(1, 2)
