"""Plans: graphs of stages, and the strategies that put them together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import networkx as nx
import pytest

from strategies import DEFAULT_CONFIGS, STRATEGIES, in_place, rolling
from strategies.configuration import (
    ALL_AT_ONCE,
    HALF_AT_A_TIME,
    ONE_AT_A_TIME,
    MinimumHealthyHosts,
    MinimumHealthyHostsType,
)
from strategies.options import Options, Share
from strategies.plan import Deploy, Member, Plan

HALF = HALF_AT_A_TIME.minimum_healthy_hosts


def stage(name: str, hosts: int = 4, **told: Any) -> Deploy:
    names = tuple(f"{name}{n}" for n in range(hosts))
    return Deploy(name, names, told.pop("minimum", HALF), told.pop("among", names), **told)


def members(count: int, zones: Sequence[str] = ("",)) -> list[Member]:
    return [Member(f"h{n + 1}", zones[n % len(zones)]) for n in range(count)]


def test_a_stage_knows_its_minimum_and_how_many_at_once() -> None:
    assert (stage("a", 9).required, stage("a", 9).at_once) == (5, 4)
    assert str(stage("a", 9)) == "deploy to 9 hosts, 4 at once, 5 must stay healthy (at least 50 % healthy)"
    assert str(stage("a", 2)) == "deploy to 2 hosts, 1 at once, 1 must stay healthy (at least 50 % healthy)"
    assert str(stage("a", 1)) == "deploy to 1 host, 1 at once"


def test_a_minimum_above_the_fleet_leaves_none_at_once() -> None:
    assert stage("a", 2, minimum=MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, 7)).at_once == 0


def test_a_stage_of_a_larger_fleet_is_bound_by_the_fleets_minimum_and_by_its_own() -> None:
    everybody = tuple(f"a{n}" for n in range(9))
    assert (stage("a", 3, among=everybody).required, stage("a", 3, among=everybody).at_once) == (5, 3)
    own = stage("a", 3, among=everybody, own_minimum=HALF)
    assert (own.required, own.own_required, own.at_once) == (5, 2, 1)
    assert str(own) == "deploy to 3 hosts, 1 at once, 5 must stay healthy (at least 50 % healthy), 2 of these 3"


def test_a_chain_is_walked_in_its_order() -> None:
    plan = Plan.chain(stage("z"), stage("m"), stage("a"))
    assert [s.name for s in plan] == ["z", "m", "a"]
    assert list(plan.graph.edges) == [("z", "m"), ("m", "a")]


def test_stages_without_an_order_are_walked_by_name() -> None:
    plan = Plan([stage("z"), stage("b"), stage("a")], [("z", "a")])
    assert [s.name for s in plan] == ["b", "z", "a"]
    assert [s.name for s in plan] == [s.name for s in Plan([stage("a"), stage("b"), stage("z")], [("z", "a")])]


@pytest.mark.parametrize(
    ("stages", "edges", "words"),
    [
        ([], [], "a plan needs stages"),
        ([stage("a"), stage("a")], [], "names of their own"),
        ([stage("a")], [("a", "b")], "edges between them"),
        ([stage("a"), stage("b")], [("a", "b"), ("b", "a")], "cannot come back"),
        ([stage("a")], [("a", "a")], "cannot come back"),
    ],
)
def test_what_is_no_plan_is_refused(stages: list[Deploy], edges: list[tuple[str, str]], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Plan(stages, edges)


def test_rolling_is_one_stage_within_the_minimum() -> None:
    (only,) = rolling(members(3))
    assert (only.hosts, only.required) == (("h1", "h2", "h3"), 2)
    (half,) = rolling(members(3), HALF_AT_A_TIME)
    assert half.required == 2


def test_in_place_is_every_host_at_once() -> None:
    (only,) = in_place(members(3))
    assert (only.at_once, only.required) == (3, 0)


@pytest.mark.parametrize("hosts", [1, 2])
def test_in_place_with_a_minimum_is_a_contradiction(hosts: int) -> None:
    with pytest.raises(ValueError, match=r"CodeDeployDefault.OneAtATime keeps some healthy \(1 at a time\)"):
        in_place(members(hosts), ONE_AT_A_TIME)


def test_every_strategy_that_stays_where_it_is_plans_every_host_once() -> None:
    for name in ("in-place", "rolling", "canary", "linear", "zonal", "steps"):
        options = Options(share=Share(hosts=1))
        plan = STRATEGIES[name](members(3, ["b", "a"]), DEFAULT_CONFIGS[name], options)
        hosts = [host for s in plan if isinstance(s, Deploy) for host in s.hosts]
        assert sorted(hosts) == ["h1", "h2", "h3"], name
        assert nx.is_directed_acyclic_graph(plan.graph)
    assert DEFAULT_CONFIGS["in-place"] is ALL_AT_ONCE
    assert DEFAULT_CONFIGS.keys() == STRATEGIES.keys()


@pytest.mark.parametrize(
    ("hosts", "minimum", "own", "why"),
    [
        (10, 9, 0, None),
        (10, 10, 0, "Ten keeps 10 of 10 hosts healthy, so none may ever be taken out"),
        (1, 2, 0, "Ten keeps 2 of 1 host healthy, so none may ever be taken out"),
        (2, 1, 1, None),
        (2, 1, 2, "02 b: the zone's own minimum keeps 2 of its 2 healthy, so none may ever be taken out"),
    ],
)
def test_a_stage_whose_minimum_leaves_no_room_says_so(hosts: int, minimum: int, own: int, why: str | None) -> None:
    names = tuple(f"h{n}" for n in range(hosts))
    kept, own_kept = (MinimumHealthyHosts(MinimumHealthyHostsType.HOST_COUNT, n) for n in (minimum, own))
    assert Deploy("02 b", names, kept, names, own_kept).unfit("Ten") == why
