"""The machine's corners: the order of hosts, several stages, events that cannot have happened, copies and keys."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from simulator.rollout.commands import COMMANDS, Finish
from simulator.rollout.deployment import Limits, Target
from simulator.rollout.events import EVENTS, FaultChanged, HealthCheckReported, LifecycleEventCompleted, TimerFired
from simulator.rollout.machine import Rollout
from simulator.rollout.state import RolloutState
from simulator.rollout.statuses import DeploymentStatus, ErrorCode, EventStatus, TargetStatus
from simulator.rollout.story import STORY_EVENTS_MAX, RolloutError
from strategies import STRATEGIES, Member, Options
from strategies.configuration import DeploymentConfig
from strategies.options import Share
from strategies.plan import Deploy, Plan
from tests.support.rollouts import STEP_MS, Hand, deployment, targets, validate


def test_hosts_are_taken_unhealthy_then_unknown_then_old_then_current() -> None:
    hosts = [
        Target("current", healthy=True, revision="v2"),
        Target("old", healthy=True, revision="v1"),
        Target("unknown", healthy=True, revision=None),
        Target("older", healthy=True, revision="v0"),
        Target("sick", healthy=False, revision="v2"),
    ]
    hand = Hand(deployment(hosts))
    hand.create()
    while hand.busy:
        hand.walk(hand.busy[0])
    assert hand.taken == ["sick", "unknown", "old", "older", "current"]


def test_a_canary_is_taken_in_the_same_order() -> None:
    """Deploying to the unhealthy host costs nothing; the healthy ones could not be taken out before."""
    hosts = targets(3, healthy=lambda n: n != 3)
    hand = Hand(deployment(hosts, strategy="canary", options=Options(share=Share(hosts=1))))
    hand.create()
    while hand.busy:
        hand.walk(hand.busy[0])
    assert hand.taken == ["h3", "h1", "h2"]
    assert hand.rollout.status is DeploymentStatus.SUCCEEDED


@pytest.fixture
def halves(monkeypatch: pytest.MonkeyPatch) -> None:
    """A strategy of two stages, as a later one may have: the engine walks any plan."""

    def strategy(members: Sequence[Member], config: DeploymentConfig, options: Options) -> Plan:
        hosts = tuple(member.name for member in members)
        cut, minimum = len(hosts) // 2, config.minimum_healthy_hosts
        first = Deploy("first", hosts[:cut], minimum, hosts[:cut])
        return Plan.chain(first, Deploy("second", hosts[cut:], minimum, hosts[cut:]))

    monkeypatch.setitem(STRATEGIES, "halves", strategy)


def test_stages_are_walked_one_after_the_other(halves: None) -> None:
    hand = Hand(deployment(4, "AllAtOnce", strategy="halves"))
    hand.create()
    assert hand.busy == ["h1", "h2"]
    hand.walk("h1")
    assert hand.busy == ["h2"]
    hand.walk("h2")
    assert hand.busy == ["h3", "h4"]
    hand.walk("h3")
    hand.walk("h4")
    assert hand.rollout.status is DeploymentStatus.SUCCEEDED
    assert hand.statuses() == {"Succeeded": 4}


def test_a_stage_that_fails_ends_the_walk(halves: None) -> None:
    hand = Hand(deployment(4, "AllAtOnce", strategy="halves"))
    hand.create()
    hand.fail("h1")
    hand.fail("h2")
    assert hand.finish.status is DeploymentStatus.FAILED
    assert hand.statuses() == {"Failed": 2, "Skipped": 2}


def test_a_stage_tells_of_its_own_failures_only(halves: None) -> None:
    hand = Hand(deployment(4, "AllAtOnce", strategy="halves"))
    hand.create()
    hand.fail("h1")
    hand.walk("h2")
    hand.fail("h3")
    hand.fail("h4", "Install")
    error = hand.finish.error
    assert error is not None
    assert error.message.startswith("2 of 2 hosts failed (h3 at ApplicationStart: ")
    assert "h1" not in error.message


def test_a_deployment_of_too_many_hosts_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.rollout.state.HOSTS_MAX", 3)
    assert len(RolloutState(deployment(3)).hosts) == 3
    with pytest.raises(ValueError, match="at most 3 hosts; found 4"):
        RolloutState(deployment(4))


def test_a_state_can_be_asked_before_anything_happened() -> None:
    state = RolloutState(deployment(2))
    assert (state.status, state.ended, state.deployment_id) == (DeploymentStatus.CREATED, False, "d-1")
    assert state.aftermath == deployment(2).targets


# -- events that cannot have happened ---------------------------------------------------------------------------------


def test_an_event_before_the_deployment_is_an_error() -> None:
    hand = Hand(deployment(2))
    with pytest.raises(RolloutError, match="StopRequested came before DeploymentCreated"):
        hand.stop()


def test_an_event_that_is_none_of_the_cores_is_an_error() -> None:
    hand = Hand(deployment(2))
    hand.create()
    with pytest.raises(RolloutError, match="no use for FaultChanged"):
        hand.rollout.handle(FaultChanged(2, 0, "", "fault", ("h1",), True))


def test_another_deployment_is_an_error() -> None:
    hand = Hand(deployment(2))
    hand.create()
    with pytest.raises(RolloutError, match="this is d-2, not d-1"):
        Rollout(replace(deployment(2), deployment_id="d-2")).handle(hand.events[0])


def test_an_unknown_host_is_an_error() -> None:
    hand = Hand(deployment(2))
    hand.create()
    with pytest.raises(RolloutError, match="d-1 has no host h3"):
        hand.rollout.handle(LifecycleEventCompleted(2, 5, "1.3", "d-1", "h3", "Install", EventStatus.SUCCEEDED, 0))
    with pytest.raises(RolloutError, match="d-1 has no host lunch"):
        hand.rollout.handle(TimerFired(3, 5, "", "d-1", "lunch"))


def test_a_report_of_another_event_than_the_one_in_hand_is_an_error_with_the_hosts_story() -> None:
    hand = Hand(deployment(2))
    hand.create()
    hand.end("h1")
    with pytest.raises(RolloutError, match="h1 reports Install and is at DownloadBundle") as caught:
        hand.end("h1", name="Install")
    assert caught.value.problem == "h1 reports Install and is at DownloadBundle"
    assert caught.value.story == (
        "the deployment's last events:",
        "  DeploymentCreated #1 at 0 ms, caused by nothing",
        "  LifecycleEventCompleted #2 at 1000 ms, caused by 1.3",
        "  LifecycleEventCompleted #3 at 2000 ms, caused by 2.0",
        "h1's story:",
        "  ApplicationStop Succeeded, ended at 1000 ms",
        "  now: InProgress, DownloadBundle, command 2.0",
    )
    assert str(caught.value).splitlines() == [caught.value.problem, *caught.value.story]


def test_an_idle_host_reports_nothing() -> None:
    hand = Hand(deployment(2))
    hand.create()
    with pytest.raises(RolloutError, match="h2 reports Install and is at nothing") as caught:
        hand.end("h2", cause="", name="Install")
    assert caught.value.story[-1] == "  now: Pending, between events, command none"


def test_an_acknowledgement_of_another_event_is_an_error() -> None:
    hand = Hand(deployment(2))
    hand.create()
    host = hand.rollout.hosts["h1"]
    command = host.command
    hand.end("h1")
    host.command = command
    with pytest.raises(RolloutError, match="h1 reports ApplicationStop and is at DownloadBundle"):
        hand.begin("h1", cause=command)


def test_a_story_is_bounded() -> None:
    hand = Hand(deployment(20, "AllAtOnce"))
    hand.create()
    for host in hand.rollout.hosts:
        hand.walk(host, "Install")
    with pytest.raises(RolloutError) as caught:
        hand.end("h1", name="ValidateService")
    events = [line for line in caught.value.story if "#" in line]
    assert len(events) == STORY_EVENTS_MAX < len(hand.events)


# -- timers -----------------------------------------------------------------------------------------------------------


def test_a_timer_of_a_host_that_has_ended_means_nothing() -> None:
    hand = Hand(deployment(4, "HOST_COUNT 2"))
    hand.create()
    hand.walk("h1")
    assert hand.fire("h1") == ()
    assert hand.rollout.hosts["h1"].status is TargetStatus.SUCCEEDED


def test_an_install_that_nobody_began_leaves_what_there_was() -> None:
    hand = Hand(deployment(2, limits=Limits(deployment_ms=60_000)))
    hand.create()
    hand.walk("h1", "Install")
    other = Hand(deployment(2))
    other.create()
    other.walk("h1", "Install")
    hand.fire("deployment")
    other.fire("h1")
    other.fire("h1")
    for rollout in (hand.rollout, other.rollout):
        assert rollout.hosts["h1"].revision == "v1"
        assert rollout.hosts["h1"].status is TargetStatus.FAILED


def test_a_stopped_deployment_may_run_out_of_time_too() -> None:
    hand = Hand(deployment(2, limits=Limits(deployment_ms=60_000)))
    hand.create()
    hand.stop()
    hand.fire("deployment")
    assert hand.finish.status is DeploymentStatus.STOPPED
    assert hand.finish.error is not None
    assert hand.finish.error.code is ErrorCode.MANUAL_STOP
    assert hand.finish.error.message == "stopped by the operator; the deployment did not end within 1m"
    assert hand.rollout.ended_ms == 60_000


def test_out_of_time_in_the_middle_of_an_install_leaves_nobody_knows_what() -> None:
    hand = Hand(deployment(3, "AllAtOnce", limits=Limits(deployment_ms=60_000)))
    hand.create()
    hand.walk("h1", "Install")
    hand.begin("h1")
    hand.walk("h2", "AfterInstall")
    hand.begin("h3")
    hand.wait(10 * STEP_MS)
    hand.fire("deployment")
    assert {t.name: (t.revision, t.healthy) for t in hand.rollout.aftermath} == {
        "h1": (None, False),
        "h2": ("v2", False),
        "h3": ("v1", False),
    }
    assert [r.started_ms for r in hand.rollout.hosts["h3"].records] == [hand.events[-2].at_ms, *[None] * 6]


# -- the state as a value ---------------------------------------------------------------------------------------------


def test_what_happens_to_a_copy_does_not_happen_to_the_original() -> None:
    hand = Hand(deployment(3))
    hand.create()
    hand.walk("h1", "Install")
    rollout, key = hand.rollout, hand.rollout.key()
    records, counts = list(rollout.hosts["h1"].records), dict(rollout.counts)
    hand.rollout = rollout.copy()
    hand.fail("h1")
    assert isinstance(hand.finish, Finish)
    assert rollout.key() == key != hand.rollout.key()
    assert (rollout.hosts["h1"].records, rollout.counts, rollout.failures) == (records, counts, [])
    validate(rollout)


def test_a_copy_has_a_story_of_its_own() -> None:
    hand = Hand(deployment(2))
    hand.create()
    twin = hand.rollout.copy()
    hand.end("h1")
    with pytest.raises(RolloutError) as caught:
        twin.handle(TimerFired(9, 9, "", "d-1", "lunch"))
    assert [line for line in caught.value.story if "#" in line] == [
        "  DeploymentCreated #1 at 0 ms, caused by nothing",
        "  TimerFired #9 at 9 ms, caused by nothing",
    ]


def test_keys_are_equal_whichever_of_several_alike_hosts_did_what() -> None:
    one, other = Hand(deployment(4, "HalfAtATime")), Hand(deployment(4, "HalfAtATime"))
    one.create()
    other.create()
    assert one.rollout.key() == other.rollout.key()
    one.end("h1")
    assert one.rollout.key() != other.rollout.key()
    other.end("h2")
    assert one.rollout.key() == other.rollout.key()
    one.end("h1")
    other.end("h1")
    assert one.rollout.key() != other.rollout.key()


def test_keys_differ_where_hosts_are_not_alike() -> None:
    def after(host: str) -> object:
        hand = Hand(deployment([replace(t, zone="a" if t.name == "h1" else "b") for t in targets(4)], "HalfAtATime"))
        hand.create()
        hand.end(host)
        return hand.rollout.key()

    assert after("h1") != after("h2")


def test_keys_differ_by_what_the_balancer_saw() -> None:
    def after(seen: str) -> object:
        hand = Hand(deployment(2, balancer=True))
        hand.create()
        hand.walk("h1", "AllowTraffic")
        hand.health("h1", seen)
        return hand.rollout.key()

    assert after("404") != after("503")
    assert after("404") == after("404")


def test_keys_can_be_hashed() -> None:
    hand = Hand(deployment(3, balancer=True))
    hand.create()
    hand.walk("h1")
    assert hash(hand.rollout.key()) == hash(hand.rollout.copy().key())


# -- registries -------------------------------------------------------------------------------------------------------


def test_events_and_commands_are_known_by_name() -> None:
    assert all(kind.__name__ == name for name, kind in (EVENTS | COMMANDS).items())
    assert "Finish" in COMMANDS
    assert "TimerFired" in EVENTS


def test_a_health_report_of_an_earlier_registration_does_not_end_allow_traffic() -> None:
    hand = Hand(deployment(1, "AllAtOnce", balancer=True))
    hand.create()
    hand.walk("h1", to="AllowTraffic")
    assert hand.feed(HealthCheckReported(hand.id(), hand.now_ms, "0.7", "h1", True, "/", "200", "200")) == ()
    assert hand.rollout.hosts["h1"].event == "AllowTraffic"
    hand.health("h1", "200")
    assert hand.rollout.hosts["h1"].event == "AfterAllowTraffic"
