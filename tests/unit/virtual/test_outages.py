"""Faults of a virtual host's network, disk and clock, and its end, told by the events that come of them."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from scenarios.catalogue import CATALOGUE
from scenarios.fault_names import names_of
from scenarios.faults import Effect, Fault
from simulator.control.result import Outcome, RunResult
from simulator.rollout.events import AgentRefused, HealthCheckReported, LifecycleEventCompleted, LifecycleEventStarted
from tests.support.rehearsals import Watcher, broken, run, scenario
from tests.unit.virtual.test_fleet import first_failure, rehearse

FIRST = {"nth": 1, "deployment": 1}


def completions(watcher: Watcher, name: str) -> list[LifecycleEventCompleted]:
    return [e for e, _ in watcher.seen if isinstance(e, LifecycleEventCompleted) and e.name == name]


def failed_requests(result: RunResult) -> int:
    assert result.traffic is not None
    return result.traffic.failed


# -- cut off from the service -----------------------------------------------------------------------------------------


def test_a_host_that_the_service_cannot_reach_does_not_begin() -> None:
    cut = {"when": {"event": "ApplicationStart", **FIRST}, "do": {"network": {"cut": "controller"}}}
    result, _ = rehearse(cut)
    name, _, message = first_failure(result)
    assert name == "ApplicationStart"
    assert "the agent did not begin ApplicationStart" in message


def test_a_host_that_can_be_reached_in_time_takes_up_what_it_was_given() -> None:
    cut = {"when": {"event": "ApplicationStart", **FIRST}, "do": {"network": {"cut": "controller"}}, "for": "3s"}
    result, watcher = rehearse(cut)
    assert result.outcome is Outcome.SUCCEEDED
    assert completions(watcher, "ApplicationStart")[0].started_ms >= 3_000


def test_the_work_in_hand_goes_on_and_is_told_when_the_way_is_open_again() -> None:
    """The script lasts two seconds; the host is cut off from the first to the twelfth."""
    slow = {"bundle": str(scenario().revisions["v2"].bundle), "behaves": {"scripts": {}}}
    slow["behaves"] = {"scripts": {"scripts/run_process.sh": {"lasts": "2s"}}}
    begun: dict[str, int] = {}

    def rehearsed(*faults: dict[str, Any]) -> tuple[RunResult, list[LifecycleEventCompleted]]:
        watcher = Watcher()
        parts = {"revisions": {"v1": str(scenario().revisions["v1"].bundle), "v2": slow}}
        limits = {"start": "30s", "event": "60s"}
        result = run(scenario(faults=list(faults), limits=limits, **parts), 3, observers=[watcher])
        assert broken(result) == []
        return result, completions(watcher, "ApplicationStart")

    _, undisturbed = rehearsed()
    begun["ms"] = undisturbed[0].started_ms
    host = undisturbed[0].host
    cut = {
        "when": {"at": f"{begun['ms'] + 1_000}ms"},
        "where": {"hosts": [host]},
        "do": {"network": {"cut": "both"}},
        "for": "11s",
    }
    result, disturbed = rehearsed(cut)
    assert result.outcome is Outcome.SUCCEEDED
    assert (disturbed[0].started_ms, disturbed[0].at_ms) == (begun["ms"], begun["ms"] + 12_000)


def test_an_agent_that_restarts_while_it_cannot_be_heard_reports_the_loss_afterwards() -> None:
    cut = {"when": {"event": "Install", **FIRST}, "do": {"agent": "restart"}}
    deaf = {"when": {"event": "Install", **FIRST}, "do": {"network": {"cut": "controller"}}, "for": "4s"}
    result, watcher = rehearse(deaf, cut)
    assert result.outcome in (Outcome.ROLLED_BACK, Outcome.SUCCEEDED)
    assert completions(watcher, "Install")[0].at_ms >= 4_000


def test_an_agent_that_runs_again_before_its_work_is_done_has_lost_nothing() -> None:
    stop = {"when": {"at": "10ms"}, "do": {"agent": "stop"}, "for": "5ms"}
    result, _ = rehearse(stop)
    assert result.outcome is Outcome.SUCCEEDED


# -- cut off from the balancer ----------------------------------------------------------------------------------------


def test_users_of_a_host_that_is_cut_off_fail_until_the_balancer_notices() -> None:
    cut = {"when": {"at": "10ms"}, "where": {"hosts": ["h4"]}, "do": {"network": {"cut": "balancer"}}, "for": "20s"}
    result, watcher = rehearse(cut)
    found = [e for e, _ in watcher.seen if isinstance(e, HealthCheckReported) and e.host == "h4" and not e.healthy]
    assert found[0].seen == "timed out after 400ms"
    assert failed_requests(result) > 0


@pytest.mark.parametrize(("latency", "outcome"), [("100ms", Outcome.SUCCEEDED), ("3s", Outcome.ROLLED_BACK)])
def test_latency_matters_to_a_check_that_is_not_that_patient(latency: str, outcome: Outcome) -> None:
    result, _ = rehearse({"where": {"revision": "v2"}, "do": {"network": {"latency": latency}}})
    assert result.outcome is outcome


def test_loss_is_drawn_by_the_seed() -> None:
    fault = {"where": {"hosts": ["h1"]}, "do": {"network": {"loss": 40}}}
    first, _ = rehearse(fault)
    again, _ = rehearse(fault)
    assert first.journal_sha256 == again.journal_sha256
    assert failed_requests(first) > 0


# -- the disk, the clock, the end -------------------------------------------------------------------------------------


@pytest.mark.parametrize("event", ["ApplicationStop", "DownloadBundle", "Install", "AfterInstall"])
def test_a_full_disk_fails_whatever_the_agent_is_given(event: str) -> None:
    result, _ = rehearse({"when": {"event": event, **FIRST}, "do": {"disk": "full"}, "for": "1s"})
    name, code, message = first_failure(result)
    assert (name, code) == (event, "UnknownError")
    assert "No space left on device" in message


def test_a_full_disk_stays_full_until_there_is_room_again() -> None:
    result, _ = rehearse({"where": {"revision": "v2"}, "do": {"disk": "full"}})
    assert result.outcome is Outcome.ROLLBACK_FAILED  # ApplicationStop of the rollback comes before its DownloadBundle
    healed = {"when": {"at": "10ms"}, "where": {"hosts": ["h4"]}, "do": {"disk": "full"}, "for": "100ms"}
    assert rehearse(healed)[0].outcome is Outcome.SUCCEEDED


@pytest.mark.parametrize(("offset", "words"), [("2h", "2h ahead"), ("-10m", "10m behind")])
def test_an_agent_whose_clock_is_wrong_is_refused_and_the_failure_says_so(offset: str, words: str) -> None:
    clock = {"when": {"event": "Install", **FIRST}, "do": {"clock": {"offset": offset}}}
    result, watcher = rehearse(clock)
    name, _, message = first_failure(result)
    assert name == "Install"
    assert f"the host's clock is {words}" in message
    assert "InvalidSignatureException" in message
    refused = next(e for e, _ in watcher.seen if isinstance(e, AgentRefused))
    assert abs(refused.ahead_ms) in (7_200_000, 600_000)


def test_a_clock_that_is_set_right_in_time_does_no_harm() -> None:
    clock = {"when": {"event": "Install", **FIRST}, "do": {"clock": {"offset": "2h"}}, "for": "2s"}
    assert rehearse(clock)[0].outcome is Outcome.SUCCEEDED


def test_two_faults_of_a_clock_add_up_and_five_minutes_are_allowed() -> None:
    ahead = {"do": {"clock": {"offset": "6m"}}}
    behind = {"do": {"clock": {"offset": "-1m"}}}
    assert rehearse(ahead, behind)[0].outcome is Outcome.SUCCEEDED


def test_the_end_of_an_event_that_nobody_believes_is_told_as_that() -> None:
    slow = {
        "bundle": str(scenario().revisions["v2"].bundle),
        "behaves": {"scripts": {"scripts/run_process.sh": {"lasts": "5s"}}},
    }
    parts = {"revisions": {"v1": str(scenario().revisions["v1"].bundle), "v2": slow}}
    _, watcher = rehearse(**parts, limits={"start": "5s", "event": "8s"})
    started = next(e for e, _ in watcher.seen if isinstance(e, LifecycleEventStarted) and e.name == "ApplicationStart")
    clock = {"when": {"at": f"{started.at_ms + 1_000}ms"}, "do": {"clock": {"offset": "1h"}}}
    result, _ = rehearse(clock, **parts, limits={"start": "5s", "event": "8s"})
    assert "nobody heard of the end of ApplicationStart" in first_failure(result)[2]


def test_a_terminated_host_never_comes_back() -> None:
    end = {"when": {"event": "Install", **FIRST}, "do": {"host": "terminate"}}
    crash = {"when": {"event": "Install", **FIRST}, "do": {"host": "crash"}, "for": "1s"}
    result, watcher = rehearse(end, crash)
    name, _, message = first_failure(result)
    assert (name, "did not end within" in message) == ("Install", True)
    gone = next(iter(completions(watcher, "DownloadBundle"))).host
    assert not [e for e in completions(watcher, "Install") if e.host == gone]


def test_a_host_that_is_gone_times_out() -> None:
    result, watcher = rehearse({"when": {"at": "10ms"}, "where": {"hosts": ["h4"]}, "do": {"host": "terminate"}})
    found = [e for e, _ in watcher.seen if isinstance(e, HealthCheckReported) and e.host == "h4" and not e.healthy]
    assert found[0].seen == "timed out after 400ms"
    assert failed_requests(result) > 0


def test_a_script_whose_child_keeps_its_output_open_fails_at_its_timeout() -> None:
    fault = {"when": {"event": "ApplicationStart", **FIRST}, "do": {"script": "keeps-output-open"}}
    result, _ = rehearse(fault, limits={"start": "5m", "event": "1h"})
    name, code, message = first_failure(result)
    assert (name, code) == ("ApplicationStart", "UnknownError")
    assert "kept its STDOUT and STDERR open" in message


@pytest.mark.parametrize(
    ("do", "name"),
    [
        ({"network": {"cut": "both"}}, "network cut both"),
        ({"network": {"latency": "300ms"}}, "network latency 300ms"),
        ({"network": {"loss": 30}}, "network loss 30%"),
        ({"clock": {"offset": "-2h"}}, "clock offset -2h"),
        ({"disk": "full"}, "disk full"),
        ({"host": "terminate"}, "host terminate"),
        ({"health": {"slow": "2s"}}, "health slow 2s"),
        ({"health": {"flapping": {"up": "1s", "down": "500ms"}}}, "health flapping, 1s up, 500ms down, 503"),
        ({"slow_start": "3s"}, "slow start 3s"),
        ({"memory": {"leak_after": 200}}, "memory leak after 200 requests"),
        ({"script": {"exit": 3}}, "script exit 3"),
        ({"file": {"path": "/srv/a"}}, "file /srv/a"),
        ({"balancer": {"draining": "3s"}}, "balancer draining 3s"),
        ({"alarm": {"name": "errors"}}, "alarm errors ALARM"),
        ({"alarm": {"name": "errors", "state": "OK"}}, "alarm errors OK"),
        ({"alarm": {"name": "errors", "flapping": {"alarm": "1s", "ok": "2s"}}}, "alarm errors flapping"),
        ({"pool": {"name": "web", "desired": 0}}, "pool web desired 0"),
        ({"pool": {"name": "web", "desired": 3, "replacement": True}}, "pool web's replacement desired 3"),
        (
            {"pool": {"name": "web", "suspend": ["Launch", "Terminate"], "resume": ["AZRebalance"]}},
            "pool web suspend Launch and Terminate, resume AZRebalance",
        ),
    ],
)
def test_a_fault_without_a_name_is_called_by_what_it_does(do: dict[str, Any], name: str) -> None:
    fault = Fault.model_validate({"when": {"event": "Install"}, "do": do})
    assert names_of([fault, fault]) == (name, f"{name} (2)")
    assert Effect.model_validate(fault.do.model_dump(mode="json", exclude_unset=True)) == fault.do


@pytest.mark.parametrize("example", [example for entry in CATALOGUE.values() for example in entry.examples])
def test_no_fault_is_called_by_how_it_is_written_down(example: str) -> None:
    (name,) = names_of([Fault.model_validate(yaml.safe_load(example))])
    assert not re.search(r"[_(){}\[\]:=]|None|True|False", name)
