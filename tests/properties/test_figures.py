"""Figures against the most obvious way to count: sorted lists of times, and a naive balancer's requests."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from fleet.balancer.fluid import Fluid, Kind, Share
from fleet.figures import Figures, Histogram, Tally, bin_of
from fleet.virtual.answer_times import AnswerTimes, figures_of, spread

TIMES = st.lists(st.integers(0, 20_000_000), max_size=40)


def counted(times: list[int]) -> Histogram:
    histogram = Histogram()
    for time_us in times:
        histogram.add(time_us)
    return histogram


@given(st.integers(0, 3_600_000_000))
def test_a_time_is_known_to_less_than_two_percent(time_us: int) -> None:
    part = bin_of(time_us)
    assert part <= time_us
    assert (time_us - part) * 64 <= time_us
    assert bin_of(part) == part


@given(TIMES, st.integers(1, 100))
def test_quantiles_are_those_of_a_sorted_list(times: list[int], percent: int) -> None:
    parts = sorted(bin_of(time_us) for time_us in times)
    assert list(counted(times).values_us()) == parts
    least = next(
        (part for part in parts if sum(other <= part for other in parts) * 100 >= percent * len(parts)),
        None,
    )
    assert counted(times).quantile_us(percent) == least


@given(TIMES, TIMES)
def test_what_came_since_is_the_difference(before: list[int], later: list[int]) -> None:
    first = counted(before)
    both = first.copy()
    both.update(counted(later))
    assert both.since(first) == counted(later)
    assert both == counted(before + later)
    tally = Tally(len(before), 0, first)
    more = tally.plus(Tally(len(later), len(later), counted(later)))
    assert more.since(tally) == Tally(len(later), len(later), counted(later))


@given(st.integers(0, 5000), st.integers(0, 5000))
def test_drawn_times_only_grow_in_number(requests: int, more: int) -> None:
    times = AnswerTimes(7)
    few, many = times.first("v1", 5, requests), times.first("v1", 5, requests + more)
    assert few.total == requests
    assert many.since(few).total == more
    assert all(count >= few.counts.get(part, 0) for part, count in many.counts.items())


def test_most_answers_take_about_what_the_revision_says() -> None:
    drawn = AnswerTimes(0).first("v1", 100, 10_000)
    middle, high, top = (drawn.quantile_us(percent) for percent in (50, 95, 100))
    assert middle is not None and high is not None and top is not None
    assert min(drawn.counts) >= 80_000 * 63 // 64
    assert 95_000 <= middle <= 105_000
    assert 110_000 <= high <= 200_000
    assert top <= 240_000
    assert sorted(spread(draw) for draw in (0, 65_535, 32_768)) == [800, 1000, 2398]


KINDS = [Kind(False, "v1", True, 5), Kind(False, "v2", False, 5), Kind(False, "v2", True, 9), Kind(False, None, False)]


@given(st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 3), st.sampled_from([-1, 1])), max_size=12))
def test_requests_are_counted_by_their_fate(moves: list[tuple[int, int, int]]) -> None:
    fluid = Fluid(20)
    hosts = dict.fromkeys(KINDS, 0)
    exact: dict[Share, Fraction] = {}
    now_ms, unanswered = 0, Fraction(0)
    for passed_ms, which, change in moves:
        serving = sum(hosts.values())
        for kind, count in hosts.items():
            if count:
                fate = Share(*kind[1:4])
                exact[fate] = exact.get(fate, Fraction(0)) + Fraction(passed_ms * 20 * count, 1000 * serving)
        unanswered += 0 if serving else Fraction(passed_ms * 20, 1000)
        now_ms += passed_ms
        fluid.settle(now_ms)
        kind = KINDS[which]
        if hosts[kind] + change >= 0:
            hosts[kind] += change
            fluid.count(kind, change)
    shares, nobody = fluid.shares(now_ms)
    assert shares == {fate: int(share) for fate, share in exact.items()}
    assert nobody == int(unanswered)
    figures = figures_of(shares, nobody, 3, AnswerTimes(0))
    assert figures.in_service == 3
    assert figures.all.requests == sum(shares.values()) + nobody
    assert figures.all.failed == sum(count for fate, count in shares.items() if not fate.well) + nobody
    assert figures.of("v2").times.total == figures.of("v2").requests
    assert figures.since(figures).all == Tally()
    assert figures.of("nobody") == Tally()
    assert Figures({}, 0).all.error_rate is None
