"""Alarms: evaluated every period on the balancer's own figures of that period, or set by a fault of the scenario.

An alarm fires when its metric was beyond the threshold in so many periods in a row (`datapoints`), and is OK again
after one period in which it was not. A period without a request says nothing of requests, and changes nothing. Only a
change of state is an event. A fault's word goes before the metric's while the fault lasts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from fleet.base import Fleet, FleetError, MakeEvent
from fleet.figures import Figures
from scenarios.model import Effect, Scenario
from scenarios.signals import Alarm, AlarmFlapping
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import AlarmChanged
from simulator.rollout.messages import duration
from simulator.rollout.statuses import AlarmState

HEALTHY_HOSTS = "healthy_hosts"
ERROR_RATE = "error_rate"

_FLAPS: dict[AlarmState, Callable[[AlarmFlapping], tuple[int, AlarmState]]] = {
    AlarmState.ALARM: lambda flapping: (flapping.alarm, AlarmState.OK),
    AlarmState.OK: lambda flapping: (flapping.ok, AlarmState.ALARM),
}
"""How long an alarm that flaps says this, and what it says then."""


def value_of(metric: str, figures: Figures) -> Fraction | None:
    """A metric of these figures: a share, milliseconds or hosts; None where no request tells it."""
    if metric == HEALTHY_HOSTS:
        return Fraction(figures.in_service)
    if metric == ERROR_RATE:
        return figures.all.error_rate
    return figures.all.latency_ms(int(metric.removeprefix("latency_p")))


def in_words(metric: str, value: Fraction) -> str:
    """A metric's value as a person reads it: `4.2 %`, `130 ms`, `3`."""
    if metric == HEALTHY_HOSTS:
        return str(value)
    if metric == ERROR_RATE:
        return f"{float(value) * 100:.3g} %"
    return f"{float(value):.3g} ms" if value < 1000 else f"{round(value)} ms"  # a time is known to 1.6 %


class Watch:
    """One alarm in the course of a run."""

    def __init__(self, alarm: Alarm) -> None:
        self._alarm = alarm
        self._measured = AlarmState.OK
        self._why = "nothing was beyond the threshold so far"
        self._breaches = 0
        self._said: dict[str, AlarmState] = {}

    @property
    def state(self) -> AlarmState:
        """What the alarm says: the last fault's word, or what was measured."""
        return list(self._said.values())[-1] if self._said else self._measured

    @property
    def why(self) -> str:
        """Why it says so."""
        return f"the scenario has it so: {list(self._said)[-1]}" if self._said else self._why

    def observe(self, value: Fraction | None) -> None:
        """A period has ended in which the metric had this value; None: nothing tells."""
        bound, period = self._alarm.bound, duration(self._alarm.period)
        assert bound is not None, "a scripted alarm observes nothing"
        if value is None:
            return
        beyond = bound.crossed(value)
        self._breaches = self._breaches + 1 if beyond else 0
        found = f"{bound.metric} was {in_words(bound.metric, value)} over {period}"
        if self._breaches >= self._alarm.datapoints:
            self._measured = AlarmState.ALARM
            rows = f", {self._breaches} periods in a row" if self._breaches > 1 else ""
            self._why = f"{found}; the alarm is for {bound}{rows}"
        elif not beyond:
            self._measured = AlarmState.OK
            self._why = f"{found}; the alarm is for {bound}"
        elif self._measured is AlarmState.UNKNOWN:
            self._measured = AlarmState.OK
            self._why = f"{found}, once; the alarm is for {bound}, {self._alarm.datapoints} periods in a row"

    def lost(self, why: str) -> None:
        """The figures of a period could not be had."""
        self._breaches = 0
        self._measured, self._why = AlarmState.UNKNOWN, why

    def say(self, fault: str, state: AlarmState) -> None:
        """A fault has the alarm say this."""
        self._said.pop(fault, None)
        self._said[fault] = state

    def unsay(self, fault: str) -> None:
        """The fault is healed."""
        self._said.pop(fault, None)


