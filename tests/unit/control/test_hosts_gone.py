"""Hosts that somebody else has terminated: they are in no group any more, and nothing reaches them."""

from __future__ import annotations

from typing import Any

from simulator.control.result import RunResult
from simulator.rollout.commands import HostCommand
from simulator.rollout.events import Event, HostTerminated
from simulator.rollout.machine import Rollout
from tests.support.rehearsals import BUNDLES, Watcher, broken, run, scenario

REVISIONS = {"v1": str(BUNDLES / "web-v1"), "v2": str(BUNDLES / "web-v2"), "v3": str(BUNDLES / "web-v2")}


def two_groups(**parts: Any) -> Any:
    """Two groups on the same two hosts; the first one's deployments are blue/green."""
    groups = [{"name": "a", "strategy": "blue-green"}, {"name": "b"}]
    deploy = [{"revision": "v2", "group": "a"}, {"revision": "v3", "group": "b", "file_exists_behavior": "OVERWRITE"}]
    common = {"fleet": {"hosts": 2, "running": "v1"}, "revisions": REVISIONS, "limits": {"start": "30s"}}
    return scenario(**{**common, "group": None, "groups": groups, "deploy": deploy, **parts})


def ends(result: RunResult) -> list[tuple[str, str, str]]:
    return [(r.deployment.group, str(r.status), r.error.message if r.error else "") for r in result.rollouts]


def commanded_after_their_end(watcher: Watcher) -> list[str]:
    gone: set[str] = set()
    found = []
    for event, commands in watcher.seen:
        if isinstance(event, HostTerminated):
            gone.add(event.host)
        found += [each.host for each in commands if isinstance(each, HostCommand) and each.host in gone]
    return found


def test_what_a_blue_green_deployment_terminates_is_gone_for_the_other_groups() -> None:
    first, second = ends(result := run(two_groups()))
    assert first == ("a", "Succeeded", "")
    assert second[1] == "Failed"
    assert "those that it had were terminated (h1, h2)" in second[2]
    assert broken(result) == []


def test_with_a_pool_it_is_no_otherwise() -> None:
    pools = {"web": {"min": 1, "desired": 2, "max": 4, "image": {"boots": "2s"}}}
    groups = [
        {"name": "a", "pools": ["web"], "running": "v1", "strategy": "blue-green"},
        {"name": "b", "pools": ["web"], "running": "v1"},
    ]
    second = ends(run(two_groups(fleet=None, pools=pools, groups=groups)))[1]
    assert second[1] == "Failed"
    assert "(web-1, web-2)" in second[2]


def test_hosts_that_are_kept_alive_stay_the_other_groups() -> None:
    kept = {"blue-green": {"terminate_blue": {"action": "KEEP_ALIVE"}}}
    groups = [{"name": "a", "strategy": kept}, {"name": "b"}]
    result = run(two_groups(groups=groups))
    assert [end[:2] for end in ends(result)] == [("a", "Succeeded"), ("b", "Succeeded")]
    assert sorted(result.rollouts[1].hosts) == ["h1", "h2"]


def test_a_deployment_under_way_waits_in_vain_for_a_host_that_another_one_has_terminated_and_says_who_did() -> None:
    deploy = [
        {"revision": "v2", "group": "a"},
        {"revision": "v3", "group": "b", "when": {"event": "AfterBlockTraffic", "deployment": 1}},
    ]
    watcher = Watcher()
    result = run(two_groups(deploy=deploy), observers=(watcher,))
    first, second = result.rollouts
    failed = [record for host in second.hosts.values() for record in host.records if record.diagnostics]
    assert second.status == "Failed"
    assert all(f"{first.deployment_id} terminated the host" in record.diagnostics.message for record in failed)
    assert failed
    assert broken(result) == []


def test_a_fault_strikes_no_host_that_a_deployment_has_terminated() -> None:
    told: list[tuple[str, ...]] = []

    def observe(event: Event, _commands: object, _rollout: Rollout | None) -> None:
        if type(event).__name__ == "FaultChanged":
            told.append(event.hosts)  # type: ignore[attr-defined]

    fault = {"name": "late", "when": {"status": "Succeeded", "deployment": 1}, "do": {"agent": "stop"}}
    run(two_groups(faults=[fault], deploy=[{"revision": "v2", "group": "a"}]), observers=(observe,))
    assert [sorted(hosts) for hosts in told] == [["h1-g2", "h2-g2"]]
