"""Lost packets on the virtual fleet, against a naive balancer that makes every check and counts every millisecond."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from fleet.balancer.virtual import SILENT, Action, Answer, VirtualBalancer, is_lost
from scenarios.model import Balancer, HealthCheck, Traffic
from simulator.rollout.events import HealthCheckReported

INTERVAL_MS, TIMEOUT_MS, END_MS, SEED = 10, 1, 1_500, 11
LOST = "timed out after 1ms"
WELL = [Answer("200", True, "v1", True, 0, lost) for lost in (0, 20, 60, 95)]
ILL = [Answer("500", False, "v1", False, 0, lost) for lost in (0, 20, 60)]
ANSWERS = [*WELL, *ILL, SILENT, SILENT._replace(lost=60)]

Change = tuple[int, Answer]
Report = tuple[int, bool, str]

changes = st.lists(
    st.tuples(st.integers(0, END_MS // INTERVAL_MS - 2).map(lambda n: n * INTERVAL_MS + 6), st.sampled_from(ANSWERS)),
    max_size=6,
    unique_by=lambda change: change[0],
).map(sorted)


def balancer_of(rise: int, fall: int) -> Balancer:
    check = HealthCheck(interval=f"{INTERVAL_MS}ms", timeout=f"{TIMEOUT_MS}ms", rise=rise, fall=fall)  # type: ignore[arg-type]
    return Balancer(health_check=check, traffic=Traffic(rate=1000))


def naive(config: Balancer, changes: list[Change]) -> tuple[list[Report], dict[str | None, Fraction], Fraction]:
    """What is reported of one host, how long each revision answered, and how long requests failed, in milliseconds."""
    check, todo = config.health_check, dict(changes)
    answer, healthy, passed, failed, told = WELL[0], True, 0, 0, (True, "200")
    reports: list[Report] = []
    later: dict[int, tuple[bool, str]] = {}
    answered: dict[str | None, Fraction] = defaultdict(Fraction)
    failed_ms = Fraction(0)
    for now_ms in range(END_MS):
        if now_ms in todo:
            answer = todo[now_ms]
        if now_ms in later:
            healthy, seen = told = later[now_ms]
            reports.append((now_ms, healthy, seen))
        if now_ms and now_ms % INTERVAL_MS == 0:
            lost = is_lost(SEED, "h1", now_ms, answer.lost, 1)
            passes, seen = answer.passes and not lost, LOST if lost else answer.seen
            passed, failed = (passed + 1, 0) if passes else (0, failed + 1)
            turns = passed >= check.rise if not healthy else failed >= check.fall
            if turns or (not healthy and not passes and told != (False, seen)):
                if lost:
                    later[now_ms + TIMEOUT_MS] = (False, seen)
                else:
                    healthy = passes if turns else healthy
                    told = (healthy, seen)
                    reports.append((now_ms, healthy, seen))
        share = 1 - Fraction(answer.lost, 100) if healthy else Fraction(0)
        answered[answer.serves] += share
        failed_ms += 1 - (share if answer.serves_well else 0)
    return reports, answered, failed_ms


def exact(config: Balancer, changes: list[Change]) -> tuple[list[Report], VirtualBalancer]:
    heap: list[tuple[int, int, Action]] = []
    order = itertools.count()
    balancer = VirtualBalancer(config, lambda at_ms, action: heapq.heappush(heap, (at_ms, next(order), action)), SEED)
    balancer.add("h1", WELL[0], in_service=True)
    reports: list[Report] = []
    for at_ms, answer in [*changes, (END_MS, SILENT)]:
        while heap and heap[0][0] < at_ms:
            now_ms, _, action = heapq.heappop(heap)
            event = action(1, now_ms)
            if event is not None:
                assert isinstance(event, HealthCheckReported)
                reports.append((now_ms, event.healthy, event.seen))
        if at_ms < END_MS:
            balancer.answers("h1", answer, at_ms)
    return reports, balancer


@given(changes, st.integers(1, 3), st.integers(1, 4))
def test_the_balancer_changes_its_mind_when_a_naive_one_does(found: list[Change], rise: int, fall: int) -> None:
    config = balancer_of(rise, fall)
    expected, answered, failed_ms = naive(config, found)
    reports, balancer = exact(config, found)
    assert reports == expected
    total, failed, by_revision = balancer.measure(END_MS)
    assert total == END_MS
    assert abs(failed - failed_ms) < 1
    assert abs(dict(by_revision).get("v1", 0) - answered["v1"]) < 1  # whole requests, rounded so that they add up


def test_a_first_packet_that_is_lost_is_sent_again_after_a_second() -> None:
    """RFC 6298: with three seconds of patience there are two tries, and the second costs a second."""
    config = Balancer(health_check=HealthCheck(timeout="3s"), traffic=Traffic(rate=100))  # type: ignore[arg-type]
    balancer = VirtualBalancer(config, lambda _at_ms, _action: None)
    balancer.add("h1", Answer("200", True, "v1", True, 20, lost=50), in_service=True)
    shares, unanswered = balancer.shares(8_000)
    assert {(share.serves, share.answers_ms): requests for share, requests in shares.items()} == {
        ("v1", 20): 400,
        ("v1", 1_020): 200,
        (None, 0): 200,
    }
    assert unanswered == 0
    assert balancer.measure(8_000) == (800, 200, (("v1", 600),))
