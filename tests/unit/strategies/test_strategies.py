"""What each strategy makes of hosts and options: plans, read as the lines that `drydeploy plan` shows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies import STRATEGIES
from strategies.blue_green import latest, successors
from strategies.configuration import (
    ALL_AT_ONCE,
    HALF_AT_A_TIME,
    ONE_AT_A_TIME,
    DeploymentConfig,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
)
from strategies.options import NONE, Analysis, BlueGreen, Options, Share, Step
from strategies.plan import Approve, Deploy, Member, Plan, Provision, Terminate, duration

MINUTE_MS = 60_000
JUDGE = Analysis("errors", 30_000)


def members(count: int, zones: Sequence[str] = ("",)) -> list[Member]:
    return [Member(f"h{n + 1}", zones[n % len(zones)]) for n in range(count)]


def plan(strategy: str, count: int, config: DeploymentConfig = ALL_AT_ONCE, **told: object) -> Plan:
    return STRATEGIES[strategy](members(count), config, Options(**told))  # type: ignore[arg-type]


def lines(plan: Plan) -> list[str]:
    return [f"{stage.name}: {stage}" for stage in plan]


def waves(plan: Plan) -> list[tuple[str, ...]]:
    return [stage.hosts for stage in plan if isinstance(stage, Deploy)]


# -- shares -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("share", "fleet", "hosts"),
    [
        (Share(hosts=3), 10, 3),
        (Share(hosts=30), 10, 10),
        (Share(percent=1), 10, 1),
        (Share(percent=1), 1000, 10),
        (Share(percent=25), 10, 2),
        (Share(percent=10), 15, 1),
        (Share(percent=50), 3, 1),
        (Share(percent=99), 3, 2),
        (Share(percent=99), 1, 1),
        (Share(percent=100), 7, 7),
    ],
)
def test_a_share_is_not_exceeded_but_by_the_one_host_that_takes_part(share: Share, fleet: int, hosts: int) -> None:
    assert share.of(fleet) == hosts


# -- canary and linear ------------------------------------------------------------------------------------------------


def test_a_canary_is_one_host_unless_told_otherwise() -> None:
    assert waves(plan("canary", 4)) == [("h1",), ("h2", "h3", "h4")]
    assert waves(plan("canary", 4, share=Share(percent=50))) == [("h1", "h2"), ("h3", "h4")]


def test_a_canary_is_watched_before_the_others_follow() -> None:
    assert lines(plan("canary", 4, HALF_AT_A_TIME, share=Share(hosts=1), bake_ms=MINUTE_MS, analysis=JUDGE)) == [
        "wave 01: deploy to 1 host, 1 at once, 2 must stay healthy (at least 50 % healthy)",
        "wave 01 bakes: bake for 1m: a host that turns unhealthy fails the deployment",
        "wave 01 is analysed: analyse by errors for 30s",
        "wave 02: deploy to 3 hosts, 2 at once, 2 must stay healthy (at least 50 % healthy)",
    ]


@pytest.mark.parametrize(("hosts", "share"), [(1, Share(hosts=1)), (3, Share(hosts=3)), (3, Share(percent=100))])
def test_a_canary_that_is_the_whole_fleet_is_none(hosts: int, share: Share) -> None:
    with pytest.raises(ValueError, match=f"is the whole fleet of {hosts}, and leaves nobody"):
        plan("canary", hosts, share=share)


def test_a_linear_deployment_repeats_its_share() -> None:
    assert waves(plan("linear", 5, share=Share(hosts=2))) == [("h1", "h2"), ("h3", "h4"), ("h5",)]
    assert waves(plan("linear", 2, share=Share(hosts=2))) == [("h1", "h2")]
    names = [stage.name for stage in plan("linear", 3, share=Share(hosts=1), bake_ms=1)]
    assert names == ["wave 01", "wave 01 bakes", "wave 02", "wave 02 bakes", "wave 03"]


def test_a_linear_deployment_needs_a_share() -> None:
    with pytest.raises(ValueError, match="a linear deployment needs a share of the fleet"):
        plan("linear", 3)


def test_the_minimum_of_a_wave_is_counted_over_the_fleet() -> None:
    first = next(iter(plan("canary", 10, HALF_AT_A_TIME, share=Share(hosts=2))))
    assert isinstance(first, Deploy)
    assert (first.fleet, first.required, first.at_once) == (10, 5, 2)


# -- zones ------------------------------------------------------------------------------------------------------------


def zonal(count: int, zones: Sequence[str], **told: object) -> Plan:
    return STRATEGIES["zonal"](members(count, zones), HALF_AT_A_TIME, Options(**told))  # type: ignore[arg-type]


def test_a_zone_after_the_other_by_name() -> None:
    assert waves(zonal(5, ["b", "a"])) == [("h2", "h4"), ("h1", "h3", "h5")]


@pytest.mark.parametrize(
    ("told", "bakes"),
    [
        ({}, []),
        ({"bake_ms": MINUTE_MS}, ["01 a bakes 1m", "02 b bakes 1m"]),
        ({"bake_ms": MINUTE_MS, "first_bake_ms": 5_000}, ["01 a bakes 5s", "02 b bakes 1m"]),
        ({"first_bake_ms": 5_000}, ["01 a bakes 5s"]),
        ({"bake_ms": MINUTE_MS, "first_bake_ms": 0}, ["02 b bakes 1m"]),
    ],
)
def test_how_long_is_waited_after_which_zone(told: dict[str, int], bakes: list[str]) -> None:
    stages = [stage for stage in zonal(6, ["a", "b", "c"], **told) if not isinstance(stage, Deploy)]
    assert [f"{stage.name} {duration(stage.lasts_ms)}" for stage in stages] == bakes  # type: ignore[union-attr]


def test_each_zone_has_a_minimum_of_its_own() -> None:
    own = MinimumHealthyHosts(MinimumHealthyHostsType.FLEET_PERCENT, 50)
    stage = next(iter(zonal(6, ["a", "b"], minimum_per_zone=own)))
    assert isinstance(stage, Deploy)
    assert (stage.required, stage.own_required, stage.at_once) == (3, 2, 1)


def test_a_host_without_a_zone_is_named() -> None:
    with pytest.raises(ValueError, match="needs a zone for every host; h2 has none"):
        zonal(2, ["a", ""])


# -- steps ------------------------------------------------------------------------------------------------------------


def test_steps_are_stages_and_what_is_left_comes_last() -> None:
    told = (
        Step(Share(hosts=1)),
        Step(pause=True),
        Step(Share(percent=50)),
        Step(pause=True, lasts_ms=5_000),
        Step(analysis="errors", lasts_ms=1_000),
    )
    assert lines(plan("steps", 4, steps=told)) == [
        "step 01: deploy to 1 host, 1 at once",
        "step 02 waits: wait until somebody says continue",
        "step 03: deploy to 1 host, 1 at once",
        "step 04 bakes: bake for 5s: a host that turns unhealthy fails the deployment",
        "step 05 analyses: analyse by errors for 1s",
        "step 06: deploy to 2 hosts, all at once",
    ]


def test_a_last_step_of_everything_leaves_nothing_over() -> None:
    assert waves(plan("steps", 3, steps=(Step(Share(hosts=1)), Step(Share(percent=100))))) == [("h1",), ("h2", "h3")]


def test_a_step_that_comes_to_as_many_hosts_as_the_one_before_is_no_stage() -> None:
    told = (Step(Share(percent=10)), Step(pause=True), Step(Share(percent=20)))
    assert [stage.name for stage in plan("steps", 3, steps=told)] == ["step 01", "step 02 waits", "step 04"]


def test_an_analysis_without_a_duration_lasts_no_time() -> None:
    told = (Step(Share(hosts=1)), Step(analysis="errors"))
    assert lines(plan("steps", 2, steps=told))[1] == "step 02 analyses: analyse by errors for 0ms"


def test_shares_that_fall_are_refused() -> None:
    with pytest.raises(ValueError, match="step 2 asks for 1 host, and 2 have been deployed to by then: shares rise"):
        plan("steps", 4, steps=(Step(Share(percent=50)), Step(Share(hosts=1))))


# -- blue/green -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "least", "next_names"),
    [
        (["h1"], 2, ["h1-g2"]),
        (["h1-g2"], 2, ["h1-g3"]),
        (["h1-g9"], 2, ["h1-g10"]),
        (["web-g"], 2, ["web-g-g2"]),
        (["-g2"], 2, ["-g2-g2"]),
        ([], 2, []),
        # One generation for all, and none that is taken.
        (["h1", "h2-g2"], 2, ["h1-g3", "h2-g3"]),
        (["h1", "h2"], 4, ["h1-g4", "h2-g4"]),
        (["h1-g7"], 4, ["h1-g8"]),
        # Hosts that somebody has called so.
        (["web", "web-g2"], 2, ["web-g3", "web-g4"]),
        (["web-g2", "web"], 2, ["web-g4", "web-g3"]),
        (["web-g2", "web", "web-g5"], 2, ["web-g7", "web-g6", "web-g8"]),
    ],
)
def test_the_names_of_successors(names: list[str], least: int, next_names: list[str]) -> None:
    assert successors(names, least) == tuple(next_names)


@given(
    st.lists(st.from_regex(r"(h|web|h-g)[12]?(-g[1-5]){0,2}", fullmatch=True), unique=True, max_size=8),
    st.lists(st.integers(0, 9), max_size=6),
)
def test_no_two_hosts_of_a_run_ever_have_one_name(names: list[str], fails: list[int]) -> None:
    """Generation after generation; those that fail are left standing, and the same hosts are replaced again."""
    ever, group = set(names), tuple(names)
    for each in fails:
        new = successors(group, latest(ever) + 1)
        assert len(set(new)) == len(group)
        assert not ever & set(new)
        ever |= set(new)
        group = new if each > 4 else group


def test_blue_green_in_its_simplest_form() -> None:
    assert lines(plan("blue-green", 2, ONE_AT_A_TIME)) == [
        "provision: provision 2 new hosts",
        "install: install on 2 hosts, 1 at once, 1 must succeed",
        "let in: let in 2 hosts, 1 at once, 1 must succeed",
        "take out: take out 2 hosts, all at once",
        "terminate: terminate 2 hosts",
    ]


def test_blue_green_with_everything() -> None:
    told = BlueGreen(waits=True, ready_wait_ms=MINUTE_MS, shift=(10,), terminate_after_ms=3_600_000)
    assert lines(plan("blue-green", 1, blue_green=told, bake_ms=MINUTE_MS, analysis=JUDGE)) == [
        "provision: provision 1 new host",
        "install: install on 1 host, 1 at once",
        "ready: wait until somebody says continue; without an answer within 1m it stops",
        "shift 000: shift traffic: 0 % to the new hosts, 100 % to the old",
        "let in: let in 1 host, 1 at once",
        "shift 010: shift traffic: 10 % to the new hosts, 90 % to the old",
        "bake at 010: bake for 1m: a host that turns unhealthy fails the deployment",
        "analysis at 010: analyse by errors for 30s",
        "shift 100: shift traffic: 100 % to the new hosts, 0 % to the old",
        "take out: take out 1 host, 1 at once",
        "terminate: after 1h, terminate 1 host",
    ]


def test_new_hosts_stand_in_the_zones_of_those_they_replace() -> None:
    first = next(iter(STRATEGIES["blue-green"](members(3, ["a", "b"]), ALL_AT_ONCE, NONE)))
    assert isinstance(first, Provision)
    assert first.hosts == (Member("h1-g2", "a"), Member("h2-g2", "b"), Member("h3-g2", "a"))


def test_new_hosts_are_of_a_generation_that_nobody_stands_in() -> None:
    stages = plan("blue-green", 2, blue_green=BlueGreen(generation=5)).stages
    assert stages["provision"].hosts == (Member("h1-g5", ""), Member("h2-g5", ""))  # type: ignore[union-attr]


def test_hosts_that_exist_already_are_not_provisioned_and_not_replaced() -> None:
    stages = plan("blue-green", 4, blue_green=BlueGreen(green=("h3", "h4"))).stages
    assert "provision" not in stages
    assert stages["install"].hosts == ("h3", "h4")  # type: ignore[union-attr]
    assert stages["terminate"].hosts == ("h1", "h2")  # type: ignore[union-attr]


def test_without_old_hosts_nobody_is_taken_out() -> None:
    stages = plan("blue-green", 2, blue_green=BlueGreen(green=("h1", "h2"))).stages
    assert list(stages) == ["install", "let in", "terminate"]
    assert stages["terminate"].hosts == ()  # type: ignore[union-attr]


def test_old_hosts_that_are_kept() -> None:
    last = plan("blue-green", 1, blue_green=BlueGreen(terminate_after_ms=None)).stages["keep alive"]
    assert isinstance(last, Terminate)
    assert (last.keep, last.after_ms, str(last)) == (True, 0, "let 1 host leave the group, and run on")


def test_a_ready_wait_without_an_end() -> None:
    ready = plan("blue-green", 1, blue_green=BlueGreen(waits=True)).stages["ready"]
    assert isinstance(ready, Approve)
    assert str(ready) == "wait until somebody says continue"


def test_the_old_hosts_come_back_before_the_new_ones_leave() -> None:
    told = BlueGreen(shift=(10,), held_out=("h1",), let_in=("g1",), doomed=("g1", "g2"))
    assert lines(plan("back-to-blue", 1, blue_green=told)) == [
        "shift 000: shift traffic: 0 % to the new hosts, 100 % to the old",
        "let in: let in 1 host, 1 at once",
        "take out: take out 1 host, 1 at once",
        "terminate: terminate 2 hosts",
    ]


def test_where_nothing_was_moved_nothing_is_moved_back() -> None:
    assert lines(plan("back-to-blue", 1)) == ["terminate: terminate 0 hosts"]
    assert lines(plan("blue-green", 1)) != lines(plan("back-to-blue", 1))
