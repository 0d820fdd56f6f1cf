"""The virtual fleet: what each fault comes to on a host, told by the events that it reports."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from fleet.balancer.fluid import Fluid
from fleet.balancer.virtual import VirtualBalancer
from fleet.base import FleetError
from simulator.control.invariants import HELD_OUT
from simulator.control.result import Outcome, RunResult
from simulator.rollout.commands import AllowTraffic, BlockTraffic, RunLifecycleEvent
from simulator.rollout.events import (
    FaultChanged,
    HealthCheckReported,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    TrafficMeasured,
)
from simulator.rollout.statuses import TargetStatus
from tests.support.rehearsals import BUNDLES, Watcher, broken, run, scenario

INSTALL_FIRST = {"event": "Install", "nth": 1, "deployment": 1}


def rehearse(*faults: dict[str, Any], **parts: Any) -> tuple[RunResult, Watcher]:
    watcher = Watcher()
    result = run(scenario(faults=list(faults), **parts), 3, observers=[watcher])
    assert broken(result) == []
    return result, watcher


def first_failure(result: RunResult) -> tuple[str, str, str]:
    """Of the first deployment: the event that failed, its error code, and why."""
    host = next(h for h in result.rollouts[0].hosts.values() if h.status is TargetStatus.FAILED)
    record = next(r for r in host.records if r.status == "Failed")
    assert record.diagnostics is not None
    return record.name, record.diagnostics.error_code, record.diagnostics.message


@pytest.mark.parametrize(
    ("do", "name", "code", "words"),
    [
        ({"script": {"exit": 7}}, "ApplicationStart", "ScriptFailed", "failed with exit code 7"),
        (
            {"script": "missing"},
            "ApplicationStart",
            "ScriptMissing",
            "is not there: expected was deployment-archive/scripts/run_process.sh",
        ),
        ({"script": "hang"}, "ApplicationStart", "UnknownError", "did not end within"),
        (
            {"bundle": "missing"},
            "DownloadBundle",
            "UnknownError",
            "/opt/drydeploy/revisions/v2.tgz, which is not there",
        ),
        ({"bundle": "corrupt"}, "DownloadBundle", "UnknownError", "cannot be unpacked"),
        ({"agent": "stop"}, "ApplicationStart", "UnknownError", "the agent did not begin ApplicationStart"),
        ({"host": "crash"}, "ApplicationStart", "UnknownError", "did not end within"),
        ({"host": "pause"}, "ApplicationStart", "UnknownError", "did not end within"),
    ],
)
def test_what_a_fault_comes_to(do: dict[str, Any], name: str, code: str, words: str) -> None:
    event = "DownloadBundle" if "bundle" in do else "ApplicationStart"
    result, _ = rehearse({"when": {"event": event, "nth": 1, "deployment": 1}, "do": do})
    found = first_failure(result)
    assert found[:2] == (name, code)
    assert words in found[2]


def test_a_script_that_hangs_longer_than_its_own_timeout_is_timed_out_by_the_agent() -> None:
    slow = {"when": {"event": "ApplicationStart", "nth": 1, "deployment": 1}, "do": {"script": "hang"}}
    result, _ = rehearse(slow, limits={"start": "5m", "event": "1h"})
    assert first_failure(result)[1] == "ScriptTimedOut"


def test_an_agent_that_restarts_reports_what_it_was_at_as_lost() -> None:
    result, watcher = rehearse({"when": INSTALL_FIRST, "do": {"agent": "restart"}})
    assert result.outcome is Outcome.ROLLED_BACK
    name, code, message = first_failure(result)
    assert (name, code) == ("Install", "UnknownError")
    assert "restarted while this event was in progress" in message
    started = next(e for e, _ in watcher.seen if isinstance(e, LifecycleEventStarted) and e.name == "Install")
    lost = next(e for e, _ in watcher.seen if isinstance(e, LifecycleEventCompleted) and e.cause == started.cause)
    assert lost.at_ms == started.at_ms + 1_000


def test_an_agent_that_was_stopped_and_runs_again_in_time_takes_up_what_it_was_given() -> None:
    result, _ = rehearse({"when": INSTALL_FIRST, "do": {"agent": "stop"}, "for": "2s"})
    assert result.outcome is Outcome.SUCCEEDED
    assert result.rollouts[0].counts[TargetStatus.SUCCEEDED] == 4


def test_a_pause_delays_what_was_under_way_by_as_long_as_it_lasts() -> None:
    """The frozen Install goes on where it was."""

    def installed_ms(*faults: dict[str, Any]) -> int:
        _, watcher = rehearse(*faults)
        return next(e for e, _ in watcher.seen if getattr(e, "name", "") == "Install").at_ms

    def ended_ms(*faults: dict[str, Any]) -> int:
        result, watcher = rehearse(*faults)
        assert result.outcome is Outcome.SUCCEEDED
        ends = [e for e, _ in watcher.seen if isinstance(e, LifecycleEventCompleted) and e.name == "Install"]
        return ends[0].at_ms

    assert installed_ms() == ended_ms()
    assert ended_ms({"when": INSTALL_FIRST, "do": {"host": "pause"}, "for": "3s"}) == ended_ms() + 3_000


def test_the_agent_of_a_host_that_stands_still_is_not_restarted() -> None:
    """Nothing runs there that could do it: when the host goes on, so does what the agent had in hand."""
    pause = {"when": INSTALL_FIRST, "do": {"host": "pause"}, "for": "3s"}
    undisturbed, watcher = rehearse(pause)
    paused = next(e for e, _ in watcher.seen if isinstance(e, FaultChanged))
    when = {"at": f"{paused.at_ms + 1_000}ms"}
    restart = {"when": when, "where": {"hosts": paused.hosts}, "do": {"agent": "restart"}}
    result, watcher = rehearse(pause, restart)
    assert [e.fault for e, _ in watcher.seen if isinstance(e, FaultChanged)][:2] == ["host pause", "agent restart"]
    assert (result.outcome, result.duration_ms) == (Outcome.SUCCEEDED, undisturbed.duration_ms)


def test_hosts_that_crash_serve_nothing_even_after_they_have_booted() -> None:
    result, watcher = rehearse({"when": {"at": "100ms"}, "do": {"host": "crash"}, "for": "1s"}, group={})
    seen = {e.host: e.seen for e, _ in reversed(watcher.seen) if isinstance(e, HealthCheckReported)}
    assert sorted(seen.values()) == ["200", *["connection refused"] * 3], "the first was out of the balancer already"
    assert result.traffic is not None
    assert result.traffic.failed > 0
    assert result.in_service_min == 0


@pytest.mark.parametrize(
    ("health", "seen"),
    [
        ({"status": 404}, "404"),
        ({"slow": "450ms"}, "timed out after 400ms"),
        ({"flapping": {"up": "100ms", "down": "10s", "status": 502}}, "502"),
    ],
)
def test_what_the_health_check_sees(health: dict[str, Any], seen: str) -> None:
    result, watcher = rehearse({"where": {"revision": "v2"}, "do": {"health": health}})
    assert result.outcome is Outcome.ROLLED_BACK
    assert seen in {e.seen for e, _ in watcher.seen if isinstance(e, HealthCheckReported) and not e.healthy}
    assert seen in first_failure(result)[2]


def test_a_slow_check_within_the_timeout_passes() -> None:
    result, _ = rehearse({"where": {"revision": "v2"}, "do": {"health": {"slow": "350ms"}}})
    assert result.outcome is Outcome.SUCCEEDED


def test_two_faults_that_slow_the_check_down_add_up() -> None:
    slow = [{"name": name, "where": {"revision": "v2"}, "do": {"health": {"slow": "250ms"}}} for name in ("a", "b")]
    alone, _ = rehearse(slow[0])
    result, _ = rehearse(*slow)
    assert (alone.outcome, result.outcome) == (Outcome.SUCCEEDED, Outcome.ROLLED_BACK)
    assert "timed out after 400ms" in first_failure(result)[2]


def test_a_slow_check_keeps_those_waiting_who_meet_another_fault_too() -> None:
    """Of what the users of the check's path meet, the wait does not depend on which fault is written first."""
    faults = [{"do": {"health": {"slow": "11s"}}}, {"do": {"health": {"status": 204}}}]
    failed = [rehearse(*order)[0].traffic for order in (faults, faults[::-1])]
    assert failed[0] == failed[1]
    assert failed[0] is not None
    assert failed[0].failed > 0


