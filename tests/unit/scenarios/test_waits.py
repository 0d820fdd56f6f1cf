"""Waits in a scenario: that there is time for them, that they have an effect, and that somebody can answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.scenarios.test_people import ASKS, operator
from tests.unit.scenarios.test_strategies import text, told_of

READY = "deployment_ready: {action_on_timeout: STOP_DEPLOYMENT, wait_time: 5m}"
TWICE = "{steps: [{setHosts: 1}, {pause: {}}, {setHosts: 2}, {pause: {}}]}"
BAKES = "{canary: {hosts: 1, bake: 2m}}"
CONTINUE = "when: {status: Ready}, do: continue"


@pytest.mark.parametrize(
    ("strategy", "tail", "severity", "place", "message"),
    [
        (
            "{blue-green: {deployment_ready: {wait_time: 5m}}}",
            "",
            "warning",
            "wait_time: 5m",
            "wait_time has no effect: CONTINUE_DEPLOYMENT reroutes the traffic at once",
        ),
        (
            "{blue-green: {terminate_blue: {action: KEEP_ALIVE, wait_time: 5m}}}",
            "",
            "warning",
            "wait_time: 5m",
            "wait_time has no effect: with KEEP_ALIVE",
        ),
        (
            f"{{blue-green: {{{READY}}}}}",
            "",
            "warning",
            "{blue-green",
            "nobody answers",
        ),
        (
            f"{{blue-green: {{{READY}, terminate_blue: {{wait_time: 6m}}}}}}",
            "limits: {deployment: 10m}\n" + operator(CONTINUE),
            "warning",
            "6m}",
            "the waits add up to 11m, and a deployment may last 10m",
        ),
        (TWICE, operator(CONTINUE), "warning", "pause", "2 waits for a person and 1 to answer"),
        (
            ASKS,
            "limits: {deployment: 10m}\n" + operator("when: {at: 10m}, do: continue"),
            "warning",
            "10m}, do",
            "continue comes too late: by 10m the limit (10m) has ended it all",
        ),
        (
            ASKS,
            operator("when: {event: AllowTraffic, nth: 2}, do: continue", CONTINUE),
            "warning",
            "AllowTraffic",
            "continue cannot be heard: while a deployment waits no host enters AllowTraffic",
        ),
        (
            ASKS,
            operator("when: {status: Failed}, do: pause", CONTINUE),
            "error",
            "Failed",
            "pause can never be said: a deployment that is Failed has ended",
        ),
    ],
)
def test_what_is_odd_about_a_wait_is_told_at_its_place(
    strategy: str, tail: str, severity: str, place: str, message: str, tmp_path: Path
) -> None:
    found = told_of(text(strategy, tail), tmp_path)
    assert [(each[0], message in each[2]) for each in found] == [(severity, True)], found
    assert found[0][1].startswith(place)


@pytest.mark.parametrize(
    ("strategy", "tail"),
    [
        (TWICE, operator(CONTINUE, CONTINUE)),
        (TWICE, operator("when: {status: Ready}, do: promote-full")),
        (TWICE, operator("when: {status: Ready}, do: abort")),
        (BAKES, operator("when: {event: AllowTraffic}, do: promote-full")),
        (ASKS, operator("when: {at: 7h}, do: continue")),
        (f"{{blue-green: {{{READY}}}}}", "expect: {outcome: stopped}\n"),
        (f"{{blue-green: {{{READY}, terminate_blue: {{wait_time: 48h}}}}}}", operator(CONTINUE)),
    ],
)
def test_waits_that_are_right_are_not_remarked_upon(strategy: str, tail: str, tmp_path: Path) -> None:
    assert [each for each in told_of(text(strategy, tail), tmp_path) if "health check" not in each[2]] == []


@pytest.mark.parametrize(
    ("strategy", "place", "message", "remedy"),
    [
        ("{steps: [{set_weight: 25}]}", "set_weight", "unknown key set_weight", "did you mean setWeight?"),
        ("{steps: [{set_hosts: 1}]}", "set_hosts", "unknown key set_hosts", "did you mean setHosts?"),
        ("{blue_green: {}}", "blue_green", "unknown key blue_green", "did you mean blue-green?"),
        ("{steps: [{pause: 10s}]}", "10s", "expected a mapping, found 10s", "write pause: {duration: 10s}"),
        (
            "{steps: [{setWeight: 30}, {setWeight: 29}]}",
            "{setWeight: 29",
            "step 2 asks for 29 %, and the one",
            "larger",
        ),
    ],
)
def test_what_is_nearly_right_is_told_as_it_is_written(
    strategy: str, place: str, message: str, remedy: str, tmp_path: Path
) -> None:
    (found,) = (each for each in told_of(text(strategy), tmp_path) if each[0] == "error")
    assert found[1].startswith(place)
    assert message in found[2]
    assert remedy in found[3]


def test_a_fault_lasts_for_a_time_and_not_by_the_name_that_it_has_in_here(tmp_path: Path) -> None:
    found = told_of(text("rolling", "faults:\n  - {do: {host: crash}, lasts: 5s}\n"), tmp_path)
    assert [(each[2], each[3]) for each in found] == [("unknown key lasts in faults[1]", "did you mean for?")]
