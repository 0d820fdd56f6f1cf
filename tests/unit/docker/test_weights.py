"""Shares of traffic as weights: against the exact share, for every size of both sides."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.balancer.weights import WEIGHT_MAX, Shift, weigh, weights

ERROR_MAX = Fraction(3, 20)
"""Percentage points below what was asked for; the worst is 99 hosts beside 1."""

sides = st.integers(1, 100)
percents = st.integers(0, 100)


def names(prefix: str, count: int) -> list[str]:
    return [f"{prefix}{number:03}" for number in range(count)]


def share(given: dict[str, int], hosts: list[str]) -> Fraction:
    return Fraction(100 * sum(given[host] for host in hosts), sum(given.values()))


@given(sides, sides, percents)
def test_the_share_is_near_and_never_above(new: int, old: int, percent: int) -> None:
    shifted, others = names("n", new), names("o", old)
    found = weigh(shifted, others, percent)
    assert set(found) == {*shifted, *others}
    assert 0 <= min(found.values()) <= max(found.values()) <= WEIGHT_MAX
    assert percent - ERROR_MAX <= share(found, shifted) <= percent


@given(sides, sides, st.integers(1, 99))
def test_hosts_of_a_side_are_alike_or_stand_back(new: int, old: int, percent: int) -> None:
    shifted, others = names("n", new), names("o", old)
    found = weigh(shifted, others, percent)
    for side in (shifted, others):
        assert len({found[host] for host in side} - {0}) == 1
    within_reach = 1 <= Fraction(WEIGHT_MAX * percent * old, (100 - percent) * new) <= WEIGHT_MAX**2
    assert (0 in found.values()) is not within_reach


@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 99))
def test_no_other_pair_of_weights_comes_nearer(new: int, old: int, percent: int) -> None:
    shifted = names("n", new)
    found = weigh(shifted, names("o", old), percent)
    if 0 in found.values():
        return
    best = max(
        nearest
        for other in range(1, WEIGHT_MAX + 1)
        for weight in (percent * old * other // ((100 - percent) * new),)
        if weight <= WEIGHT_MAX and (nearest := Fraction(100 * new * weight, new * weight + old * other)) <= percent
    )
    assert share(found, shifted) == best


@pytest.mark.parametrize(
    ("percent", "new", "old"),
    [(0, 0, 1), (100, 1, 0), (10, 1, 9), (50, 1, 1), (1, 1, 99)],
)
def test_one_beside_one(percent: int, new: int, old: int) -> None:
    assert weigh(["n"], ["o"], percent) == {"n": new, "o": old}


@pytest.mark.parametrize(
    ("shifted", "others", "percent", "expected"),
    [
        (["n"], [], 10, {"n": 1}),
        (["n"], [], 0, {"n": 0}),
        ([], ["o"], 99, {"o": 1}),
        ([], ["o"], 100, {"o": 0}),
        ([], [], 50, {}),
    ],
)
def test_a_side_alone_has_everything_unless_its_share_is_nothing(
    shifted: list[str], others: list[str], percent: int, expected: dict[str, int]
) -> None:
    assert weigh(shifted, others, percent) == expected


def test_without_a_shift_all_are_alike() -> None:
    assert set(weights(None, ["a", "b", "c"], {"a"}).values()) == {1}


@pytest.mark.parametrize(
    ("percent", "in_service", "expected"),
    [
        (10, {"o1", "n1"}, {"o1": 9, "o2": 9, "n1": 1, "n2": 0}),
        (10, {"n1"}, {"o1": 256, "o2": 256, "n1": 1, "n2": 0}),
        (100, {"n1"}, {"o1": 0, "o2": 0, "n1": 1, "n2": 1}),
        (0, {"o1"}, {"o1": 1, "o2": 1, "n1": 0, "n2": 0}),
    ],
)
def test_one_that_comes_back_unseen_takes_nothing_from_the_old_side(
    percent: int, in_service: set[str], expected: dict[str, int]
) -> None:
    shift = Shift(frozenset({"n1", "n2"}), percent)
    assert weights(shift, ["o1", "o2", "n1", "n2"], in_service) == expected
