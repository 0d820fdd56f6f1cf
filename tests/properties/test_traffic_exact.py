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

Move = tuple[int, str, str, Answer | int]
"""When, what (`register`, `deregister`, `answers`, `shift`), at which host (or hosts: `h1 h2`), and for `answers` what
it answers then, for `shift` which share those hosts get."""


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
    shifted: frozenset[str] = frozenset()
    percent: int | None = None
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
            if what == "shift":
                assert isinstance(answer, int)
                book.shifted, book.percent = frozenset(name.split()), answer
                continue
            server = servers[name]
            if what == "answers":
                assert isinstance(answer, Answer)
                server.answer = answer
            elif what == "register" and server.registered:
                if server.healthy:
                    assert server.told is not None
                    book.reports.append((now_ms, name, *server.told))
                else:
                    server.told = None
            else:
                server.registered, server.healthy = what == "register", False
                server.origin_ms, server.passed, server.failed, server.told = now_ms, 0, 0, None
            if what == "deregister" and _is_over(book, name, servers):
                book.shifted, book.percent = frozenset(), None
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
        serving = {name: server.answer for name, server in servers.items() if server.registered and server.healthy}
        if book.in_service_min is not None:
            book.in_service_min = min(book.in_service_min, len(serving))
        elif len(serving) == len(servers):
            book.in_service_min = len(serving)
        answered = Fraction(0)
        for name, share in _shares(book, list(serving)).items():
            answered += share
            if share and (serves := serving[name].serves) is not None:
                book.by_revision[serves] += share
            if not serving[name].serves_well:
                book.failed += share
        book.failed += 1 - answered
    return book


def _is_over(book: Book, left: str, servers: dict[str, Naive]) -> bool:
    """Whether the last host of the side whose share is nothing has left."""
    if book.percent not in (0, 100) or (left in book.shifted) != (book.percent == 0):
        return False
    side = [name for name in servers if (name in book.shifted) == (book.percent == 0)]
    return not any(servers[name].registered for name in side)


def _shares(book: Book, serving: list[str]) -> dict[str, Fraction]:
    """What part of the requests each host in service gets, host by host."""
    if book.percent is None:
        return dict.fromkeys(serving, Fraction(1, max(len(serving), 1)))
    new = [name for name in serving if name in book.shifted]
    old = [name for name in serving if name not in book.shifted]
    to_new, to_old = Fraction(book.percent, 100), Fraction(100 - book.percent, 100)
    if not old and book.percent > 0:
        to_new = Fraction(1)
    if not new and book.percent < 100:
        to_old = Fraction(1)
    return {name: to_new / len(new) for name in new} | {name: to_old / len(old) for name in old}


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
            assert isinstance(answer, Answer)
            balancer.answers(name, answer, at_ms)
        elif what == "shift":
            assert isinstance(answer, int)
            balancer.shift(name.split(), answer, at_ms)
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


times = st.integers(1, END_MS - 2)
host_moves = st.tuples(
    times,
    st.sampled_from(["register", "deregister", "answers", "answers", "answers"]),
    st.sampled_from(["h1", "h2", "h3"]),
    st.sampled_from(ANSWERS),
)
shift_moves = st.tuples(
    times,
    st.just("shift"),
    st.sampled_from(["h1", "h1 h2", "h3", "h2 h3", "h1 h2 h3"]),
    st.sampled_from([0, 1, 10, 50, 99, 100]),
)
moves = st.lists(
    st.one_of(host_moves, host_moves, shift_moves),
    max_size=12,
    unique_by=lambda move: move[0] // INTERVAL_MS,
).map(_apart)


@example(2, 3, 20, True, [(16, "answers", "h1", NOT_FOUND), (26, "answers", "h1", BROKEN)])
@example(1, 1, 20, True, [(16, "shift", "h1", 0), (26, "deregister", "h1", SILENT), (31, "register", "h1", SILENT)])
@example(1, 1, 20, True, [(16, "shift", "h1 h2 h3", 0)])
@example(2, 2, 20, True, [(11, "register", "h1", SILENT), (26, "answers", "h1", NOT_FOUND)])
@example(3, 2, 20, False, [(11, "register", "h1", SILENT), (31, "register", "h1", SILENT)])
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
    shares = {name: ms * rate / 1000 for name, ms in book.by_revision.items()}
    assert abs(failed - book.failed * rate / 1000) < len(shares) + 1  # of each revision, and of nobody, one is rounded
    assert {name for name, count in by_revision if count} <= shares.keys() == dict(by_revision).keys()
    assert all(abs(count - shares[name]) < 2 for name, count in by_revision)  # its good answers, and its bad ones
    assert balancer.in_service_min == book.in_service_min


@given(st.integers(1, 1000), moves)
def test_every_request_is_accounted_for(rate: int, moves: list[Move]) -> None:
    """Answered by a revision or not answered at all: nothing is lost, for all figures are rounded together."""
    config = Balancer(traffic=Traffic(rate=rate), health_check=HealthCheck.model_construct(interval=INTERVAL_MS))
    balancer, _ = exact(config, dict.fromkeys(["h1", "h2", "h3"], GOOD_OLD), True, moves)
    total, failed, by_revision = balancer.measure(END_MS)
    answered = sum(count for _, count in by_revision)
    assert answered <= total
    assert answered + failed >= total
    assert 0 <= failed <= total


@given(st.integers(1, 99), st.integers(1, 2), st.integers(1, 1000))
def test_while_both_sides_serve_a_share_is_what_was_asked_for(percent: int, new: int, rate: int) -> None:
    """However many hosts stand on either side: the canary's part of the requests is its percentage, to the request."""
    config = Balancer(traffic=Traffic(rate=rate), health_check=HealthCheck.model_construct(interval=INTERVAL_MS))
    names = [f"h{n}" for n in range(1, 4)]
    hosts = {name: GOOD_NEW if n < new else GOOD_OLD for n, name in enumerate(names)}
    balancer, _ = exact(config, hosts, True, [(0, "shift", " ".join(names[:new]), percent)])
    total, failed, by_revision = balancer.measure(100_000)
    assert failed == 0
    assert abs(dict(by_revision)["v2"] - Fraction(total * percent, 100)) < 1
    assert sum(dict(by_revision).values()) == total


@given(st.dictionaries(st.sampled_from(["v1", "v2", "v3"]), st.fractions(0, 1000)))
def test_whole_numbers_add_up_and_each_is_nearly_its_share(shares: dict[str, Fraction]) -> None:
    rounded = whole(shares)
    assert list(rounded) == list(shares)
    assert sum(rounded.values()) == round(sum(shares.values(), Fraction()))
    assert all(abs(rounded[name] - shares[name]) < 1 for name in shares)
