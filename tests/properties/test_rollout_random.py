"""Random rollouts: random hosts, outcomes, delays, stops, duplicates and late answers, driven by a naive driver.

`Hand.feed` recounts the whole state after every event, so every run here is also a check of the counters.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from types import FrameType

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from simulator.rollout import lifecycle
from simulator.rollout.commands import Command, CreateDeployment, Finish, StartTimer
from simulator.rollout.deployment import Limits, Target
from simulator.rollout.events import Event, LifecycleEventCompleted
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import EventStatus, RollbackEvent, TargetStatus
from tests.support.rollouts import LAST_SUCCESS, WORK, Hand, deployment

STEPS_MAX = 2_000

fleets = st.lists(
    st.builds(
        Target,
        name=st.just(""),
        zone=st.sampled_from(["a", "b"]),
        healthy=st.booleans(),
        revision=st.sampled_from([None, "v0", "v1", "v2"]),
    ),
    min_size=1,
    max_size=6,
).map(lambda hosts: [Target(f"h{n}", h.zone, h.healthy, h.revision) for n, h in enumerate(hosts, start=1)])

minima = st.one_of(
    st.sampled_from(["OneAtATime", "HalfAtATime", "AllAtOnce"]),
    st.integers(0, 7).map(lambda n: f"HOST_COUNT {n}"),
    st.integers(0, 99).map(lambda n: f"FLEET_PERCENT {n}"),
)

deployments = st.builds(
    deployment,
    fleets,
    minima,
    balancer=st.booleans(),
    rolls_back=st.sets(st.sampled_from(list(RollbackEvent))).map(sorted),
    ignore_stop_failures=st.booleans(),
    last_success=st.sampled_from([None, LAST_SUCCESS]),
    limits=st.builds(
        Limits,
        start_ms=st.integers(1, 20_000),
        event_ms=st.integers(1, 20_000),
        deployment_ms=st.integers(1_000, 400_000),
    ),
)


def play(hand: Hand, data: st.DataObject, *, trouble: bool = True) -> None:
    """Let anything that can happen happen until the deployment has ended."""
    hand.create()
    for _ in range(STEPS_MAX):
        if hand.rollout.ended:
            return
        choices = ["ok"] * 8 + (
            ["fail", "stop", "timer", "twice", "stale", "begin", "sees", "out of time"] if trouble else []
        )
        what = data.draw(st.sampled_from(choices))
        host = data.draw(st.sampled_from(hand.busy))
        if what == "ok":
            hand.end(host)
        elif what == "fail":
            hand.end(host, well=False)
        elif what == "stop":
            hand.stop(data.draw(st.sampled_from([None, True, False])))
        elif what == "timer":
            hand.fire(host)
        elif what == "twice":
            done = [e for e in hand.events if isinstance(e, LifecycleEventCompleted)]
            if done:
                again = data.draw(st.sampled_from(done))
                assert hand.end(again.host, cause=again.cause, name=again.name, well=data.draw(st.booleans())) == ()
        elif what == "stale":
            assert hand.end(host, cause="0.0", name=lifecycle.INSTALL) == ()
        elif what == "begin":
            hand.begin(host)
        elif what == "sees":
            hand.health(host, data.draw(st.sampled_from(["200", "404", "connection refused"])))
        elif what == "out of time":
            hand.fire("deployment")
    raise AssertionError("this does not come to an end")


def fold(events: Sequence[Event], rollout: Rollout) -> list[Command]:
    return [command for event in events for command in rollout.handle(event)]


@given(deployments, st.data())
def test_whatever_happens_it_ends_and_keeps_its_contract(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data)
    rollout = hand.rollout
    event(f"{rollout.status}, {rollout.error.code if rollout.error else 'no error'}")

    assert isinstance(next(c for c in reversed(hand.commands) if isinstance(c, Finish)), Finish)
    assert hand.finish.status is rollout.status
    assert hand.finish.error == rollout.error

    # Contract 2: every id is unique and derives from its event's.
    ids = [command.id for command in hand.commands]
    assert len(set(ids)) == len(ids)
    again = Rollout(asked)
    for happened in hand.events:
        for number, command in enumerate(again.handle(happened)):
            assert command.id == f"{happened.id}.{number}"
            assert command.why
            assert command.deployment_id == "d-1"

    # Contract 5: what comes later changes nothing.
    key = rollout.key()
    assert hand.stop(True) == ()
    assert hand.end("h1", cause="1.3", name=lifecycle.APPLICATION_STOP) == ()
    assert rollout.key() == key


@given(deployments, st.data())
def test_a_host_is_given_one_command_at_a_time_and_each_event_once(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data)
    given_to: dict[str, list[str]] = {}
    for command in hand.commands:
        if isinstance(command, WORK):
            name = getattr(command, "name", type(command).__name__)
            given_to.setdefault(command.host, []).append(name)
    for host, names in given_to.items():
        assert tuple(names) == hand.rollout.sequence[: len(names)], host


@given(deployments, st.data())
def test_healthy_hosts_are_never_taken_out_below_the_minimum(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data)
    minimum = asked.config.minimum_healthy_hosts.required(len(asked.targets))
    healthy = {target.name for target in asked.targets if target.healthy}
    rollout, before = Rollout(asked), set[str]()
    for happened in hand.events:
        commands = rollout.handle(happened)
        healthy |= {h.name for h in rollout.hosts.values() if h.status is TargetStatus.SUCCEEDED} - before
        before |= {h.name for h in rollout.hosts.values() if h.status is TargetStatus.SUCCEEDED}
        touched = {command.host for command in commands if isinstance(command, WORK)} - before
        if touched & healthy:
            healthy -= touched
            assert len(healthy) >= minimum


@given(deployments, st.data())
def test_the_same_events_give_the_same_commands(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data)
    again = Rollout(asked)
    assert fold(hand.events, again) == hand.commands
    assert again.key() == hand.rollout.key()


@given(deployments, st.data())
def test_a_copy_goes_on_as_the_original_does(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data)
    cut = data.draw(st.integers(0, len(hand.events)))
    first = Rollout(asked)
    begun = fold(hand.events[:cut], first)
    key = first.key()
    twin = first.copy()
    assert twin.key() == key
    assert begun + fold(hand.events[cut:], twin) == hand.commands
    assert first.key() == key, "what happened to the copy happened to the original"
    assert begun + fold(hand.events[cut:], first) == hand.commands
    assert twin.key() == first.key() == hand.rollout.key()


@given(deployments, st.data())
def test_a_rollback_is_asked_for_once_and_never_of_a_rollback(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data)
    undos = [c.deployment for c in hand.commands if isinstance(c, CreateDeployment)]
    assert len(undos) <= 1
    for undo in undos:
        assert undo.revision == LAST_SUCCESS.revision
        assert undo.targets == hand.rollout.aftermath
        back = Hand(undo, at_ms=hand.now_ms)
        play(back, data)
        assert back.undo is None


@given(deployments, st.data())
def test_a_fleet_in_which_nothing_goes_wrong_succeeds(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data, trouble=False)
    impossible = asked.config.minimum_healthy_hosts.required(len(asked.targets)) >= len(asked.targets)
    assert hand.statuses() == {"Skipped" if impossible else "Succeeded": len(asked.targets)}


# -- symmetry ---------------------------------------------------------------------------------------------------------


@given(st.integers(2, 6), st.data())
def test_keys_are_equal_under_a_permutation_of_alike_hosts(count: int, data: st.DataObject) -> None:
    """All hosts are under way at once; what one does in one world, another does in the other."""
    plain, mirrored = Hand(deployment(count, "AllAtOnce")), Hand(deployment(count, "AllAtOnce"))
    hosts = list(plain.rollout.hosts)
    mirror = dict(zip(hosts, data.draw(st.permutations(hosts)), strict=True))
    plain.create()
    mirrored.create()
    moves = data.draw(st.lists(st.tuples(st.sampled_from(hosts), st.booleans()), max_size=30))
    for host, well in moves:
        if plain.rollout.hosts[host].command:
            plain.end(host, well=well)
            mirrored.end(mirror[host], well=well)
            assert plain.rollout.key() == mirrored.rollout.key()
    if any(plain.rollout.hosts[h].command for h in hosts):
        host = next(h for h in hosts if plain.rollout.hosts[h].command)
        plain.end(host)
        assert plain.rollout.key() != mirrored.rollout.key()


# -- cost -------------------------------------------------------------------------------------------------------------


def calls_per_event(hosts: int, minimum: str, events: int) -> list[int]:
    """How many Python functions are entered for each of the first events of a deployment, after its creation."""
    rollout = Rollout(deployment(hosts, minimum))
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
