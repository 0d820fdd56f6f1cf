"""The virtual balancer against a naive one that plays every health check and every millisecond of traffic."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from dataclasses import dataclass, field
from fractions import Fraction

from hypothesis import example, given
from hypothesis import strategies as st

from fleet.balancer.fluid import whole
from fleet.balancer.virtual import SILENT, Action, Answer, VirtualBalancer
from scenarios.model import Balancer, HealthCheck, Traffic
from simulator.rollout.events import HealthCheckReported

INTERVAL_MS = 10
END_MS = 250

GOOD_OLD = Answer("200", True, "v1", True)
GOOD_NEW = Answer("200", True, "v2", True)
NOT_FOUND = Answer("404", False, "v2", False)
BROKEN = Answer("503", False, "v2", False)
CHECK_FAILS_ONLY = Answer("500", False, "v2", True)
ANSWERS = [SILENT, GOOD_OLD, GOOD_NEW, NOT_FOUND, BROKEN, CHECK_FAILS_ONLY]

Move = tuple[int, str, str, Answer]
"""When, what (`register`, `deregister`, `answers`), at which host, and for `answers` what it answers then."""


@dataclass
class Naive:
    """One host at a naive balancer: it is asked at every interval, and the results are counted."""

    answer: Answer
    registered: bool
    healthy: bool
    origin_ms: int = 0
    passed: int = 0
    failed: int = 0
    told: tuple[bool, str] | None = None


@dataclass
class Book:
    """What users saw, added up millisecond by millisecond."""

    failed: Fraction = Fraction(0)
    by_revision: dict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    in_service_min: int | None = None
    reports: list[tuple[int, str, bool, str]] = field(default_factory=list)


def naive(config: Balancer, hosts: dict[str, Answer], running: bool, moves: list[Move]) -> Book:
    servers = {name: Naive(answer, running, running) for name, answer in hosts.items()}
    for server in servers.values():
        server.told = (True, server.answer.seen) if running else None
    book, check = Book(), config.health_check
    for now_ms in range(END_MS):
        for at_ms, what, name, answer in moves:
            if at_ms != now_ms:
                continue
            server = servers[name]
            if what == "answers":
                server.answer = answer
            else:
                server.registered, server.healthy = what == "register", False
                server.origin_ms, server.passed, server.failed, server.told = now_ms, 0, 0, None
        for name, server in servers.items():
            since_ms = now_ms - server.origin_ms
            if not server.registered or not since_ms or since_ms % check.interval:
                continue
            passes, seen = server.answer.passes, server.answer.seen
            server.passed, server.failed = (server.passed + 1, 0) if passes else (0, server.failed + 1)
            turns = server.passed >= check.rise if not server.healthy else server.failed >= check.fall
            if turns:
                server.healthy = not server.healthy
            if turns or (not server.healthy and not passes and server.told != (False, seen)):
                server.told = (server.healthy, seen)
                book.reports.append((now_ms, name, server.healthy, seen))
        serving = [server.answer for server in servers.values() if server.registered and server.healthy]
        if book.in_service_min is not None:
            book.in_service_min = min(book.in_service_min, len(serving))
        elif len(serving) == len(servers):
            book.in_service_min = len(serving)
        if not serving:
            book.failed += 1
        for answer in serving:
            share = Fraction(1, len(serving))
            if answer.serves is not None:
                book.by_revision[answer.serves] += share
            if not answer.serves_well:
                book.failed += share
    return book


def exact(
    config: Balancer, hosts: dict[str, Answer], running: bool, moves: list[Move]
) -> tuple[VirtualBalancer, list[tuple[int, str, bool, str]]]:
    heap: list[tuple[int, int, Action]] = []

    sequence = itertools.count()

    def schedule(at_ms: int, action: Action) -> None:
        heapq.heappush(heap, (at_ms, next(sequence), action))

    reports: list[tuple[int, str, bool, str]] = []
    balancer = VirtualBalancer(config, schedule)
    for name, answer in hosts.items():
        balancer.add(name, answer, in_service=running)
    todo = sorted(moves, key=lambda move: move[0])

    def run_until(end_ms: int) -> None:
        while heap and heap[0][0] < end_ms:
            at_ms, _, action = heapq.heappop(heap)
            if (event := action(1, at_ms)) is not None:
                assert isinstance(event, HealthCheckReported)
                assert (event.path, event.wanted) == (config.health_check.path, str(config.health_check.status))
                reports.append((at_ms, event.host, event.healthy, event.seen))

    for at_ms, what, name, answer in todo:
        run_until(at_ms)
        if what == "answers":
            balancer.answers(name, answer, at_ms)
        elif what == "register":
            balancer.register(name, at_ms, "a command")
        else:
            balancer.deregister(name, at_ms)
    run_until(END_MS)
    return balancer, reports


def _apart(found: list[Move]) -> list[Move]:
    """Times at which no move meets another host's check, where the order would be a matter of taste.

    Hosts are checked at …0, and after a registration at …1 (h1), …2 (h2), …3 (h3); all else happens at …6.
    """
    return sorted(
        (
            (at_ms // INTERVAL_MS * INTERVAL_MS + (int(name[1]) if what == "register" else 6), what, name, answer)
            for at_ms, what, name, answer in found
        ),
        key=lambda move: move[0],
    )


moves = st.lists(
    st.tuples(
        st.integers(1, END_MS - 2),
        st.sampled_from(["register", "deregister", "answers", "answers", "answers"]),
        st.sampled_from(["h1", "h2", "h3"]),
        st.sampled_from(ANSWERS),
    ),
    max_size=12,
    unique_by=lambda move: move[0] // INTERVAL_MS,
).map(_apart)


@example(2, 3, 20, True, [(16, "answers", "h1", NOT_FOUND), (26, "answers", "h1", BROKEN)])
@example(3, 2, 20, False, [(11, "register", "h1", SILENT), (26, "answers", "h1", GOOD_NEW)])
@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 1000), st.booleans(), moves)
def test_it_is_as_the_naive_one(rise: int, fall: int, rate: int, running: bool, moves: list[Move]) -> None:
    config = Balancer(
        health_check=HealthCheck.model_construct(
            path="/", status=200, interval=INTERVAL_MS, timeout=5, rise=rise, fall=fall
        ),
        traffic=Traffic(rate=rate),
    )
    hosts = dict.fromkeys(["h1", "h2", "h3"], GOOD_OLD)
    book = naive(config, hosts, running, moves)
    balancer, reports = exact(config, hosts, running, moves)
    assert sorted(reports) == sorted(book.reports)
    total, failed, by_revision = balancer.measure(END_MS)
    assert total == round(Fraction(END_MS * rate, 1000))
    assert failed == round(book.failed * rate / 1000)
    shares = {name: ms * rate / 1000 for name, ms in book.by_revision.items()}
    assert {name for name, count in by_revision if count} <= shares.keys() == dict(by_revision).keys()
    assert all(abs(count - shares[name]) < 1 for name, count in by_revision)
    assert sum(count for _, count in by_revision) == round(sum(shares.values(), Fraction()))
    assert balancer.in_service_min == book.in_service_min


@given(st.integers(1, 1000), moves)
def test_every_request_is_accounted_for(rate: int, moves: list[Move]) -> None:
    """Answered by a revision or not answered at all: nothing is lost but the rounding of each figure."""
    config = Balancer(traffic=Traffic(rate=rate), health_check=HealthCheck.model_construct(interval=INTERVAL_MS))
    balancer, _ = exact(config, dict.fromkeys(["h1", "h2", "h3"], GOOD_OLD), True, moves)
    total, failed, by_revision = balancer.measure(END_MS)
    answered = sum(count for _, count in by_revision)
    assert answered <= total
    assert answered + failed >= total - 1
    assert 0 <= failed <= total


@given(st.dictionaries(st.sampled_from(["v1", "v2", "v3"]), st.fractions(0, 1000)))
def test_whole_numbers_add_up_and_each_is_nearly_its_share(shares: dict[str, Fraction]) -> None:
    rounded = whole(shares)
    assert list(rounded) == list(shares)
    assert sum(rounded.values()) == round(sum(shares.values(), Fraction()))
    assert all(abs(rounded[name] - shares[name]) < 1 for name in shares)