class Alarms:
    """The alarms of a run. `later(delay_ms, call)` sets a timer; `emit` journals what changes."""

    def __init__(
        self,
        scenario: Scenario,
        fleet: Fleet,
        emit: Callable[[MakeEvent], None],
        later: Callable[[int, Callable[[], None]], None],
    ) -> None:
        self._alarms = scenario.alarms
        self._watches = {name: Watch(alarm) for name, alarm in scenario.alarms.items()}
        self._told = {name: watch.state for name, watch in self._watches.items()}
        self._flapping: dict[str, object] = {}
        """The faults that have an alarm flap now, each with a token of this striking."""
        self._fleet, self._emit, self._later = fleet, emit, later

    def begin(self) -> None:
        """Time 0: every metric gets its first period. Those of one length are asked for together."""
        by_period: dict[int, list[str]] = {}
        for name, alarm in self._alarms.items():
            if alarm.metric is not None:
                by_period.setdefault(alarm.period, []).append(name)
        for period_ms, names in by_period.items():
            self._wait(period_ms, names, self._figures()[0])

    def active(self, deployment: Deployment) -> dict[str, AlarmState]:
        """Those of a deployment's alarms that stop it before it begins, and what each says."""
        ignored = deployment.ignore_poll_alarm_failure
        stops = {AlarmState.ALARM} if ignored else {AlarmState.ALARM, AlarmState.UNKNOWN}
        said = {name: self._watches[name].state for name in deployment.alarms}
        return {name: state for name, state in said.items() if state in stops}

    def strike(self, fault: str, effect: Effect) -> None:
        """A fault has an alarm say something."""
        told = effect.alarm
        assert told is not None, "faults of other kinds strike elsewhere"
        if told.flapping is None:
            self._say(fault, told.name, AlarmState(told.state))
        else:
            self._flapping[fault] = turn = object()
            self._flap(fault, told.name, told.flapping, turn, AlarmState.ALARM)

    def heal(self, fault: str, effect: Effect) -> None:
        """The fault is healed: the alarm says what it would have said."""
        assert effect.alarm is not None, "faults of other kinds strike elsewhere"
        self._flapping.pop(fault, None)
        self._watches[effect.alarm.name].unsay(fault)
        self._tell(effect.alarm.name)

    def _say(self, fault: str, name: str, state: AlarmState) -> None:
        self._watches[name].say(fault, state)
        self._tell(name)

    def _flap(self, fault: str, name: str, flapping: AlarmFlapping, turn: object, state: AlarmState) -> None:
        """Say this, and the other thing after its time, as long as this striking of the fault lasts."""
        if self._flapping.get(fault) is not turn:
            return
        self._say(fault, name, state)
        lasts_ms, then = _FLAPS[state](flapping)
        self._later(lasts_ms, lambda: self._flap(fault, name, flapping, turn, then))

    def _wait(self, period_ms: int, names: Sequence[str], before: Figures | None) -> None:
        self._later(period_ms, lambda: self._period_ended(period_ms, names, before))

    def _period_ended(self, period_ms: int, names: Sequence[str], before: Figures | None) -> None:
        now, problem = self._figures()
        since = now.since(before) if now is not None and before is not None else None
        for name in names:
            watch, metric = self._watches[name], self._alarms[name].metric
            assert metric is not None, "only metrics have periods"
            if now is None:
                watch.lost(f"its metric {metric} could not be asked for: {problem}")
            elif since is not None:
                watch.observe(value_of(metric, since))
            self._tell(name)
        self._wait(period_ms, names, now)

    def _figures(self) -> tuple[Figures | None, str]:
        try:
            return self._fleet.figures(), "nobody counts the requests"
        except FleetError as error:
            return None, str(error)

    def _tell(self, name: str) -> None:
        watch = self._watches[name]
        if watch.state is self._told[name]:
            return
        self._told[name] = state = watch.state
        why = watch.why
        self._emit(lambda event_id, at_ms: AlarmChanged(event_id, at_ms, "", name, state, why))