def test_users_notice_a_health_fault_only_where_they_ask_for_the_same_path() -> None:
    fault = {"do": {"health": {"status": 503}}, "for": "900ms"}
    elsewhere = {"health_check": {"path": "/health", "interval": "500ms", "timeout": "400ms", "rise": 2, "fall": 2}}
    same, _ = rehearse(fault)
    other, _ = rehearse(fault, balancer=elsewhere)
    assert same.traffic is not None
    assert other.traffic is not None
    assert same.traffic.failed > 0 == other.traffic.failed


def test_a_strangers_file_in_the_way_of_an_install() -> None:
    page = "/home/ec2-user/web/server.py"
    assert "destination: /home/ec2-user/web\n" in (BUNDLES / "web-v2" / "appspec.yml").read_text()
    result, _ = rehearse({"do": {"file": {"path": page}}}, fleet={"hosts": 2})
    assert page in first_failure(result)[2]
    assert result.outcome is Outcome.FAILED
    assert first_failure(result)[0] == "Install"


def test_events_are_told_to_have_started_where_they_may_outlast_the_limit() -> None:
    _, watcher = rehearse(limits={"start": "5m", "event": "1h"})
    assert not [e for e, _ in watcher.seen if isinstance(e, LifecycleEventStarted)]
    lasts = {"scripts": {"scripts/run_process.sh": {"lasts": "8s"}}}
    revisions = {"v1": str(BUNDLES / "web-v1"), "v2": {"bundle": str(BUNDLES / "web-v2"), "behaves": lasts}}
    result, watcher = rehearse(limits={"start": "5s", "event": "10s"}, revisions=revisions)
    assert {e.name for e, _ in watcher.seen if isinstance(e, LifecycleEventStarted)} == {"ApplicationStart"}
    assert result.outcome is Outcome.SUCCEEDED


