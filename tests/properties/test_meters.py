"""Meters of single hosts, compared with a balancer that hands out every millisecond's requests by hand."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from fleet.balancer.virtual import SILENT, Answer, VirtualBalancer
from scenarios.model import Balancer

HOSTS = ["a", "b", "c", "d"]
WELL = Answer("200", True, "v1", True)
CONFIG: dict[str, Any] = {"health_check": {"interval": "500ms", "timeout": "400ms", "rise": 1, "fall": 1}}

moves = st.lists(
    st.tuples(
        st.integers(0, 1_500),
        st.one_of(
            st.tuples(st.sampled_from(["deregister", "register", "silent", "well"]), st.sampled_from(HOSTS)),
            st.tuples(st.just("shift"), st.tuples(st.sets(st.sampled_from(HOSTS)), st.integers(0, 100))),
            st.tuples(st.just("restart"), st.integers(1, 900)),
        ),
    ),
    max_size=8,
)


class Loop:
    """A heap of what is to be done."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Callable[[int, int], object]]] = []
        self._count = 0

    def put(self, at_ms: int, action: Callable[[int, int], object]) -> None:
        self._count += 1
        heapq.heappush(self._heap, (at_ms, self._count, action))

    def until(self, now_ms: int) -> None:
        while self._heap and self._heap[0][0] <= now_ms:
            at_ms, number, action = heapq.heappop(self._heap)
            action(number, at_ms)


def shares(balancer: VirtualBalancer) -> dict[str, Fraction]:
    """What each host in service gets of all requests now, worked out by hand."""
    serving = [name for name, server in balancer._servers.items() if server.registered and server.healthy]
    percent = balancer._fluid.percent
    new = [name for name in serving if name in balancer._shifted]
    old = [name for name in serving if name not in balancer._shifted]
    if percent is None:
        return {name: Fraction(1, len(serving)) for name in old}
    if new and old:
        parts = ((new, percent), (old, 100 - percent))
    else:
        parts = ((new, 100 if percent else 0), (old, 100 if percent < 100 else 0))
    return {name: Fraction(part, 100 * len(side)) for side, part in parts for name in side}


def move(balancer: VirtualBalancer, what: str, how: Any, now_ms: int) -> None:
    match what:
        case "deregister":
            balancer.deregister(how, now_ms)
        case "register":
            balancer.register(how, now_ms, "")
        case "silent" | "well":
            balancer.answers(how, WELL if what == "well" else SILENT, now_ms)
        case "shift":
            balancer.shift(how[0], how[1], now_ms)
        case "restart":
            balancer.restart(now_ms, how)


@given(
    moves=moves,
    meters=st.lists(st.tuples(st.sampled_from(HOSTS), st.integers(1, 60)), min_size=1, max_size=4),
    rate=st.integers(1, 50),
)
def test_a_meter_is_reached_when_the_host_has_been_given_so_much(
    moves: list[tuple[int, tuple[str, Any]]], meters: list[tuple[str, int]], rate: int
) -> None:
    loop = Loop()
    balancer = VirtualBalancer(Balancer.model_validate({**CONFIG, "traffic": {"rate": rate}}), loop.put)
    for host in HOSTS:
        balancer.add(host, WELL, in_service=True)
    reached: dict[int, int] = {}
    now = {"ms": 0}
    for number, (host, requests) in enumerate(meters):
        balancer.meter(number, host, requests, 0, lambda number=number: reached.setdefault(number, now["ms"]))  # type: ignore[misc]
    given_out = dict.fromkeys(HOSTS, Fraction(0))
    expected: dict[int, int] = {}
    planned = sorted(moves, key=lambda planned: planned[0])
    for ms in range(2_500):
        now["ms"] = ms
        loop.until(ms)
        while planned and planned[0][0] == ms:
            move(balancer, *planned.pop(0)[1], ms)
        loop.until(ms)
        for number, (host, requests) in enumerate(meters):
            if given_out[host] >= requests:
                expected.setdefault(number, ms)
        for host, share in shares(balancer).items():
            given_out[host] += share * rate / 1000
    assert reached.keys() == expected.keys()
    # Levels are rounded down to a billionth of a request at every change, and that may cost the millisecond.
    assert all(0 <= reached[number] - expected[number] <= 1 for number in reached)


def test_a_meter_that_was_taken_away_is_never_reached() -> None:
    loop = Loop()
    balancer = VirtualBalancer(Balancer(), loop.put)
    balancer.add("a", WELL, in_service=True)
    reached: list[str] = []
    balancer.unmeter("nobody's", "a")
    for key in ("one", "other"):
        balancer.meter(key, "a", 20, 0, lambda key=key: reached.append(key))  # type: ignore[misc]
    balancer.unmeter("one", "a")
    loop.until(999)
    assert reached == []
    loop.until(1_000)
    assert reached == ["other"]
