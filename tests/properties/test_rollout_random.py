"""Random rollouts: random hosts, outcomes, delays, stops, duplicates and late answers, driven by a naive driver.

`Hand.feed` recounts the whole state after every event, so every run here is also a check of the counters.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from simulator.rollout import lifecycle
from simulator.rollout.commands import Command, CreateDeployment, Finish, ProvisionHost, ShiftTraffic
from simulator.rollout.deployment import Limits, Target
from simulator.rollout.events import AlarmChanged, AnalysisEnded, Event, LifecycleEventCompleted
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import BACK_TO_BLUE
from simulator.rollout.state import Phase
from simulator.rollout.statuses import (
    AlarmState,
    AnalysisOutcome,
    ErrorCode,
    OperatorVerb,
    RollbackEvent,
    TargetStatus,
)
from strategies.options import NONE, BlueGreen, Options, Share, Step
from strategies.plan import Analyse, Deploy
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

waits = st.sampled_from([0, 1_000, 60_000])
in_place_strategies: list[tuple[str, st.SearchStrategy[Options]]] = [
    ("rolling", st.just(NONE)),
    ("linear", st.builds(Options, share=st.builds(Share, hosts=st.integers(1, 3)), bake_ms=waits)),
    ("zonal", st.builds(Options, bake_ms=waits, first_bake_ms=waits)),
    (
        "steps",
        st.lists(
            st.one_of(
                st.sampled_from([Step(pause=True), Step(pause=True, lasts_ms=1_000), Step(analysis="a", lasts_ms=10)]),
                st.just(Step(Share(hosts=1))),
            ),
            max_size=4,
        ).map(lambda steps: Options(steps=tuple(steps))),
    ),
]
blue_green: tuple[str, st.SearchStrategy[Options]] = (
    "blue-green",
    st.builds(
        Options,
        bake_ms=waits,
        blue_green=st.builds(
            BlueGreen,
            waits=st.booleans(),
            ready_wait_ms=st.sampled_from([None, 1_000]),
            shift=st.sampled_from([(), (10,), (10, 50)]),
            terminate_after_ms=st.sampled_from([None, 0, 1_000]),
        ),
    ),
)


def built(kinds: list[tuple[str, st.SearchStrategy[Options]]], **told: st.SearchStrategy[bool]) -> Any:
    return st.sampled_from(kinds).flatmap(
        lambda kind: deployments_of(strategy=st.just(kind[0]), options=kind[1], **told)
    )


deployments_of = partial(
    st.builds,
    deployment,
    hosts=fleets,
    minimum=minima,
    rolls_back=st.sets(st.sampled_from(list(RollbackEvent))).map(sorted),
    alarms=st.sampled_from([(), ("slow",)]),
    ignore_stop_failures=st.booleans(),
    last_success=st.sampled_from([None, LAST_SUCCESS]),
    limits=st.builds(
        Limits,
        start_ms=st.integers(1, 20_000),
        event_ms=st.integers(1, 20_000),
        deployment_ms=st.integers(1_000, 400_000),
    ),
)
in_place_deployments = built(in_place_strategies, balancer=st.booleans())
blue_green_deployments = built([blue_green], balancer=st.just(True))
of_versions: list[tuple[str, st.SearchStrategy[Options]]] = [("ecs", blue_green[1]), ("lambda", blue_green[1])]
traffic_deployments = st.sampled_from(of_versions).flatmap(
    lambda kind: deployments_of(
        hosts=st.just([Target("h1", healthy=True, revision="v1")]),
        minimum=st.just("AllAtOnce"),
        strategy=st.just(kind[0]),
        options=kind[1],
        balancer=st.just(True),
    )
)
deployments = st.one_of(in_place_deployments, blue_green_deployments, traffic_deployments)


def play(hand: Hand, data: st.DataObject, *, trouble: bool = True) -> None:
    """Let anything that can happen happen until the deployment has ended."""
    hand.create()
    for _ in range(STEPS_MAX):
        if hand.rollout.ended:
            return
        if not hand.busy or (trouble and data.draw(st.integers(0, 5)) == 5):
            between(hand, data, trouble=trouble)
        else:
            at_a_host(hand, data, trouble=trouble)
    raise AssertionError("this does not come to an end")


def at_a_host(hand: Hand, data: st.DataObject, *, trouble: bool) -> None:
    """Something happens at a host that is under way."""
    choices = ["ok"] * 8 + (["fail", "timer", "twice", "stale", "begin", "sees"] if trouble else [])
    what = data.draw(st.sampled_from(choices))
    host = data.draw(st.sampled_from(hand.busy))
    if what == "ok":
        hand.end(host)
    elif what == "fail":
        hand.end(host, well=False)
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


def between(hand: Hand, data: st.DataObject, *, trouble: bool) -> None:
    """Something happens beside the hosts that are under way: the fleet answers, a wait ends, somebody speaks."""
    rollout = hand.rollout
    # What leads on comes first: the simplest example is the one that ends.
    choices = ["answer"] * 6 if rollout.awaited else []
    timed = f"stage:{rollout.stage}" in hand.timers and (trouble or not rollout.awaited)
    choices += ["stage timer"] * 2 if timed and not rollout.paused else []
    choices += ["say resume", "say continue"] if rollout.paused else ["say continue", "say resume"]
    if trouble:
        choices += [f"say {verb}" for verb in ("pause", "promote", "promote-full")]
        choices += ["sees", "stop", "out of time", "late", "alarm", *(["stage timer"] if timed else [])]
    what, _, verb = data.draw(st.sampled_from(choices)).partition(" ")
    if what == "say":
        say(hand, verb)
    elif what == "answer":
        cause = data.draw(st.sampled_from(sorted(rollout.awaited)))
        if isinstance(rollout.stages[rollout.stage], Analyse):
            outcomes = list(AnalysisOutcome) if trouble else [AnalysisOutcome.SUCCESSFUL]
            outcome = data.draw(st.sampled_from(outcomes))
            hand.feed(AnalysisEnded(hand.id(), hand.now_ms, cause, "d-1", outcome, "why"))
        else:
            hand.answer(rollout.awaited[cause], cause=cause)
    elif what == "stage":
        hand.fire("stage")
    elif what == "sees":
        host = data.draw(st.sampled_from(sorted(rollout.hosts)))
        hand.health(host, data.draw(st.sampled_from(["200", "404"])))
    elif what == "stop" and rollout.phase is Phase.ROLLING:
        hand.stop(data.draw(st.sampled_from([None, True, False])))
    elif what == "out":
        hand.fire("deployment")
    elif what == "late" and any(isinstance(command, ProvisionHost) for command in hand.commands):
        host = next(command.host for command in hand.commands if isinstance(command, ProvisionHost))
        assert hand.answer(host, cause="0.0") == ()
    elif what == "alarm":
        state = data.draw(st.sampled_from(AlarmState))
        hand.feed(AlarmChanged(hand.id(), hand.now_ms, "", "slow", state, "why"))


def say(hand: Hand, verb: str) -> None:
    """Somebody speaks. What is refused is recorded, and changes nothing."""
    rollout = hand.rollout
    refusal, key, ignored = rollout.refusal(OperatorVerb(verb)), rollout.key(), rollout.ignored
    commands = hand.say(verb)
    assert rollout.spoken[-1] == (hand.events[-1], refusal)
    if refusal is not None:
        assert (commands, rollout.key(), rollout.ignored) == ((), key, ignored + 1)


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
        way = sum(
            (
                lifecycle.sequence(with_balancer=asked.with_balancer, part=stage.part)
                for stage in hand.rollout.stages
                if isinstance(stage, Deploy) and host in stage.hosts
            ),
            (),
        )
        assert tuple(names) == way[: len(names)], host


@given(in_place_deployments, st.data())
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
        if undo.strategy == BACK_TO_BLUE:
            assert {target.name for target in undo.targets} == set(hand.rollout.hosts)
        else:
            assert undo.targets == hand.rollout.aftermath
        back = Hand(undo, at_ms=hand.now_ms)
        play(back, data)
        assert back.undo is None


@given(in_place_deployments, st.data())
def test_a_fleet_in_which_nothing_goes_wrong_succeeds(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data, trouble=False)
    impossible = asked.config.minimum_healthy_hosts.required(len(asked.targets)) >= len(asked.targets)
    if asked.strategy == "zonal" and hand.rollout.error and len({target.healthy for target in asked.targets}) == 2:
        return  # the unhealthy hosts, which would cost nothing, are in a zone that comes later
    assert hand.statuses() == {"Skipped" if impossible else "Succeeded": len(asked.targets)}


@given(blue_green_deployments, st.data())
def test_blue_green_in_which_nothing_goes_wrong_ends_with_the_new_hosts(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data, trouble=False)
    rollout, hosts = hand.rollout, len(asked.targets)
    if rollout.error is not None and rollout.error.code is ErrorCode.TIMEOUT:
        return  # nobody said continue before the wait was over
    if asked.config.minimum_healthy_hosts.required(hosts) >= hosts:
        assert rollout.aftermath == asked.targets
        return
    assert hand.statuses() == {"Succeeded": 2 * hosts}
    assert {(t.name, t.healthy, t.revision) for t in rollout.aftermath} == {
        (f"{target.name}-g2", True, "v2") for target in asked.targets
    }


@given(traffic_deployments, st.data())
def test_a_service_or_function_with_which_nothing_goes_wrong_has_the_traffic_go_over(asked, data) -> None:  # type: ignore[no-untyped-def]
    hand = Hand(asked)
    play(hand, data, trouble=False)
    rollout = hand.rollout
    if rollout.error is not None and rollout.error.code is ErrorCode.TIMEOUT:
        return  # nobody said continue before the wait was over
    shares = [command.percent for command in hand.commands if isinstance(command, ShiftTraffic)]
    assert shares == [*asked.options.blue_green.shift, 100]
    assert hand.statuses() == {"Succeeded": 1}
    assert [(t.healthy, t.revision) for t in rollout.aftermath] == [(True, "v2")]
    assert [r.name for r in rollout.hosts["h1"].records] == list(lifecycle.COURSES[asked.strategy])


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