def test_an_event_that_outlasts_its_own_limit_fails_even_where_more_time_is_given_to_begin_it() -> None:
    lasts = {"scripts": {"scripts/run_process.sh": {"lasts": "8s"}}}
    revisions = {"v1": str(BUNDLES / "web-v1"), "v2": {"bundle": str(BUNDLES / "web-v2"), "behaves": lasts}}
    result, _ = rehearse(limits={"start": "60s", "event": "5s"}, revisions=revisions)
    assert first_failure(result)[0] == "ApplicationStart"
    assert "did not end within 5s" in first_failure(result)[2]


def test_a_bundle_without_an_appspec_fails_where_an_agent_meets_it(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    result, _ = rehearse(revisions={"v1": str(BUNDLES / "web-v1"), "v2": str(tmp_path / "empty")})
    assert result.outcome is Outcome.ROLLED_BACK
    assert "no AppSpec file at `appspec.yml`" in first_failure(result)[2]


@pytest.mark.parametrize(
    ("files", "why"),
    [
        ({}, "BeforeInstall: the bundle has no AppSpec file"),
        (
            {"appspec.yml": "files: [{source: page, destination: /srv}]"},
            "h1 at Install: copying deployment-archive/page",
        ),
        ({"appspec.yml": "hooks: {AfterInstall: [{location: after.sh}]}"}, "AfterInstall: the script after.sh"),
        ({"appspec.yml": "hooks: {AfterInstall: [{location: x, runas: tom}]}", "x": ""}, "AfterInstall: .* run as tom"),
    ],
)
def test_what_cannot_be_deployed_cannot_be_running(tmp_path: Path, files: dict[str, str], why: str) -> None:
    (tmp_path / "v1").mkdir()
    for name, content in files.items():
        head = "version: 0.0\nos: linux\n" if name == "appspec.yml" else ""
        (tmp_path / "v1" / name).write_text(head + content)
    with pytest.raises(FleetError, match=f"to run v1 before the rehearsal begins, and v1 cannot be deployed: {why}"):
        rehearse(revisions={"v1": str(tmp_path / "v1"), "v2": str(BUNDLES / "web-v2")})


def test_a_stop_script_that_is_missing_poisons_nothing_before_the_first_deployment(tmp_path: Path) -> None:
    (tmp_path / "v1").mkdir()
    (tmp_path / "v1" / "appspec.yml").write_text(
        "version: 0.0\nos: linux\nhooks: {ApplicationStop: [{location: stop.sh}]}"
    )
    result, _ = rehearse(revisions={"v1": str(tmp_path / "v1"), "v2": str(BUNDLES / "web-v2")})
    assert first_failure(result)[:2] == ("ApplicationStop", "ScriptMissing")


def test_a_bundle_that_is_no_archive_fails_its_download(tmp_path: Path) -> None:
    (tmp_path / "v2.zip").write_bytes(b"no zip at all")
    result, _ = rehearse(revisions={"v1": str(BUNDLES / "web-v1"), "v2": str(tmp_path / "v2.zip")})
    assert first_failure(result)[0] == "DownloadBundle"


def test_without_a_balancer_there_is_no_traffic() -> None:
    result, watcher = rehearse(balancer=None)
    assert result.traffic is None
    assert result.in_service_min is None
    assert not [e for e, _ in watcher.seen if isinstance(e, TrafficMeasured | HealthCheckReported)]
    assert not [c for _, cs in watcher.seen for c in cs if isinstance(c, BlockTraffic | AllowTraffic)]


def test_every_command_is_carried_out_once_and_answered_once() -> None:
    _, watcher = rehearse()
    given = [c.id for _, cs in watcher.seen for c in cs if isinstance(c, RunLifecycleEvent | BlockTraffic)]
    ended = [e.cause for e, _ in watcher.seen if isinstance(e, LifecycleEventCompleted)]
    assert sorted(given) == sorted(ended)


# -- strays -----------------------------------------------------------------------------------------------------------


def test_a_balancer_that_does_not_let_go_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not broken(run(scenario()))
    monkeypatch.setattr(VirtualBalancer, "deregister", lambda *_: None)
    (why,) = [why for why in broken(run(scenario())) if why.startswith(HELD_OUT)]
    assert re.search(r"\d+ requests reached hosts that were held out", why)


def test_a_share_of_nothing_that_is_served_all_the_same_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    strategy = {"blue-green": {"traffic": {"canary": {"percent": 10, "every": "20s"}}}}
    asked = scenario(group={"strategy": strategy}, limits={"event": "60s"})
    assert not broken(run(asked))
    monkeypatch.setattr(Fluid, "_shares", lambda self: {False: 100 - 50 * bool(self._side[True]), True: 50})
    assert [why for why in broken(run(asked)) if why.startswith(HELD_OUT)]
