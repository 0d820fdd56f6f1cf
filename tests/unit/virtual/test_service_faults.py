"""Faults of the service on virtual hosts: the balancer, slow starts, leaks, a bucket, an alarm that flaps."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.control.result import Outcome, RunResult
from simulator.rollout.events import AlarmChanged, FaultChanged, HealthCheckReported, LifecycleEventCompleted
from simulator.rollout.statuses import DeploymentStatus
from tests.support.rehearsals import BALANCER, Watcher, broken, run, scenario

ROLLBACK = ["DEPLOYMENT_FAILURE"]


def rehearse(*faults: dict[str, Any], seed: int = 3, **parts: Any) -> tuple[RunResult, Watcher]:
    watcher = Watcher()
    result = run(scenario(faults=list(faults), **parts), seed, observers=[watcher])
    assert broken(result) == []
    return result, watcher


def ended(watcher: Watcher, name: str) -> list[LifecycleEventCompleted]:
    return [e for e, _ in watcher.seen if isinstance(e, LifecycleEventCompleted) and e.name == name]


def changed(watcher: Watcher) -> list[tuple[int, bool]]:
    return [(e.at_ms, e.active) for e, _ in watcher.seen if isinstance(e, FaultChanged)]


def seen_of(watcher: Watcher, host: str) -> list[tuple[int, bool, str]]:
    reports = [e for e, _ in watcher.seen if isinstance(e, HealthCheckReported) and e.host == host]
    return [(e.at_ms, e.healthy, e.seen) for e in reports]


# -- the balancer ---------------------------------------------------------------------------------------------------


def test_a_balancer_that_refuses_is_named_with_the_missing_permission() -> None:
    result, watcher = rehearse({"do": {"balancer": "refuses-registration"}}, group={})
    assert result.outcome is Outcome.FAILED
    [refused] = ended(watcher, "AllowTraffic")
    assert refused.diagnostics is not None
    assert "Permission denied" in refused.diagnostics.message
    assert "elasticloadbalancing:RegisterTargets" in refused.diagnostics.message
    assert result.faults[0].hosts == ()


def test_a_balancer_that_refused_registers_again() -> None:
    when = {"event": "AllowTraffic", "nth": 1, "deployment": 1}
    result, watcher = rehearse({"when": when, "do": {"balancer": "refuses-registration"}, "for": "1s"})
    assert result.outcome is Outcome.ROLLED_BACK
    assert [event.status for event in ended(watcher, "AllowTraffic")] == ["Failed"]


@pytest.mark.parametrize(("draining", "lasts_ms"), [("3s", 3_000), ("20s", 20_000)])
def test_a_balancer_that_is_slow_to_drain_keeps_block_traffic_waiting(draining: str, lasts_ms: int) -> None:
    result, watcher = rehearse({"do": {"balancer": {"draining": draining}}}, limits={"start": "5s", "event": "30s"})
    blocked = ended(watcher, "BlockTraffic")
    assert [event.at_ms - event.started_ms for event in blocked] == [lasts_ms] * 4
    assert result.outcome is Outcome.SUCCEEDED


def test_a_drain_beyond_the_limit_of_an_event_fails_the_host() -> None:
    result, watcher = rehearse({"do": {"balancer": {"draining": "20s"}}, "for": "5s"})
    assert result.rollouts[0].status is DeploymentStatus.FAILED
    assert result.rollouts[0].failures[0].event == "BlockTraffic"
    *quick, slow = sorted(event.at_ms - event.started_ms for event in ended(watcher, "BlockTraffic"))
    assert (slow, max(quick) < 1_000) == (20_000, True)  # healed meanwhile: the rollback drains as always


def test_a_balancer_that_restarts_knows_of_nobodys_health() -> None:
    result, watcher = rehearse({"when": {"event": "Install", "nth": 2}, "do": {"balancer": "restart"}})
    assert result.outcome is Outcome.SUCCEEDED
    [(at_ms, _)] = changed(watcher)
    assert result.in_service_min == 0
    back = [event for event in (seen_of(watcher, f"h{n}") for n in range(1, 5)) if event and event[0][0] > at_ms]
    # 700 ms away, then two checks, 500 ms apart, of those that are registered.
    assert min(event[0][0] for event in back) == at_ms + 700 + 1_000
    assert result.traffic is not None
    assert 30 <= result.traffic.failed <= 36  # 1.7 s of 20 requests a second


def test_a_host_that_is_registered_while_the_balancer_is_away_is_checked_once_it_is_back() -> None:
    result, watcher = rehearse({"when": {"event": "AllowTraffic", "nth": 1}, "do": {"balancer": "restart"}})
    assert result.outcome is Outcome.SUCCEEDED
    [(at_ms, _)] = changed(watcher)
    ends = [r.ended_ms for h in result.rollouts[0].hosts.values() for r in h.records if r.name == "AllowTraffic"]
    assert min(ends) == at_ms + 700 + 1_000


def test_two_restarts_at_once_are_over_with_the_later() -> None:
    restarts = [{"name": f"{n}", "when": {"at": f"{2000 + 300 * n}ms"}, "do": {"balancer": "restart"}} for n in (0, 1)]
    result, watcher = rehearse(*restarts)
    assert result.outcome is Outcome.SUCCEEDED
    healthy = [e.at_ms for e, _ in watcher.seen if isinstance(e, HealthCheckReported) and e.healthy]
    assert min(at for at in healthy if at > 2_000) == 2_300 + 700 + 1_000


# -- the application ------------------------------------------------------------------------------------------------


def test_an_application_that_starts_slowly_answers_503_until_it_is_warm() -> None:
    result, watcher = rehearse({"where": {"revision": "v2"}, "do": {"slow_start": "3s"}})
    assert result.outcome is Outcome.SUCCEEDED
    for host in ("h1", "h2", "h3", "h4"):
        started = next(e for e in ended(watcher, "ApplicationStart") if e.host == host)
        [cold, warm] = seen_of(watcher, host)
        assert (cold[1:], warm[1:]) == ((False, "503"), (True, "200"))
        assert started.at_ms + 3_000 < warm[0] <= started.at_ms + 3_000 + 1_000  # two checks, 500 ms apart


def test_a_start_that_never_ends_runs_into_the_limit_and_a_new_start_of_v1_is_quick() -> None:
    result, _ = rehearse({"where": {"revision": "v2"}, "do": {"slow_start": "10m"}})
    assert result.outcome is Outcome.ROLLED_BACK
    assert "503" in result.rollouts[0].failures[0].message


def test_a_slow_start_that_is_healed_is_warm_at_once() -> None:
    fault = {"when": {"event": "BeforeAllowTraffic"}, "do": {"slow_start": "10m"}, "for": "1s"}
    early = {"name": "early", "when": {"event": "Install"}, "do": {"slow_start": "10m"}, "for": "4s"}
    result, watcher = rehearse(fault, early)
    assert result.outcome is Outcome.SUCCEEDED
    assert "503" in {seen for host in ("h1", "h2") for _, _, seen in seen_of(watcher, host)}


def test_an_application_that_leaks_answers_so_many_users_and_then_500() -> None:
    balancer = {**BALANCER, "traffic": {"rate": 40}}
    canary = {"strategy": {"canary": {"hosts": 1, "bake": "10s"}}, "auto_rollback": ROLLBACK}
    fault = {"where": {"revision": "v2"}, "do": {"memory": {"leak_after": 30}}}
    result, watcher = rehearse(fault, balancer=balancer, group=canary)
    assert result.outcome is Outcome.ROLLED_BACK
    let_in = ended(watcher, "AfterAllowTraffic")[0]
    host = let_in.host
    [(up_ms, _, _), (down_ms, healthy, seen), *_] = seen_of(watcher, host)
    assert (healthy, seen) == (False, "500")
    # A quarter of 40 requests a second: 30 of them take 3 s; the second bad check, up to a second later, tells.
    assert up_ms + 3_000 < down_ms <= up_ms + 3_000 + 1_000
    assert result.traffic is not None
    assert dict(result.traffic.by_revision)["v2"] == 30 + result.traffic.failed


def test_a_leak_of_a_running_application_counts_from_the_fault_on_and_a_start_cures_it() -> None:
    fault = {"where": {"revision": "v1"}, "do": {"memory": {"leak_after": 5}}}
    result, watcher = rehearse(fault, group={"deployment_config": "CodeDeployDefault.OneAtATime"})
    assert result.outcome is Outcome.SUCCEEDED
    seen = seen_of(watcher, "h4")
    assert "500" in {what for _, _, what in seen}
    assert seen[-1][1:] == (True, "200")


def test_a_leak_that_is_healed_is_forgotten() -> None:
    fault = {"when": {"at": "0s"}, "do": {"memory": {"leak_after": 5}}, "for": "3s"}
    result, watcher = rehearse(fault)
    assert result.outcome is Outcome.SUCCEEDED
    assert changed(watcher)[-1] == (3_000, False)
    assert all(seen != "500" for n in range(1, 5) for at, _, seen in seen_of(watcher, f"h{n}") if at > 4_500)


def test_a_host_of_blue_that_has_gone_leaks_no_more() -> None:
    group = {"strategy": {"blue-green": {}}, "deployment_config": "CodeDeployDefault.AllAtOnce"}
    fault = {"when": {"event": "AllowTraffic", "nth": 1}, "do": {"memory": {"leak_after": 2}}}
    slow = {"name": "slow", "when": {"event": "Install"}, "do": {"slow_start": "4s"}}
    result, _ = rehearse(fault, slow, group=group, limits={"start": "30s", "event": "60s"})
    assert result.rollouts[0].status in (DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED)


# -- a bucket, and alarms -------------------------------------------------------------------------------------------


def test_a_role_that_may_not_read_the_bucket_is_told_what_it_lacks() -> None:
    result, watcher = rehearse({"where": {"revision": "v2"}, "do": {"bundle": "access-denied"}})
    assert result.outcome is Outcome.ROLLED_BACK
    [refused] = [e for e in ended(watcher, "DownloadBundle") if e.diagnostics is not None]
    assert refused.diagnostics is not None
    assert refused.diagnostics.error_code == "UnknownError"
    message = refused.diagnostics.message
    for part in ("AccessDenied", "s3:GetObject", "arn:aws:s3:::drydeploy-revisions/v2.tgz", f"/{refused.host} "):
        assert part in message
    assert '"Effect": "Allow"' in message


def test_an_alarm_flaps_until_it_is_healed() -> None:
    fault = {
        "when": {"at": "1s"},
        "do": {"alarm": {"name": "pager", "flapping": {"alarm": "1s", "ok": "500ms"}}},
        "for": "4s",
    }
    _, watcher = rehearse(fault, alarms={"pager": {"scripted": True}})
    said = [(e.at_ms, str(e.state)) for e, _ in watcher.seen if isinstance(e, AlarmChanged)]
    assert said == [
        *((1_000, "ALARM"), (2_000, "OK"), (2_500, "ALARM"), (3_500, "OK"), (4_000, "ALARM")),
        (5_000, "OK"),
    ]
