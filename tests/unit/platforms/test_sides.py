"""Which sides a service has, and when its newest one is steady."""

from __future__ import annotations

from fleet.platforms.sides import Sides
from fleet.platforms.steady import Said, Steady
from tests.support.rollouts import deployment


def test_a_deployment_brings_a_side_and_ends_the_others() -> None:
    sides = Sides("old")
    sides.begin(deployment(1, strategy="ecs"), back=False)
    sides.bring("d-1", "new")
    assert (sides.there, sides.coming("d-1")) == (["old", "new"], "new")
    sides.settle("d-1")
    assert sides.leave("d-1") == ["old"]
    assert sides.there == ["new"]


def test_the_way_back_leads_to_what_had_the_traffic_before() -> None:
    from dataclasses import replace

    sides = Sides("old")
    first = deployment(1, strategy="ecs")
    sides.begin(first, back=False)
    sides.bring("d-1", "new")
    sides.settle("d-1")
    sides.begin(replace(first, deployment_id="d-2", rollback_of="d-1"), back=True)
    assert sides.coming("d-2") == "old"
    assert sides.leave("d-2") == ["new"]


def test_a_task_set_is_steady_once_all_of_its_tasks_are_healthy() -> None:
    steady = Steady()
    steady.watch(["a", "b"])
    assert steady.hear("a", True, "200") is None
    assert steady.hear("b", False, "404") == Said(False, "404")
    assert steady.hear("b", False, "404") is None
    assert steady.hear("b", True, "200") == Said(True, "200")
    assert steady.hear("a", False, "500") == Said(False, "500")
    assert steady.hear("stranger", False, "500") is None


def test_of_a_task_set_that_is_not_the_newest_nothing_is_told() -> None:
    steady = Steady()
    steady.watch(["a"])
    steady.watch(["b"])
    assert steady.hear("a", False, "500") is None
