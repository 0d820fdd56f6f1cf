"""Faults of the service, probabilities and triggers: every mistake at its place, with what to do."""

from __future__ import annotations

import pytest

from scenarios.loader import loads
from scenarios.problems import ScenarioError
from scenarios.signals import AlarmFault
from tests.unit.scenarios.test_loader import BUNDLES, GOOD, mistakes, the_mistake

BLUE_GREEN = GOOD.replace(
    "group:", "group:\n  strategy: {blue-green: {traffic: {canary: {percent: 20, every: 2s}}}}", 1
)
CONTROLLER = "{do: {controller: crash}, for: 5s}"


@pytest.mark.parametrize(
    ("tail", "place", "message", "remedy"),
    [
        ("faults: [{do: {controller: crash}}]", "controller", "the run never ends", "add for: 5s"),
        ("faults: [{do: {controller: dies}, for: 5s}]", "dies", "found dies", "write crash"),
        ("faults: [{do: {balancer: restart}, for: 5s}]", "for", "over by itself", "take for away"),
        ("faults: [{do: {balancer: refuses}}]", "refuses", "found refuses", "refuses-registration"),
        ("faults: [{do: {balancer: {draining: 20}}}]", "20", "expected a duration", "write 20s"),
        ("faults: [{do: {balancer: {drain: 20s}}}]", "drain", "unknown key drain", "did you mean draining?"),
        ("faults: [{do: {slow_start: 0s}}]", "0s", "expected some time", "at least 1ms"),
        ("faults: [{do: {memory: {leak_after: 0}}}]", "0", "expected 1 or more", "at least 1"),
        ("faults: [{do: {bundle: denied}}]", "denied", "found denied", "did you mean access-denied?"),
        ("faults: [{do: {host: crash}, probability: 0}]", "0", "never strikes", "write a share above 0"),
        ("faults: [{do: {host: crash}, probability: 130%}]", "130%", "expected a share", ""),
        ("faults: [{do: {host: crash}, when: {weight: 101}}]", "101", "expected 100 or less", "at most 100"),
        ("faults: [{do: {host: crash}, when: {weight: 50}}]", "50", "the weight 50 never comes", "blue/green"),
        ("faults: [{do: {host: crash}, when: {request: 0}}]", "0", "expected 1 or more", "at least 1"),
        (
            "faults: [{do: {host: crash}, when: {request: 5, deployment: 1}}]",
            "deployment",
            "when.deployment does not go with request",
            "take one of the two away",
        ),
    ],
)
def test_each_kind_of_mistake(tail: str, place: str, message: str, remedy: str) -> None:
    found = the_mistake(tail)
    assert found[0].startswith(place)
    assert message in found[1]
    assert remedy in found[2]


@pytest.mark.parametrize(
    ("effect", "message", "remedy"),
    [
        ("state: OK, flapping: {ok: 1s, alarm: 1s}", "has no state of its own", "keep one of state or flapping"),
        ("flapping: {ok: 1s}", "alarm is missing in alarm.flapping", "write alarm: …"),
        ("flapping: {ok: 1s, alarm: 1s, up: 2s}", "unknown key up", "it belongs under flapping"),
    ],
)
def test_mistakes_in_an_alarm_that_flaps(effect: str, message: str, remedy: str) -> None:
    told = GOOD.replace("group:", "group:\n  alarms: [a]", 1) + "alarms: {a: {scripted: true}}\n"
    [found] = mistakes(f"{told}faults: [{{do: {{alarm: {{name: a, {effect}}}}}}}]")
    assert message in found[2]
    assert remedy in found[3]


@pytest.mark.parametrize(
    "fault",
    [
        "{do: {balancer: restart}}",
        "{do: {balancer: {draining: 3s}}}",
        "{do: {slow_start: 3s}}",
        "{do: {memory: {leak_after: 3}}}",
        "{do: {host: crash}, when: {request: 3}}",
    ],
)
def test_what_needs_a_balancer(fault: str) -> None:
    without = GOOD.replace("balancer: {}\n", "", 1)
    [found] = mistakes(f"{without}faults: [{fault}]")
    assert "there is no balancer" in found[2]
    assert mistakes(f"{GOOD}faults: [{fault}]") == []


@pytest.mark.parametrize("when", ["{weight: 50}", "{weight: 100, deployment: 1}"])
def test_a_weight_comes_where_traffic_is_shifted(when: str) -> None:
    assert mistakes(f"{BLUE_GREEN}faults: [{{do: {{host: crash}}, when: {when}}}]") == []


def test_a_probability_is_a_share_or_a_percentage() -> None:
    told = "faults: [{do: {host: crash}, probability: 30%}, {do: {host: pause}, probability: 0.3}, {do: {host: pause}}]"
    scenario = loads(GOOD + told, name="x.yml", directory=BUNDLES)
    assert [fault.probability for fault in scenario.faults] == [0.3, 0.3, 1.0]


@pytest.mark.parametrize(
    ("written", "remedy"),
    [("150%", "write at most 100%"), ("30", "write 30%"), ("-1", "write 0 to 1"), ("often", "write 5%")],
)
def test_what_is_no_share_has_a_remedy_of_its_own(written: str, remedy: str) -> None:
    [found] = mistakes(f"{GOOD}faults: [{{do: {{host: crash}}, probability: {written}}}]")
    assert found[2].endswith(f"found {written}")
    assert found[3] == remedy


def test_what_the_models_refuse_by_themselves() -> None:
    for tail in (CONTROLLER.replace(", for: 5s", ""), "{do: {balancer: restart}, for: 1s}"):
        with pytest.raises(ScenarioError):
            loads(GOOD + f"faults: [{tail}]", name="x.yml", directory=BUNDLES)
    assert AlarmFault(name="a").words == "a ALARM"
