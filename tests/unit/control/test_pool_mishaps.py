"""What becomes of a pool whose follow-on fails, whose launches are a loop, whose hosts somebody else terminates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from simulator.control.pools import HEALTH_CHECK_MS
from simulator.control.replay import replay
from simulator.rollout.commands import CreateDeployment
from simulator.rollout.events import HostLost
from simulator.rollout.pool import LAUNCHES_ALIKE_MAX, LOOPS_MAX
from simulator.rollout.statuses import Creator
from tests.support.pools import BLUE_GREEN, change, pools, told
from tests.support.rehearsals import BUNDLES, Watcher, broken, run, unmet

FAILS = {"when": {"event": "ApplicationStart"}, "where": {"revision": "v1"}, "do": {"script": {"exit": 1}}}


def test_hosts_on_which_the_follow_on_did_not_succeed_are_still_of_another_version() -> None:
    """One fails and is not taken again, one is skipped; both are named, and what is expected of them is not met."""
    broken_start = {"when": {"event": "ApplicationStart", "deployment": 5}, "do": {"script": {"exit": 1}}}
    result = run(
        pools(
            faults=[change({"event": "Install", "nth": 1, "deployment": 1}, desired=6), broken_start],
            group={"deployment_config": "CodeDeployDefault.OneAtATime"},
            expect={"mixed_versions": []},
        )
    )
    assert told(result)[-1] == ("CodeDeployAutoUpdate", "v2", "Failed")
    assert len(result.rollouts) == 5  # nobody follows on a second time
    (finding,) = (finding for finding in result.expectations if finding.name == "mixed versions: none")
    assert not finding.held
    assert finding.why.endswith("v2, and web-4 on v2, where it failed, web-5 on v1, web-6 on v1")
    assert broken(result) == []


def test_a_follow_on_has_its_groups_alarms_and_its_rollback() -> None:
    group = {"alarms": ["cpu"], "auto_rollback": ["DEPLOYMENT_STOP_ON_ALARM"]}
    alarm = {
        "when": {"event": "Install", "nth": 1, "deployment": 3},
        "do": {"alarm": {"name": "cpu", "state": "ALARM"}},
    }
    scaled_out = change({"event": "Install", "nth": 1, "deployment": 1}, desired=4)
    result = run(pools(group=group, alarms={"cpu": {"scripted": True}}, faults=[scaled_out, alarm]))
    assert told(result) == [
        ("user", "v2", "Succeeded"),
        ("autoscaling", "v1", "Succeeded"),
        ("CodeDeployAutoUpdate", "v2", "Stopped"),
        ("codeDeployRollback", "v2", "Succeeded"),
    ]
    assert not any("mixed" in flag for flag in result.flags)


def test_an_alarm_that_is_active_stops_a_follow_on_before_it_begins() -> None:
    group = {"alarms": ["cpu"], "auto_rollback": ["DEPLOYMENT_STOP_ON_ALARM"]}
    alarm = {"when": {"status": "Succeeded", "deployment": 1}, "do": {"alarm": {"name": "cpu", "state": "ALARM"}}}
    scaled_out = change({"event": "Install", "nth": 1, "deployment": 1}, desired=4)
    result = run(pools(group=group, alarms={"cpu": {"scripted": True}}, faults=[scaled_out, alarm]))
    assert told(result)[-1] == ("CodeDeployAutoUpdate", "v2", "Stopped")
    assert any("mixed versions: v2, and web-4 on v1" in flag for flag in result.flags)


def test_an_alarm_stops_launches_and_when_it_is_over_they_are_tried_again() -> None:
    """No rollback: a host whose launch deployment was stopped goes, and another one comes."""
    group = {"alarms": ["cpu"], "auto_rollback": ["DEPLOYMENT_STOP_ON_ALARM"]}
    alarm = {"when": {"at": "1s"}, "do": {"alarm": {"name": "cpu", "state": "ALARM"}}, "for": "1m"}
    parts: dict[str, Any] = {"group": group, "alarms": {"cpu": {"scripted": True}}, "deploy": None}
    result = run(pools(faults=[change({"at": "2s"}, desired=4), alarm, change({"at": "2m"}, desired=3)], **parts))
    launches = [("autoscaling", "v1", "Stopped")] * LAUNCHES_ALIKE_MAX
    assert told(result) == [*launches, ("autoscaling", "v1", "Succeeded")]
    (loop,) = (flag for flag in result.flags if "loop" in flag)
    assert loop.endswith("It was over when cpu was OK again")
    flapping = {"do": {"alarm": {"name": "cpu", "flapping": {"alarm": "30s", "ok": "1s"}}}}
    long = [change({"at": "2s"}, desired=4), change({"at": "20m"}, desired=4)]
    result = run(pools(faults=[*long, flapping], **parts))
    assert sum("loop" in flag for flag in result.flags) == LOOPS_MAX


def test_a_launch_loop_ends_with_the_deployment_that_cures_it() -> None:
    """The next launch brings what was deployed; that there was a loop is told all the same, and can be expected."""
    result = run(
        pools(
            faults=[FAILS, change({"at": "1s"}, desired=4), change({"at": "100s"}, desired=5)],
            deploy=[{"revision": "v2", "when": {"at": "1m"}}],
            expect={"launch_loops": ["web"]},
        )
    )
    launches = [each for each in told(result) if each[0] == "autoscaling"]
    assert launches == [("autoscaling", "v1", "Failed")] * 3 + [("autoscaling", "v2", "Succeeded")] * 2
    (loop,) = (flag for flag in result.flags if "loop" in flag)
    user = next(each for each in result.rollouts if each.deployment.creator is Creator.USER)
    assert loop.endswith(f"It was over when {user.deployment_id} had deployed v2")
    assert unmet(result) == []


def test_every_follow_on_has_the_users_deployment_as_its_root() -> None:
    rollouts: list[Any] = []

    def observe(_event: Any, commands: Any, _rollout: Any) -> None:
        rollouts.extend(each for each in commands if isinstance(each, CreateDeployment))

    faults = [change({"event": "Install", "nth": 1, "deployment": 1}, desired=6)]
    result = run(pools(faults=faults, group={"deployment_config": "CodeDeployDefault.AllAtOnce"}), observers=(observe,))
    follow_ons = [each for each in rollouts if each.deployment.creator is Creator.AUTO_UPDATE]
    assert len(follow_ons) > 1
    assert {each.deployment_id for each in follow_ons} == {result.rollouts[0].deployment_id}
    assert all(result.rollouts[0].deployment_id in each.why for each in follow_ons)


def test_a_host_that_somebody_terminates_is_replaced_by_its_pool(tmp_path: Path) -> None:
    """After a health check of the pool; until then the pool counts it, and a deployment waits for its agent in vain."""
    gone = {"when": {"at": "1s"}, "where": {"hosts": ["web-2"]}, "do": {"host": "terminate"}}
    watcher = Watcher()
    result = run(pools(pool={"min": 3}, faults=[gone]), journal=tmp_path / "journal", observers=(watcher,))
    (lost,) = (event for event, _ in watcher.seen if isinstance(event, HostLost))
    assert (lost.host, lost.at_ms) == ("web-2", 1_000 + HEALTH_CHECK_MS)
    assert told(result)[-1] == ("autoscaling", "v1", "Succeeded")
    assert list(result.rollouts[-1].hosts) == ["web-4"]
    assert broken(result) == []
    assert replay(tmp_path / "journal").journal_sha256 == result.journal_sha256
    crash = {"when": {"at": "50s"}, "do": {"controller": "crash"}, "for": "30s"}
    assert told(run(pools(pool={"min": 3}, faults=[gone, crash]))) == told(result)


def test_a_host_of_two_groups_is_either_ones_when_its_launch_is_over() -> None:
    """One has nothing to bring yet, and the other's launch has no balancer to let the host in: the follow-on may."""
    groups = [
        {"name": "site", "pools": ["web"]},
        {"name": "jobs", "pools": ["web"], "running": "w1", "deployment_option": "WITHOUT_TRAFFIC_CONTROL"},
    ]
    revisions = {"v1": str(BUNDLES / "web-v1"), "w1": str(BUNDLES / "worker-v1")}
    asked = [{"revision": "v1", "group": "site"}]
    result = run(pools(groups=groups, revisions=revisions, deploy=asked, faults=[change({"at": "0s"}, desired=4)]))
    assert told(result) == [
        ("user", "v1", "Succeeded"),
        ("autoscaling", "w1", "Succeeded"),
        ("CodeDeployAutoUpdate", "v1", "Succeeded"),
    ]
    assert broken(result) == []


def test_nobody_waits_for_a_health_check_of_a_host_that_its_pool_has_let_go() -> None:
    gone = {"when": {"at": "1s"}, "where": {"hosts": ["web-1"]}, "do": {"host": "terminate"}}
    watcher = Watcher()
    result = run(pools(deploy=None, faults=[gone, change({"at": "2s"}, desired=2)]), observers=(watcher,))
    assert not any(isinstance(event, HostLost) for event, _ in watcher.seen)
    assert result.duration_ms < HEALTH_CHECK_MS


def test_a_stranded_host_that_the_next_deployment_has_is_stranded_no_more() -> None:
    result = run(
        pools(
            group=BLUE_GREEN,
            deploy=[{"revision": "v2"}, {"revision": "v1", "strategy": "rolling"}],
            faults=[change({"status": "Ready"}, desired=4, replacement=True)],
            operator=[{"when": {"launched": "web"}, "do": "continue"}],
            expect={"stranded": []},
        )
    )
    assert unmet(result) == []
    assert not any("stranded" in flag for flag in result.flags)
