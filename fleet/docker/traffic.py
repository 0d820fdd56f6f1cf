"""The service's users: a steady, bounded stream of requests through the balancer, and what became of them."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from fleet.balancer.haproxy_config import HOST_HEADER
from fleet.base import MakeEvent
from fleet.figures import Figures, Histogram, Tally
from scenarios.model import Traffic as Requests
from simulator.rollout.events import TrafficMeasured

if TYPE_CHECKING:
    import aiohttp

PATIENCE_S: Final = 10.0
"""A user who waits longer than this for an answer has none.

With the rate, it bounds the requests under way.
"""
FAILED_FROM: Final = 400


@dataclass(slots=True)
class Seen:
    """What users saw.

    Requests, those that failed, those that each host's revision answered, and the strays. Of each revision, and of
    what none answered (`""`): requests, failed ones, and how long the answers took.
    """

    total: int = 0
    failed: int = 0
    strays: int = 0
    by_revision: Counter[str] = field(default_factory=Counter)
    requests: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    times: defaultdict[str, Histogram] = field(default_factory=lambda: defaultdict(Histogram))

    def measured(self, in_service_min: int | None) -> MakeEvent:
        """What was seen so far, as an event."""
        by_revision = tuple(sorted(self.by_revision.items()))
        counts = (self.total, self.failed, by_revision, in_service_min, self.strays)
        return lambda id, at_ms: TrafficMeasured(id, at_ms, "", *counts)

    def figures(self, in_service: int) -> Figures:
        """The same as figures, apart: what comes later does not change them."""
        return Figures(
            {name: Tally(self.requests[name], self.failures[name], self.times[name].copy()) for name in self.requests},
            in_service,
        )


class Door(Protocol):
    """Where users knock; see `fleet.balancer.haproxy.HaproxyBalancer`."""

    @property
    def url(self) -> str:
        """Its address now."""

    def held_out(self, host: str, since_s: float) -> bool:
        """Whether a request that began then ought not to have reached this host."""


class Traffic:
    """Makes the users' requests at `knocks.url`, which may change.

    `revision(host)` and `knocks.held_out(host, since_s)` attribute the answers.
    """

    def __init__(self, knocks: Door, spec: Requests, revision: Callable[[str], str | None]) -> None:
        self._knocks = knocks
        self._path = spec.path
        self._interval_s = 1 / spec.rate
        self._revision = revision
        self.seen = Seen()
        self._made = 0
        self._at: defaultdict[int, list[Callable[[], None]]] = defaultdict(list)

    def at_request(self, number: int, call: Callable[[], None]) -> None:
        """Call this once so many requests have been made; at once, where they have been."""
        if number <= self._made:
            call()
        else:
            self._at[number].append(call)

    async def run(self) -> None:
        """Send requests until cancelled; those under way then are not counted.

        A request is due every 1/rate seconds from the beginning on. Those that came due while this process
        was busy elsewhere are sent at once, so that the total is the rate times the time.
        """
        import aiohttp

        loop = asyncio.get_running_loop()
        connector = aiohttp.TCPConnector(limit=0, force_close=True)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
        under_way: set[asyncio.Task[None]] = set()
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            due_s = loop.time()
            try:
                while True:
                    task = asyncio.create_task(self._request(session))
                    self._made += 1
                    for call in self._at.pop(self._made, ()):
                        call()
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                    due_s += self._interval_s
                    await asyncio.sleep(max(due_s - loop.time(), 0))
            finally:
                for task in under_way:
                    task.cancel()
                await asyncio.gather(*under_way, return_exceptions=True)

    async def _request(self, session: aiohttp.ClientSession) -> None:
        import aiohttp

        began_s = asyncio.get_running_loop().time()
        host, status = None, None
        try:
            async with session.get(self._knocks.url + self._path, allow_redirects=False) as response:
                host = response.headers.get(HOST_HEADER)
                await response.read()
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = None
        self._count(host, status, began_s)

    def _count(self, host: str | None, status: int | None, began_s: float) -> None:
        seen = self.seen
        took_us = int((asyncio.get_running_loop().time() - began_s) * 1_000_000)
        failed = status is None or status >= FAILED_FROM
        revision = None if host is None or host.startswith("<") else self._revision(host)
        seen.total += 1
        seen.failed += failed
        seen.requests[revision or ""] += 1
        seen.failures[revision or ""] += failed
        if revision is not None and status is not None:
            seen.times[revision].add(took_us)
        if host is None or host.startswith("<"):
            return
        if revision is not None:
            seen.by_revision[revision] += 1
        if self._knocks.held_out(host, began_s):
            self.seen.strays += 1
