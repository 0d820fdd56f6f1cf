"""Faults that are alike, that strike again while they last, or that overlap: each has its own name and its own end."""

from __future__ import annotations

from typing import Any

import pytest

from scenarios.fault_names import names_of
from simulator.control.result import Outcome, RunResult
from simulator.rollout.events import HealthCheckReported
from tests.support.rehearsals import Watcher, run, scenario
from tests.support.services import ecs

SICK = {"health": {"status": 404}}


def changes(result: RunResult) -> list[tuple[str, int, bool]]:
    return [(change.fault, change.at_ms, change.active) for change in result.faults]


def test_no_two_faults_have_one_name() -> None:
    faults = [{"do": SICK}, {"name": "health 404 (2)", "do": SICK}, {"do": SICK}, {"do": {"host": "crash"}}]
    assert names_of(scenario(faults=faults).faults) == (
        *("health 404", "health 404 (2)", "health 404 (3)"),
        "host crash",
    )


def test_two_faults_of_a_service_that_are_alike_end_one_by_one() -> None:
    common = {"where": {"revision": "v1"}, "do": SICK}
    first = {"when": {"at": "1s"}, "for": "1s", **common}
    second = {"when": {"at": "1500ms"}, "for": "2s", **common}
    assert changes(run(ecs(faults=[first, second]))) == [
        ("health 404", 1_000, True),
        ("health 404 (2)", 1_500, True),
        ("health 404", 2_000, False),
        ("health 404 (2)", 3_500, False),
    ]


def test_a_host_is_well_when_the_last_of_two_alike_is_healed() -> None:
    common = {"where": {"hosts": ["h1"]}, "do": SICK}
    faults = [{"when": {"at": "1s"}, "for": "3s", **common}, {"when": {"at": "2s"}, "for": "15s", **common}]
    watcher = Watcher()
    run(scenario(faults=faults, deploy=[{"revision": "v2", "when": {"at": "30s"}}]), observers=[watcher])
    seen = [e for e, _ in watcher.seen if isinstance(e, HealthCheckReported) and e.host == "h1" and e.at_ms < 30_000]
    assert [event.healthy for event in seen] == [False, True]
    assert seen[1].at_ms > 17_000


def test_a_strike_that_comes_again_has_its_own_time_and_then_there_is_room() -> None:
    """By the draws of this seed it strikes in the first and the second deployment, and spares the third."""
    full = {
        "name": "full",
        "when": {"event": "ApplicationStop", "host": "h1"},
        "do": {"disk": "full"},
        "for": "12s",
        "probability": "50%",
    }
    asked = scenario(
        fleet={"hosts": 2, "running": "v1"},
        balancer=None,
        group={"deployment_config": "CodeDeployDefault.OneAtATime", "auto_rollback": []},
        deploy=[{"revision": "v2", "when": {"at": at}} for at in ("0s", "5s", "100s")],
        faults=[full],
    )
    result = run(asked, 12)
    (_, first, _), (_, second, _), *healed = changes(result)
    assert first < second < first + 12_000
    assert healed == [("full", second + 12_000, False)]
    assert result.rollouts[-1].status == "Succeeded"


@pytest.mark.parametrize("do", [{"agent": "stop"}, {"host": "crash"}, {"host": "pause"}, {"bundle": "missing"}])
def test_what_two_faults_do_lasts_as_long_as_either(do: dict[str, Any]) -> None:
    """One is over at once, the other is not: the deployment finds the host as the one that lasts leaves it."""
    common = {"where": {"hosts": ["h1"]}, "do": do}
    faults = [{"when": {"at": "0s"}, **common}, {"when": {"at": "10ms"}, "for": "10ms", **common}]
    asked = scenario(faults=faults, deploy=[{"revision": "v2", "when": {"at": "1s"}}])
    assert run(asked).rollouts[0].hosts["h1"].status == "Failed"
    assert run(scenario(faults=faults[1:], deploy=[{"revision": "v2", "when": {"at": "1s"}}])).outcome in (
        Outcome.SUCCEEDED,
        Outcome.ROLLED_BACK,  # a host that crashed runs nothing until it is deployed to
    )
