"""Alarms: when they fire and are OK again, what a fault makes them say, and what becomes of the deployment."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.figures import Figures, Histogram, Tally
from fleet.virtual.fleet import VirtualFleet
from scenarios.signals import Alarm
from simulator.control.alarms import Watch, in_words, value_of
from simulator.control.result import Outcome
from simulator.rollout.events import AlarmChanged, DeploymentCreated
from simulator.rollout.statuses import AlarmState, DeploymentStatus
from tests.support.rehearsals import Watcher, broken, run, scenario

SCRIPTED = {"pager": {"scripted": True}}
GROUP = {"alarms": ["pager"], "auto_rollback": ["DEPLOYMENT_STOP_ON_ALARM"]}


def fault(state: str, **more: Any) -> dict[str, Any]:
    return {"name": "somebody pages", "do": {"alarm": {"name": "pager", "state": state}}, **more}


def changes(watcher: Watcher) -> list[tuple[str, str]]:
    return [(event.alarm, str(event.state)) for event, _ in watcher.seen if isinstance(event, AlarmChanged)]


def naive(values: list[Fraction | None], limit: Fraction, datapoints: int) -> list[AlarmState]:
    """What the alarm says after each period: looked up in the whole past, every time."""
    said = []
    for end in range(1, len(values) + 1):
        told = [value for value in values[:end] if value is not None]
        state = AlarmState.OK
        for at in range(len(told)):
            row = told[: at + 1][-datapoints:]
            if told[at] <= limit:
                state = AlarmState.OK
            elif len(row) == datapoints and all(value > limit for value in row):
                state = AlarmState.ALARM
        said.append(state)
    return said


VALUES = st.lists(st.one_of(st.none(), st.fractions(0, 1, max_denominator=20)), max_size=12)


@given(VALUES, st.fractions(0, 1, max_denominator=10), st.integers(1, 4))
def test_it_fires_after_so_many_periods_and_is_ok_after_one(
    values: list[Fraction | None], limit: Fraction, datapoints: int
) -> None:
    alarm = Alarm(metric="error_rate", above=f"{float(limit):.6f}", datapoints=datapoints)
    bound = alarm.bound
    assert bound is not None
    watch = Watch(alarm)
    said = []
    for value in values:
        watch.observe(value)
        said.append(watch.state)
    assert said == naive(values, bound.limit, datapoints)


def test_it_says_why() -> None:
    watch = Watch(Alarm(metric="latency_p95", above="250ms", datapoints=2))
    for value in (100, 300, 400):
        watch.observe(Fraction(value))
    assert watch.state is AlarmState.ALARM
    assert watch.why == "latency_p95 was 400 ms over 5s; the alarm is for latency_p95 above 250ms, 2 periods in a row"


def test_lost_figures_are_unknown_until_there_are_some() -> None:
    watch = Watch(Alarm(metric="error_rate", above="5%", datapoints=2))
    watch.lost("nobody answers")
    assert (watch.state, watch.why) == (AlarmState.UNKNOWN, "nobody answers")
    watch.observe(Fraction(1))
    assert watch.state is AlarmState.OK
    watch.observe(Fraction(1))
    assert watch.state is AlarmState.ALARM


def test_the_last_fault_speaks_and_the_metric_after_it() -> None:
    watch = Watch(Alarm(metric="error_rate", above="5%", datapoints=1))
    watch.say("one", AlarmState.UNKNOWN)
    watch.say("two", AlarmState.OK)
    watch.observe(Fraction(1))
    assert watch.state is AlarmState.OK
    watch.unsay("two")
    assert watch.state is AlarmState.UNKNOWN
    watch.unsay("one")
    assert watch.state is AlarmState.ALARM


def test_metrics_are_of_all_requests() -> None:
    times = Histogram()
    for _ in range(10):
        times.add(2_000)
    figures = Figures({"v1": Tally(10, 1, times), "": Tally(10, 10)}, 3)
    assert value_of("error_rate", figures) == Fraction(11, 20)
    assert value_of("latency_p99", figures) == Fraction(2000, 1000)
    assert value_of("healthy_hosts", figures) == 3
    assert value_of("error_rate", Figures({}, 0)) is None
    assert [in_words("error_rate", Fraction(1, 40)), in_words("latency_p50", Fraction(3, 2))] == ["2.5 %", "1.5 ms"]


# -- what becomes of the deployment -----------------------------------------------------------------------------------


def test_active_before_it_begins() -> None:
    watcher = Watcher()
    result = run(scenario(alarms=SCRIPTED, group=GROUP, faults=[fault("ALARM")]), observers=[watcher])
    (first, *_) = result.rollouts
    assert (first.status, first.error and first.error.code) == (DeploymentStatus.STOPPED, "ALARM_ACTIVE")
    created = next(event for event, _ in watcher.seen if isinstance(event, DeploymentCreated))
    assert created.deployment.active_alarms == ("pager",)
    assert changes(watcher) == [("pager", "ALARM")]


@pytest.mark.parametrize(("ignored", "outcome"), [(False, Outcome.ROLLED_BACK), (True, Outcome.SUCCEEDED)])
def test_an_alarm_that_cannot_be_asked(ignored: bool, outcome: Outcome) -> None:
    group = {**GROUP, "ignore_poll_alarm_failure": ignored}
    for when in (None, {"at": "4s"}):
        struck = fault("UNKNOWN", **({"when": when} if when else {}))
        result = run(scenario(alarms=SCRIPTED, group=group, faults=[struck]))
        untouched = when is None and not ignored  # and then there is nothing to undo
        assert result.outcome is (Outcome.STOPPED if untouched else outcome)
        assert broken(result) == []


def test_what_could_not_be_asked_before_it_began_is_not_said_to_be_active() -> None:
    alarms = {"pager": {"scripted": True}, "errors": {"scripted": True}}
    group = {**GROUP, "alarms": ["pager", "errors"]}
    strikes = [fault("UNKNOWN"), {"name": "errors", "do": {"alarm": {"name": "errors", "state": "ALARM"}}}]
    unasked = "could not be asked before the deployment began, which counts as active: pager"
    for faults, words in (
        (strikes[:1], unasked),
        (strikes[1:], "active before the deployment began: errors"),
        (strikes, f"active before the deployment began: errors; {unasked}"),
    ):
        (stopped,) = run(scenario(alarms=alarms, group=group, faults=faults)).rollouts
        assert stopped.error is not None
        assert (stopped.error.code, stopped.error.message) == ("ALARM_ACTIVE", f"{words}. No host was touched")


def test_a_fault_that_ends_gives_the_alarm_back() -> None:
    watcher = Watcher()
    struck = fault("ALARM", when={"at": "1s"}, **{"for": "2s"})
    result = run(scenario(alarms=SCRIPTED, group={}, faults=[struck]), observers=[watcher])
    assert changes(watcher) == [("pager", "ALARM"), ("pager", "OK")]
    assert result.outcome is Outcome.SUCCEEDED, "it is none of the group's"


def test_an_alarm_that_is_on_already_stops_the_next_deployment() -> None:
    deploys = [{"revision": "v2"}, {"revision": "v1"}]
    group = {"alarms": ["pager"]}
    late = fault("ALARM", when={"status": "Succeeded", "deployment": 1})
    result = run(scenario(alarms=SCRIPTED, group=group, deploy=deploys, faults=[late]))
    assert [rollout.status for rollout in result.rollouts] == [DeploymentStatus.SUCCEEDED, DeploymentStatus.STOPPED]


def test_fewer_healthy_hosts_than_wanted() -> None:
    alarms = {"few": {"metric": "healthy_hosts", "below": 3, "period": "100ms", "datapoints": 1}}
    group = {"alarms": ["few"], "deployment_config": {"type": "HOST_COUNT", "value": 2}}
    watcher = Watcher()
    result = run(scenario(alarms=alarms, group=group), observers=[watcher])
    assert result.rollouts[0].error is not None
    assert result.rollouts[0].error.message.startswith("stopped by an alarm: few is ALARM: healthy_hosts was 2 over")
    assert changes(watcher)[0] == ("few", "ALARM")


def test_a_slow_version() -> None:
    alarms = {"slow": {"metric": "latency_p95", "above": "300ms", "period": "1s", "datapoints": 1}}
    revisions = {**scenario_revisions(), "v2": {**scenario_revisions()["v2"], "behaves": {"latency": "400ms"}}}
    slow = scenario(alarms=alarms, group={"alarms": ["slow"]}, revisions=revisions)
    assert run(slow).outcome is Outcome.STOPPED
    quick = scenario(alarms=alarms, group={"alarms": ["slow"]})
    assert run(quick).outcome is Outcome.SUCCEEDED


def scenario_revisions() -> dict[str, Any]:
    plain = scenario().revisions
    return {name: {"bundle": str(revision.bundle)} for name, revision in plain.items()}


def test_alarms_of_one_period_are_asked_together(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0
    figures = VirtualFleet.figures

    def counted(fleet: VirtualFleet) -> Figures | None:
        nonlocal asked
        asked += 1
        return figures(fleet)

    monkeypatch.setattr(VirtualFleet, "figures", counted)
    alone, together = [], []
    for found, names in ((alone, "a"), (together, "abcd")):
        asked = 0
        alarms = {name: {"metric": "healthy_hosts", "below": 1, "period": "1s"} for name in names}
        run(scenario(alarms=alarms, group={"alarms": list(names)}))
        found.append(asked)
    assert alone == together
    assert alone[0] > 5
