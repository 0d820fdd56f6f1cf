"""Pools in whole runs: what is launched and let go, what becomes of it, and what is said at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simulator.control.replay import replay
from simulator.control.result import Outcome, RunStatus
from simulator.rollout.events import HostEnded, HostLaunched, LaunchTimedOut
from simulator.rollout.lifecycle import PARTS, sequence
from simulator.rollout.pool import LAUNCHES_ALIKE_MAX
from simulator.rollout.statuses import Creator, DeploymentStatus
from strategies.plan import Part
from tests.support.pools import BLUE_GREEN, change, pools, told
from tests.support.rehearsals import BUNDLES, Watcher, broken, run, unmet


def test_a_host_that_is_launched_in_mid_deployment_gets_the_previous_revision_and_then_the_follow_on() -> None:
    result = run(pools(faults=[change({"event": "Install", "nth": 1}, desired=4)]))
    assert told(result) == [
        ("user", "v2", "Succeeded"),
        ("autoscaling", "v1", "Succeeded"),
        ("CodeDeployAutoUpdate", "v2", "Succeeded"),
    ]
    assert list(result.rollouts[2].hosts) == ["web-4"]
    assert result.rollouts[0].deployment_id in result.rollouts[2].deployment.description
    assert broken(result) == []


def test_outdated_hosts_are_left_alone_where_the_group_says_so() -> None:
    group = {"outdated_instances_strategy": "IGNORE"}
    result = run(pools(group=group, faults=[change({"event": "Install", "nth": 1}, desired=4)]))
    assert told(result) == [("user", "v2", "Succeeded"), ("autoscaling", "v1", "Succeeded")]
    assert any("mixed versions: v2, and web-4 on v1" in flag for flag in result.flags)


def test_a_launch_after_the_deployment_gets_its_revision() -> None:
    result = run(pools(faults=[change({"status": "Succeeded", "deployment": 1}, desired=5)]))
    assert told(result) == [("user", "v2", "Succeeded"), *[("autoscaling", "v2", "Succeeded")] * 2]


def test_a_group_that_never_had_a_success_deploys_nothing_at_a_launch() -> None:
    """The host joins; the first deployment that begins afterwards has it, and one under way is followed on."""
    result = run(pools(group={"running": None}, faults=[change({"event": "Install", "nth": 1}, desired=4)]))
    assert told(result) == [("user", "v2", "Succeeded"), ("CodeDeployAutoUpdate", "v2", "Succeeded")]
    assert list(result.rollouts[1].hosts) == ["web-4"]


def test_a_launch_deployment_has_no_block_phase_and_a_termination_deployment_little_else() -> None:
    assert PARTS[Part.LAUNCH][0] == "ApplicationStop"
    assert PARTS[Part.LAUNCH][-1] == "AfterAllowTraffic"
    assert PARTS[Part.TERMINATION] == ("BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic", "ApplicationStop")
    assert sequence(with_balancer=False, part=Part.TERMINATION) == ("ApplicationStop",)
    assert sequence(with_balancer=False, part=Part.LAUNCH) == sequence(with_balancer=False)


def test_launches_that_fail_alike_are_a_loop_and_it_is_named(tmp_path: Path) -> None:
    revision = {"bundle": str(BUNDLES / "web-code-only"), "behaves": {"needs": {"/": "/var/www/site/index.html"}}}
    empty = pools(
        pool={"min": 0, "desired": 0}, deploy=None, revisions={"v1": revision}, faults=[change({"at": "1s"}, desired=2)]
    )
    result = run(empty, journal=tmp_path / "journal")
    assert result.outcome is Outcome.FAILED
    assert len(result.rollouts) >= LAUNCHES_ALIKE_MAX
    assert {rollout.status for rollout in result.rollouts} == {DeploymentStatus.FAILED}
    (loop,) = (flag for flag in result.flags if "loop" in flag)
    assert "AllowTraffic: GET / answered 404" in loop
    assert "suspends Launch, mends the image, or deploys a revision that starts" in loop
    assert loop in result.loops.values()
    assert broken(result) == []
    again = replay(tmp_path / "journal")
    assert (again.outcome, again.flags, again.journal_sha256) == (result.outcome, result.flags, result.journal_sha256)


def test_the_image_is_what_is_on_the_disk_at_launch() -> None:
    revision = {"bundle": str(BUNDLES / "web-code-only"), "behaves": {"needs": {"/": "/var/www/site/index.html"}}}
    parts: dict[str, Any] = {"deploy": None, "revisions": {"v1": revision}, "faults": [change({"at": "1s"}, desired=1)]}
    script = {"script": "web-v1/scripts/run_process.sh", "behaves": {"leaves": ["/var/www/site/index.html"], "exit": 3}}
    for image in ({"files": {"/var/www/site/index.html": "v1"}}, {"user_data": script}):
        result = run(pools(pool={"min": 0, "desired": 0, "image": image}, **parts))
        assert told(result) == [("autoscaling", "v1", "Succeeded")]
        assert any("exited with 3" in flag for flag in result.flags) == ("user_data" in image)


def test_a_launch_whose_agent_never_comes_is_abandoned_at_its_limit() -> None:
    script = {"script": "web-v1/scripts/run_process.sh", "behaves": {"hangs": True}}
    watcher = Watcher()
    result = run(
        pools(
            pool={"image": {"user_data": script}},
            limits={"start": "5s", "event": "10s", "launch": "1m"},
            faults=[change({"at": "1s"}, desired=4)],
        ),
        observers=(watcher,),
    )
    times = [event.at_ms for event, _ in watcher.seen if isinstance(event, LaunchTimedOut)]
    assert len(times) == LAUNCHES_ALIKE_MAX
    assert times[0] == 61_000
    assert any("never asked for work within 1m" in flag for flag in result.flags)
    assert [rollout.deployment.creator for rollout in result.rollouts] == [Creator.USER]


def test_a_terminated_host_is_waited_for_and_counts_as_failed() -> None:
    group = {"deployment_config": "CodeDeployDefault.HalfAtATime"}
    result = run(pools(group=group, faults=[change({"status": "InProgress", "deployment": 1}, desired=2)]))
    (rollout,) = result.rollouts
    assert rollout.status is DeploymentStatus.SUCCEEDED
    record = next(record for record in rollout.hosts["web-1"].records if record.diagnostics)
    assert record.diagnostics is not None
    assert "its pool terminated the host at 1s; no deployment is told" in record.diagnostics.message
    assert broken(result) == []


@pytest.mark.parametrize("hook", [True, False])
def test_a_termination_deployment_comes_first_where_there_is_the_hook(hook: bool) -> None:
    watcher = Watcher()
    result = run(
        pools(pool={"termination_hook": hook}, deploy=None, faults=[change({"at": "1s"}, desired=2)]),
        observers=(watcher,),
    )
    assert told(result) == [("autoscalingTermination", "v1", "Succeeded")] * hook
    (ended,) = (event for event, _ in watcher.seen if isinstance(event, HostEnded))
    assert ended.host == "web-1"
    assert all(rollout.ended_ms <= ended.at_ms for rollout in result.rollouts)


def test_a_host_goes_although_its_termination_deployment_fails() -> None:
    fault = {"when": {"event": "ApplicationStop"}, "do": {"script": {"exit": 3}}}
    result = run(
        pools(pool={"termination_hook": True}, deploy=None, faults=[change({"at": "1s"}, desired=2), fault]),
    )
    assert told(result) == [("autoscalingTermination", "v1", "Failed")]
    assert broken(result) == []


def test_suspended_processes_hold_what_they_are_about_and_say_so() -> None:
    held = pools(pool={"suspended": ["Launch", "Terminate"]}, faults=[change({"at": "1s"}, desired=5)])
    result = run(held)
    assert told(result) == [("user", "v2", "Succeeded")]
    assert "web has 3 hosts, and 5 are wanted: Launch is suspended" in result.flags
    resumed = change({"status": "Succeeded", "deployment": 1}, resume=["Launch"])
    result = run(pools(pool={"suspended": ["Launch"]}, faults=[change({"at": "1s"}, desired=4), resumed]))
    assert told(result) == [("user", "v2", "Succeeded"), ("autoscaling", "v2", "Succeeded")]


def test_a_group_can_have_terminations_wait_for_the_end_of_its_deployment() -> None:
    watcher = Watcher()
    group = {"auto_scaling_group_processes_to_suspend": ["Terminate", "AZRebalance"]}
    result = run(
        pools(group=group, faults=[change({"event": "Install", "nth": 1}, desired=2)]),
        observers=(watcher,),
    )
    assert told(result) == [("user", "v2", "Succeeded")]
    (ended,) = (event for event, _ in watcher.seen if isinstance(event, HostEnded))
    assert ended.at_ms > result.rollouts[0].ended_ms
    assert all(host.status == "Succeeded" for host in result.rollouts[0].hosts.values())


def test_a_host_of_the_replacement_pool_that_comes_before_the_shift_is_stranded_and_named() -> None:
    result = run(
        pools(
            group=BLUE_GREEN,
            faults=[change({"status": "Ready"}, desired=4, replacement=True)],
            operator=[{"when": {"launched": "web"}, "do": "continue"}],
        )
    )
    assert told(result) == [("user", "v2", "Succeeded")]
    name = f"CodeDeploy_production_{result.rollouts[0].deployment_id}"
    assert any(f"web-4 is stranded in {name}" in flag for flag in result.flags)
    assert broken(result) == []


def test_the_stranded_host_is_in_the_next_deployment() -> None:
    result = run(
        pools(
            group=BLUE_GREEN,
            deploy=[{"revision": "v2"}, {"revision": "v1", "strategy": "rolling"}],
            faults=[change({"status": "Ready"}, desired=4, replacement=True)],
            operator=[{"when": {"launched": "web"}, "do": "continue"}],
        )
    )
    assert told(result)[-1] == ("user", "v1", "Succeeded")
    assert "web-4" in result.rollouts[1].hosts


def test_what_the_original_pool_launches_before_the_shift_goes_with_it() -> None:
    """It is to get the previous revision; the deployment that deletes its pool knows nothing of it."""
    watcher = Watcher()
    result = run(
        pools(
            group=BLUE_GREEN,
            faults=[change({"status": "Ready"}, desired=4)],
            operator=[{"when": {"launched": "web"}, "do": "continue"}],
        ),
        observers=(watcher,),
    )
    assert [(creator, revision) for creator, revision, _ in told(result)] == [("user", "v2"), ("autoscaling", "v1")]
    launched = [event.host for event, _ in watcher.seen if isinstance(event, HostLaunched)]
    ended = [event.host for event, _ in watcher.seen if isinstance(event, HostEnded)]
    assert launched == ended == ["web-4"]
    assert broken(result) == []


def test_nobody_scales_a_replacement_that_is_not_there() -> None:
    result = run(pools(faults=[change({"at": "1s"}, desired=4, replacement=True)]))
    assert told(result) == [("user", "v2", "Succeeded")]
    assert any("no blue/green deployment that copies the pool" in flag for flag in result.flags)


def test_two_groups_on_one_pool_both_deploy_to_what_it_launches_and_one_failure_ends_it() -> None:
    group = {"pools": ["web"], "running": "v1"}
    groups = [{**group, "name": "one"}, {**group, "name": "two", "deployment_option": "WITHOUT_TRAFFIC_CONTROL"}]
    result = run(pools(groups=groups, deploy=None, faults=[change({"at": "1s"}, desired=4)]))
    assert {rollout.deployment.group for rollout in result.rollouts} == {"one", "two"}
    assert any(rollout.status is DeploymentStatus.FAILED for rollout in result.rollouts)  # both install one bundle
    assert broken(result) == []


def test_expectations_speak_of_pools() -> None:
    expect = {"launch_loops": ["web"], "mixed_versions": [], "stranded": []}
    result = run(pools(expect=expect))
    found = {finding.name: finding.held for finding in result.expectations}
    assert found == {"launch loops: web": False, "mixed versions: none": True, "stranded: none": True}


@pytest.mark.parametrize(("desired", "hosts"), [(2, ["web-2", "web-3"]), (4, ["web-1", "web-2", "web-3", "web-4"])])
def test_the_next_deployment_knows_what_has_come_and_gone(desired: int, hosts: list[str]) -> None:
    result = run(
        pools(deploy=[{"revision": "v2", "when": {"at": "1m"}}], faults=[change({"at": "1s"}, desired=desired)])
    )
    assert told(result)[-1] == ("user", "v2", "Succeeded")
    assert sorted(result.rollouts[-1].hosts) == hosts


def test_a_strategy_that_the_hosts_left_are_too_few_for_fails_and_says_so() -> None:
    result = run(
        pools(
            deploy=[{"revision": "v2", "when": {"at": "1m"}, "strategy": {"canary": {"hosts": 1}}}],
            faults=[change({"at": "1s"}, desired=1)],
        )
    )
    (rollout,) = result.rollouts
    assert rollout.error is not None
    assert rollout.error.code == "HEALTH_CONSTRAINTS_INVALID"
    assert "a canary of 1 host is the whole fleet of 1" in rollout.error.message


def test_two_groups_on_one_pool_that_get_along_each_bring_their_own_and_take_their_leave() -> None:
    groups = [
        {"name": "site", "pools": ["web"], "running": "v1"},
        {"name": "jobs", "pools": ["web"], "running": "w1", "deployment_option": "WITHOUT_TRAFFIC_CONTROL"},
    ]
    revisions = {"v1": str(BUNDLES / "web-v1"), "w1": str(BUNDLES / "worker-v1")}
    faults = [change({"at": "1s"}, desired=4), change({"at": "1m"}, desired=3)]
    result = run(pools(groups=groups, revisions=revisions, pool={"termination_hook": True}, deploy=None, faults=faults))
    assert sorted(told(result)) == [
        *[("autoscaling", revision, "Succeeded") for revision in ("v1", "w1")],
        *[("autoscalingTermination", revision, "Succeeded") for revision in ("v1", "w1")],
    ]
    assert broken(result) == []


def test_a_launch_that_is_abandoned_in_mid_deployment_is_none_of_the_deployments_business() -> None:
    fault = {"when": {"event": "ValidateService", "host": "web-4"}, "do": {"script": {"exit": 1}}}
    result = run(pools(faults=[change({"event": "Install", "nth": 1, "deployment": 1}, desired=4), fault]))
    assert told(result)[0] == ("user", "v2", "Succeeded")
    assert ("autoscaling", "v1", "Failed") in told(result)
    assert broken(result) == []


def test_a_rollback_to_blue_ends_what_the_replacement_pool_has_launched() -> None:
    watcher = Watcher()
    result = run(
        pools(
            group=BLUE_GREEN,
            faults=[change({"status": "Ready"}, desired=4, replacement=True)],
            operator=[{"when": {"launched": "web"}, "do": "abort"}],
        ),
        observers=(watcher,),
    )
    assert told(result) == [("user", "v2", "Stopped"), ("codeDeployRollback", "v1", "Succeeded")]
    assert "web-4" in [event.host for event, _ in watcher.seen if isinstance(event, HostEnded)]
    assert broken(result) == []


@pytest.mark.parametrize(("event", "served"), [("ApplicationStop", "web-4, web-5"), ("BlockTraffic", "")])
def test_what_a_pool_launches_while_its_copy_is_made_goes_with_it_and_is_told(event: str, served: str) -> None:
    kept = {"terminate_blue": {"action": "TERMINATE", "wait_time": "20s" if served else "0s"}}
    group = {"strategy": {"blue-green": kept}, "deployment_config": "CodeDeployDefault.AllAtOnce"}
    result = run(pools(group=group, faults=[change({"event": event, "nth": 1, "deployment": 1}, desired=5)]))
    until = f"; until then {served} had traffic with v1, beside v2" if served else ""
    gone = "web was asked for 5 hosts and its copy has 3: what web had launched meanwhile (web-4, web-5) went with it"
    assert [flag for flag in result.flags if "was asked for" in flag] == [gone + until]
    assert not any("was asked for" in flag for flag in run(pools(group=group)).flags)


def test_a_later_generation_of_hosts_is_the_replacement_pools_all_the_same() -> None:
    broken_once = {"when": {"event": "ApplicationStart", "deployment": 1}, "do": {"script": {"exit": 1}}}
    group = {"strategy": "blue-green", "deployment_config": "CodeDeployDefault.AllAtOnce", "auto_rollback": []}
    result = run(
        pools(
            group=group,
            deploy=[{"revision": "v2"}, {"revision": "v2"}],
            faults=[broken_once, change({"status": "Succeeded", "deployment": 2}, desired=4)],
        )
    )
    assert told(result) == [
        ("user", "v2", "Failed"),
        ("user", "v2", "Succeeded"),
        ("autoscaling", "v2", "Succeeded"),
    ]
    assert {f"web-{number}-g3" for number in (1, 2, 3)} <= set(result.rollouts[1].hosts)
    assert broken(result) == []


def test_what_the_pool_has_terminated_is_not_left_standing() -> None:
    result = run(
        pools(
            group={**BLUE_GREEN, "deployment_config": "CodeDeployDefault.OneAtATime"},
            faults=[change({"status": "Ready"}, desired=1, replacement=True)],
            operator=[{"when": {"status": "Ready"}, "do": "continue"}],
        )
    )
    assert told(result)[-1] == ("codeDeployRollback", "v1", "Succeeded")
    assert not any("never terminated" in flag for flag in result.flags)


@pytest.mark.parametrize("at_s", range(0, 36, 3))
def test_a_controller_that_dies_knows_its_pools_again(at_s: int, tmp_path: Path) -> None:
    expect = {"revisions": {"v2": 5}, "stranded": [], "mixed_versions": [], "launch_loops": []}
    faults = [
        change({"event": "Install", "nth": 2, "deployment": 1}, desired=6),
        {"when": {"at": f"{at_s}s"}, "do": {"controller": "crash"}, "for": "4s"},
        change({"at": "2m"}, desired=5),
    ]
    told = pools(pool={"termination_hook": True}, limits={"start": "60s", "event": "60s"}, faults=faults, expect=expect)
    result = run(told, journal=tmp_path / "journal")
    assert (result.outcome, broken(result), unmet(result)) == (Outcome.SUCCEEDED, [], [])
    again = replay(tmp_path / "journal")
    assert (again.flags, again.invariants) == (result.flags, result.invariants)


def test_what_is_done_with_a_pool_while_nobody_decides_is_done() -> None:
    dies = {"when": {"at": "1s"}, "do": {"controller": "crash"}, "for": "10s"}
    faults = [dies, change({"at": "2s"}, suspend=["Launch"]), change({"at": "3s"}, desired=5)]
    result = run(pools(deploy=None, faults=faults))
    assert any("5 are wanted: Launch is suspended" in flag for flag in result.flags)


def test_what_a_pool_launches_does_not_take_a_revision_out_of_its_environment() -> None:
    groups = [
        {"name": "test", "pools": ["web"], "running": "v1"},
        {"name": "prod", "ec2_tag_filters": [{"key": "env", "value": "prod"}], "running": "v1"},
    ]
    result = run(
        pools(
            fleet={"hosts": [{"name": "p1", "tags": {"env": "prod"}}]},
            groups=groups,
            environments={"test": {}, "prod": {"after": ["test"], "gate": {"stood": "2m"}}},
            faults=[change({"status": "Succeeded", "deployment": 1}, desired=4)],
        )
    )
    assert [(r.deployment.group, r.deployment.creator.value, r.status.value) for r in result.rollouts] == [
        ("test", "user", "Succeeded"),
        ("test", "autoscaling", "Succeeded"),
        ("prod", "user", "Succeeded"),
    ]
    assert broken(result) == []


def test_a_run_without_a_balancer_whose_pool_is_scaled_after_the_deployments_is_replayed_to_its_end(
    tmp_path: Path,
) -> None:
    """A replay took what somebody does at a time for what is still to be done."""
    shrinks = change({"at": "40s"}, desired=1)
    result = run(pools(balancer=None, faults=[shrinks]), journal=tmp_path / "journal")
    again = replay(tmp_path / "journal")
    assert again.status is result.status is RunStatus.COMPLETED
