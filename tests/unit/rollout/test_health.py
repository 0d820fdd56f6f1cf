"""The health budget, decision by decision."""

from __future__ import annotations

import pytest

from simulator.rollout.health import HealthBudget, Standing


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{n}" for n in range(1, count + 1)]


def take_all(budget: HealthBudget) -> list[str]:
    return [taken[0] for taken in iter(budget.take, None)]


def test_healthy_ones_are_taken_down_to_the_minimum() -> None:
    budget = HealthBudget([], names("h", 10), 8)
    assert take_all(budget) == ["h1", "h2"]
    assert (budget.healthy, budget.in_flight, budget.waiting) == (8, 2, 8)


def test_a_success_makes_room_and_a_failure_does_not() -> None:
    budget = HealthBudget([], names("h", 10), 8)
    take_all(budget)
    budget.give_back(succeeded=False)
    assert take_all(budget) == []
    budget.give_back(succeeded=True)
    assert take_all(budget) == ["h3"]


def test_unhealthy_ones_come_first_and_to_their_end() -> None:
    budget = HealthBudget(["u1", "u2"], names("h", 3), 3)
    assert take_all(budget) == ["u1", "u2"]
    budget.give_back(succeeded=True)
    assert take_all(budget) == []
    budget.give_back(succeeded=True)
    assert take_all(budget) == ["h1", "h2"]


def test_unhealthy_ones_too_are_no_more_at_once_than_hosts_less_minimum() -> None:
    assert take_all(HealthBudget(names("u", 9), [], 6)) == ["u1", "u2", "u3"]


def test_the_reason_is_told() -> None:
    budget = HealthBudget(["u1"], ["h1", "h2"], 1)
    assert budget.take() == ("u1", "not healthy, so deploying to it costs no health")
    budget.give_back(succeeded=True)
    assert budget.take() == ("h1", "3 of 3 healthy and 1 needed, so one may be taken out")


def test_hopeless_once_the_rest_cannot_make_up_for_the_failures() -> None:
    budget = HealthBudget(names("u", 3), [], 2)
    budget.take()
    budget.give_back(succeeded=False)
    assert not budget.hopeless
    budget.take()
    budget.give_back(succeeded=False)
    assert budget.hopeless
    assert budget.take() is None
    assert budget.rest() == ["u3"]
    assert not budget.success


def test_even_without_a_minimum_one_must_succeed() -> None:
    budget = HealthBudget([], ["h1", "h2"], 0)
    assert budget.needed == 1
    take_all(budget)
    budget.give_back(succeeded=False)
    budget.give_back(succeeded=True)
    assert budget.ended
    assert budget.success


def test_where_none_of_the_stage_has_to_succeed_one_of_the_fleet_still_has_to() -> None:
    budget = HealthBudget([], ["h1"], 0, must_succeed=0)
    budget.take()
    budget.give_back(succeeded=False)
    assert not budget.success


@pytest.mark.parametrize(
    ("minimum", "others", "stranded"),
    [
        (2, Standing(hosts=2, healthy=2), True),
        (1, Standing(hosts=2, healthy=2), False),  # one more may be taken out
        (2, Standing(hosts=3, healthy=2), False),  # one of those that wait is not healthy, and costs nothing
        (1, Standing(hosts=1, healthy=1, succeeded=1), False),  # nobody waits
    ],
)
def test_stranded_once_none_of_the_healthy_that_wait_may_be_taken_out(
    minimum: int, others: Standing, stranded: bool
) -> None:
    budget = HealthBudget([], ["h1"], minimum, must_succeed=0, others=others)
    budget.take()
    budget.give_back(succeeded=False)
    assert not budget.hopeless
    assert (budget.stranded, budget.success) == (stranded, not stranded)


def test_a_failure_that_is_forgiven_fails_nothing() -> None:
    budget = HealthBudget([], ["h1"], 0, must_succeed=1, forgiven=True)
    assert budget.key() != HealthBudget([], ["h1"], 0, must_succeed=1).key()
    budget.take()
    budget.give_back(succeeded=False)
    assert budget.success


def test_a_copy_goes_its_own_way() -> None:
    budget = HealthBudget(["u1"], names("h", 4), 2)
    budget.take()
    twin = budget.copy()
    before = budget.key()
    assert twin.key() == before
    twin.give_back(succeeded=True)
    twin.take()
    assert budget.key() == before != twin.key()


def test_keys_leave_names_aside() -> None:
    a, b = HealthBudget(["a"], ["b", "c"], 1), HealthBudget(["x"], ["z", "y"], 1)
    assert a.key() == b.key()
    assert a.key() != HealthBudget([], ["a", "b", "c"], 1).key()
    a.take()
    assert a.key() != b.key()
