"""Blue/green on the virtual fleet: hosts that come and go, and traffic that is shifted between them."""

from __future__ import annotations

from typing import Any

import pytest

from fleet.balancer.virtual import Action
from fleet.base import FleetError
from fleet.virtual.fleet import VirtualFleet
from simulator.control.result import Outcome, RunResult
from simulator.rollout.commands import ProvisionHost, TerminateHost
from simulator.rollout.events import FaultChanged, HostProvisioned, HostTerminated, TrafficShifted
from simulator.rollout.machine import Rollout
from tests.support.rehearsals import BUNDLES, Watcher, broken, run, scenario

BIG = {"start": "60s", "event": "60s"}
V2_404 = {
    "v1": str(BUNDLES / "web-v1"),
    "v2": {"bundle": str(BUNDLES / "web-v2"), "behaves": {"answers": {"/": 404}}},
}
BACK = {"auto_rollback": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"]}
CANARY = {"canary": {"percent": 10, "every": "60s"}}
ABORT = {"when": {"status": "Baking"}, "do": "abort"}


def rehearse(
    *told: dict[str, Any], group: dict[str, Any] | None = None, seed: int = 3, **parts: Any
) -> tuple[RunResult, Watcher]:
    """One deployment of v2 after the other, each by blue/green and told this."""
    watcher = Watcher()
    given = {"deployment_config": "CodeDeployDefault.AllAtOnce", **(group or {})}
    deploy = [{"revision": "v2", "strategy": {"blue-green": one}} for one in told]
    asked = scenario(**{"group": given, "deploy": deploy, "limits": BIG, **parts})
    result = run(asked, seed, observers=[watcher])
    assert broken(result) == []
    return result, watcher


def came_and_went(watcher: Watcher) -> list[str]:
    words = {HostProvisioned: "+", HostTerminated: "-"}
    return [f"{words[type(e)]}{e.host}" for e, _ in watcher.seen if isinstance(e, HostProvisioned | HostTerminated)]


def group_of(rollout: Rollout) -> set[tuple[str, str | None]]:
    return {(target.name, target.revision) for target in rollout.aftermath}


def counts(result: RunResult) -> dict[str, int]:
    assert result.traffic is not None
    return dict(result.traffic.by_revision)


def test_new_hosts_come_and_old_ones_go_and_nobody_notices() -> None:
    result, watcher = rehearse({})
    assert result.outcome is Outcome.SUCCEEDED
    assert set(came_and_went(watcher)) == {
        f"{sign}h{n}{g}" for sign, g in (("+", "-g2"), ("-", "")) for n in range(1, 5)
    }
    assert group_of(result.rollouts[0]) == {(f"h{n}-g2", "v2") for n in range(1, 5)}
    assert result.traffic is not None
    assert result.traffic.failed == 0


def test_a_new_host_boots_for_as_long_under_every_scenario_of_the_seed() -> None:
    def booted(**parts: Any) -> dict[str, int]:
        _, watcher = rehearse({}, **parts)
        return {e.host: e.at_ms for e, _ in watcher.seen if isinstance(e, HostProvisioned)}

    assert booted() == booted(faults=[{"when": {"event": "Install", "nth": 2}, "do": {"host": "crash"}}])
    assert len(set(booted().values())) == 4
    assert all(5_000 <= at_ms < 20_000 for at_ms in booted().values())


def test_hosts_that_are_kept_alive_run_on_without_traffic() -> None:
    result, watcher = rehearse({"terminate_blue": {"action": "KEEP_ALIVE"}})
    assert result.outcome is Outcome.SUCCEEDED
    assert sorted(came_and_went(watcher))[-4:] == ["-h1", "-h2", "-h3", "-h4"]
    assert group_of(result.rollouts[0]) == {(f"h{n}-g2", "v2") for n in range(1, 5)}


def test_a_share_is_what_users_see_to_the_request() -> None:
    """A minute at 10 percent: of 20 requests a second, 120 of 1,200. Then the new version is taken back."""
    result, watcher = rehearse(
        {"traffic": {"canary": {"percent": 10, "every": "300s"}}},
        group=BACK,
        operator=[{"when": {"at": "200s"}, "do": "abort"}],
    )
    assert result.outcome is Outcome.ROLLED_BACK
    shifts = [e.at_ms for e, _ in watcher.seen if isinstance(e, TrafficShifted)]
    assert len(shifts) == 3
    assert counts(result)["v2"] == pytest.approx((200_000 - shifts[1]) * 20 / 1000 / 10, abs=1)
    assert result.traffic is not None
    assert result.traffic.failed == 0


def test_without_shares_nobody_is_promised_one() -> None:
    result, watcher = rehearse({})
    assert not [e for e, _ in watcher.seen if isinstance(e, TrafficShifted)]
    assert counts(result)["v2"] > 0


def test_green_that_is_never_healthy_never_serves_and_ends() -> None:
    result, watcher = rehearse({}, group=BACK, revisions=V2_404)
    assert result.outcome is Outcome.ROLLED_BACK
    assert sorted(came_and_went(watcher)) == [f"{sign}h{n}-g2" for sign in "+-" for n in range(1, 5)]
    assert group_of(result.rollouts[-1]) == {(f"h{n}", "v1") for n in range(1, 5)}
    assert counts(result) == {"v1": sum(counts(result).values())}
    assert result.traffic is not None
    assert result.traffic.failed == 0


def test_after_a_way_back_another_blue_green_has_the_traffic_and_names_of_its_own() -> None:
    """The shift of the first one is over: the second, which shifts nothing, is not held at a share of nothing."""
    result, _ = rehearse({"traffic": CANARY}, {}, group=BACK, operator=[ABORT])
    assert [str(r.status) for r in result.rollouts] == ["Stopped", "Succeeded", "Succeeded"]
    assert group_of(result.rollouts[-1]) == {(f"h{n}-g3", "v2") for n in range(1, 5)}
    (flag,) = result.flags
    assert "terminated 4 green hosts" in flag
    assert result.traffic is not None
    assert result.traffic.failed == 0


def test_after_a_shift_to_the_end_a_deployment_in_place_has_the_traffic() -> None:
    deploy = [
        {"revision": "v2", "strategy": {"blue-green": {"traffic": CANARY}}},
        {"revision": "v1", "strategy": "rolling", "deployment_config": "CodeDeployDefault.OneAtATime"},
    ]
    result, _ = rehearse(deploy=deploy)
    assert result.outcome is Outcome.SUCCEEDED
    assert result.traffic is not None
    assert result.traffic.failed == 0


STOP = {"when": {"status": "Baking", "deployment": 1}, "do": "stop", "auto_rollback": False}


def test_what_a_failed_deployment_leaves_stands_beside_the_next_one() -> None:
    """Nobody rolled back, so the first new hosts still stand, and serve, when others are asked for."""
    result, watcher = rehearse({"traffic": CANARY}, {}, operator=[STOP])
    assert [str(r.status) for r in result.rollouts] == ["Stopped", "Succeeded"]
    first, second = ({host for host in r.hosts if "-g" in host} for r in result.rollouts)
    assert second == {f"h{n}-g3" for n in range(1, 5)}
    assert set(came_and_went(watcher)) == {f"+{host}" for host in first | second} | {f"-h{n}" for n in range(1, 5)}
    assert group_of(result.rollouts[-1]) == {(f"h{n}-g3", "v2") for n in range(1, 5)}
    assert result.traffic is not None
    assert result.traffic.failed == 0
    not_undone, flag = result.flags
    assert not_undone.endswith(" Stopped, and nothing was rolled back: whoever stopped it asked for none")
    asked = f"provisioned for {result.rollouts[0].deployment_id}, never terminated, and not in the group"
    assert asked in flag
    assert flag.split(":")[0].count("-g2") == 3
    assert " and 1 more: " in flag


def test_a_rollback_onto_new_hosts_gives_them_fresh_names_too() -> None:
    """The first attempt leaves -g2 standing. The second is stopped once the old hosts are gone: -g4 brings v1 back."""
    _, watcher = rehearse({"traffic": CANARY}, {}, operator=[STOP])
    ends = next(e.at_ms for e, commands in watcher.seen if any(isinstance(c, TerminateHost) for c in commands))
    late = {"when": {"at": f"{ends + 500}ms"}, "do": "stop"}
    result, _ = rehearse({"traffic": CANARY}, {}, group=BACK, operator=[STOP, late])
    assert [str(r.status) for r in result.rollouts] == ["Stopped", "Stopped", "Succeeded"]
    assert group_of(result.rollouts[-1]) == {(f"h{n}-g4", "v1") for n in range(1, 5)}
    not_undone, left = result.flags
    assert not_undone.startswith(f"{result.rollouts[0].deployment_id} Stopped, and nothing was rolled back: ")
    assert "never terminated" in left


def test_hosts_that_stand_by_have_their_names_already() -> None:
    """g1-g5 stands by for the first deployment, and the second provisions."""
    told = {"green_fleet_provisioning": "DISCOVER_EXISTING", "target_instances": ["g1-g5"]}
    fleet = {"hosts": [{"name": name} for name in ("h1", "g1-g5")], "running": "v1"}
    deploy = [{"revision": "v2", "strategy": "blue-green"}, {"revision": "v2", "strategy": {"blue-green": told}}]
    result, _ = rehearse(fleet=fleet, deploy=deploy)
    assert [{host for host in r.hosts if host != "h1"} for r in result.rollouts] == [{"h1-g6"}, {"h1-g6", "g1-g5"}]


def test_a_host_that_stands_is_not_replaced() -> None:
    """The core never asks for it; a fleet that is asked all the same breaks the run, and ends nobody."""
    due: list[Action] = []
    fleet = VirtualFleet(scenario(), 0, lambda _, make: due.append(make))
    fleet.perform(ProvisionHost("1.0", "d-1", "", "h1", ""))
    with pytest.raises(FleetError, match=r"h1 cannot be provisioned: a host of that name is there already"):
        due[-1](1, 10_000)
    assert fleet.hosts["h1"].alive


def test_a_host_that_comes_too_late_does_not_come() -> None:
    """Some of four boot for longer than an event may last: the way back calls them off."""
    result, watcher = rehearse({}, group=BACK, limits={"start": "60s", "event": "9s"})
    assert [str(r.status) for r in result.rollouts] == ["Failed", "Succeeded"]
    error = result.rollouts[0].error
    assert error is not None
    assert "“provision 4 new hosts” did not end within limits.event, which is 9s (h" in error.message
    came = [word for word in came_and_went(watcher) if word.startswith("+")]
    went = [word for word in came_and_went(watcher) if word.startswith("-")]
    assert 0 < len(came) < 4 == len(went)


def test_a_host_that_exists_already_is_neither_made_nor_ended() -> None:
    told = {"green_fleet_provisioning": "DISCOVER_EXISTING", "target_instances": ["g1", "g2"]}
    fleet = {"hosts": [{"name": name} for name in ("h1", "h2", "g1", "g2")], "running": "v1"}
    result, watcher = rehearse(told, fleet=fleet)
    assert result.outcome is Outcome.SUCCEEDED
    assert came_and_went(watcher) == ["-h1", "-h2"] or came_and_went(watcher) == ["-h2", "-h1"]
    assert group_of(result.rollouts[0]) == {("g1", "v2"), ("g2", "v2")}
    result, watcher = rehearse(told, fleet=fleet, group=BACK, revisions=V2_404)
    assert result.outcome is Outcome.ROLLED_BACK
    assert came_and_went(watcher) == []
    assert group_of(result.rollouts[-1]) == {("h1", "v1"), ("h2", "v1")}


def test_hosts_that_stood_by_keep_what_was_installed_after_the_way_back() -> None:
    told = {"green_fleet_provisioning": "DISCOVER_EXISTING", "target_instances": ["g1", "g2"]}
    fleet = {"hosts": [{"name": name} for name in ("h1", "h2", "g1", "g2")], "running": "v1"}
    result, _ = rehearse(
        {**told, "terminate_blue": {"wait_time": "1h"}},
        fleet=fleet,
        operator=[{"when": {"at": "60s"}, "do": "abort"}],
        expect={"hosts": {"h1": "v1", "g1": "v2"}},
    )
    assert result.outcome is Outcome.ROLLED_BACK
    back = result.rollouts[-1]
    assert back.deployment.strategy == "back-to-blue"
    assert {name: host.revision for name, host in back.hosts.items()} == {
        "h1": "v1",
        "h2": "v1",
        "g1": "v2",
        "g2": "v2",
    }
    assert [(each.name, each.held, each.why) for each in result.expectations] == [
        ("h1 ends on v1", True, "it ends on v1"),
        ("g1 ends on v2", False, "it is in no group at the end"),
    ]


def test_a_health_check_that_flaps_ends_with_its_host() -> None:
    flaps = {"where": {"hosts": ["h1"]}, "do": {"health": {"flapping": {"up": "200ms", "down": "200ms"}}}}
    rolling = {"revision": "v1", "strategy": "rolling"}
    result, _ = rehearse(deploy=[{"revision": "v2", "strategy": "blue-green"}, rolling], faults=[flaps])
    assert result.outcome is Outcome.SUCCEEDED


def test_a_fault_at_the_first_event_of_a_new_host_strikes_it() -> None:
    """A new host is known to the faults before it is given anything."""
    fault = {"when": {"event": "BeforeInstall", "nth": 1}, "do": {"script": "missing"}}
    agents = {"when": {"event": "ApplicationStop", "nth": 1}, "do": {"agent": "restart"}}
    for one in (fault, agents):
        result, watcher = rehearse({}, faults=[one])
        struck = [host for e, _ in watcher.seen if isinstance(e, FaultChanged) for host in e.hosts]
        assert len(struck) == 1
        assert struck[0].endswith("-g2")
        assert result.rollouts[0].status.terminal


def test_a_fault_of_a_revision_comes_with_the_new_hosts_and_goes_with_them() -> None:
    """Its healing finds nobody any more."""
    fault = {"where": {"revision": "v2"}, "do": {"health": {"status": 503}}, "for": "120s"}
    result, watcher = rehearse({}, group=BACK, faults=[fault], limits={"start": "30s", "event": "20s"})
    assert [str(r.status) for r in result.rollouts] == ["Failed", "Succeeded"]
    struck = {host for e, _ in watcher.seen if isinstance(e, FaultChanged) and e.active for host in e.hosts}
    assert struck == {f"h{n}-g2" for n in range(1, 5)}


@pytest.mark.parametrize(("limits", "ends"), [(BIG, "Succeeded"), ({**BIG, "deployment": "8h"}, "Failed")])
def test_a_blue_green_deployment_outlives_the_eight_hours_of_one_in_place(limits: dict[str, str], ends: str) -> None:
    result, _ = rehearse({"terminate_blue": {"wait_time": "40h"}}, limits=limits)
    assert result.rollouts[0].status == ends


def test_a_new_host_that_crashes_while_it_is_watched_is_ended_on_the_way_back() -> None:
    crash = {"when": {"status": "Baking"}, "where": {"revision": "v2"}, "do": {"host": "crash"}}
    result, watcher = rehearse({"traffic": CANARY}, group=BACK, faults=[crash])
    assert [str(r.status) for r in result.rollouts] == ["Failed", "Succeeded"]
    assert sorted(came_and_went(watcher))[:4] == [f"+h{n}-g2" for n in range(1, 5)]
    assert len(came_and_went(watcher)) == 8
    assert group_of(result.rollouts[-1]) == {(f"h{n}", "v1") for n in range(1, 5)}
