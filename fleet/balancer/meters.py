"""Meters: when a host has been given so many of the users' requests, exactly, in the fluid of `fleet.balancer.fluid`.

Every host in service of a side is given the same, so one level for each side says what all of its hosts have been
given; a host's meter is a mark above that level, and only the lowest mark of a side can be the next to be reached.
Levels are counted in billionths of a request, rounded down at each change of the hosts in service.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from typing import Final

_REQUEST: Final = 10**9
_PERCENT_MS: Final = 100 * 1000
"""A share is in percent of requests per second, and time in milliseconds."""


class Meters:
    """The meters of a run. `rate`: the users' requests per second. A meter is known by a key, and is at a host."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._levels = {False: 0, True: 0}
        self._side: dict[str, bool] = {}
        """Of hosts in service that have meters: on which side of the traffic they are."""
        self._at: dict[str, dict[Hashable, int]] = {}
        """Of each host's meters: the mark while the host is in service, else what is left."""
        self._calls: dict[Hashable, Callable[[], None]] = {}
        self._marks: dict[bool, list[tuple[int, int, str, Hashable]]] = {False: [], True: []}
        self._order = 0

    def add(self, key: Hashable, host: str, side: bool | None, requests: int, call: Callable[[], None]) -> None:
        """Call once the host has been given so many requests from now on; `side` None: it is not in service."""
        meters = self._at.setdefault(host, {})
        meters[key] = requests * _REQUEST
        self._calls[key] = call
        if side is not None:
            self._side[host] = side
            self._mark(side, host, key, meters)

    def remove(self, key: Hashable, host: str) -> None:
        """Measure no more. One that is not there is as good."""
        self._at.get(host, {}).pop(key, None)
        self._calls.pop(key, None)

    def passed(self, ms: int, shares: dict[bool, int], hosts: dict[bool, int]) -> None:
        """Time has passed in which each side had this share, in percent, and so many hosts in service."""
        for side, share in shares.items():
            if hosts[side]:
                self._levels[side] += ms * share * self._rate * _REQUEST // (_PERCENT_MS * hosts[side])

    def comes(self, host: str, side: bool) -> None:
        """A host has come into service."""
        if (meters := self._at.get(host)) is not None:
            self._side[host] = side
            for key in meters:
                self._mark(side, host, key, meters)

    def leaves(self, host: str) -> None:
        """A host is in service no more: what it has been given counts."""
        if (side := self._side.pop(host, None)) is not None:
            for key in (meters := self._at[host]):
                meters[key] -= self._levels[side]

    def reached(self) -> list[Callable[[], None]]:
        """What is to be called, because its host has been given as much; once."""
        due = []
        for side in self._marks:
            while (top := self._lowest(side)) is not None and top[0] <= self._levels[side]:
                _, _, host, key = heapq.heappop(self._marks[side])
                del self._at[host][key]
                due.append(self._calls.pop(key))
        return due

    def next_ms(self, shares: dict[bool, int], hosts: dict[bool, int]) -> int | None:
        """In how many milliseconds the next meter is reached if nothing changes; None: never."""
        found = []
        for side, share in shares.items():
            top = self._lowest(side)
            if top is not None and share and hosts[side]:
                rest = (top[0] - self._levels[side]) * _PERCENT_MS * hosts[side]
                found.append(max(-(-rest // (share * self._rate * _REQUEST)), 0))
        return min(found, default=None)

    def _mark(self, side: bool, host: str, key: Hashable, meters: dict[Hashable, int]) -> None:
        meters[key] += self._levels[side]
        self._order += 1
        heapq.heappush(self._marks[side], (meters[key], self._order, host, key))

    def _lowest(self, side: bool) -> tuple[int, int, str, Hashable] | None:
        """The lowest mark that still stands; those of hosts that have left, or were taken away, go."""
        marks = self._marks[side]
        while marks:
            mark, _, host, key = marks[0]
            if self._side.get(host) is side and self._at.get(host, {}).get(key) == mark:
                return marks[0]
            heapq.heappop(marks)
        return None
