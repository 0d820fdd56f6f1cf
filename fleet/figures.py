"""What the balancer can say of the service's requests since the run began: how many, how well, how fast.

Times are kept in a histogram of bounded size (as HdrHistogram has it): each power of two of microseconds is cut into
64 equal parts, so a time is known to 1.6 %, and one is counted by integer arithmetic alone, alike on every machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Self

_BITS = 7
TIME_MAX_US = 3_600_000_000
"""An hour; a longer time is counted as one."""


def bin_of(time_us: int) -> int:
    """The lowest time, in microseconds, that is told apart from nothing in this time's part."""
    time_us = min(max(time_us, 0), TIME_MAX_US)
    shift = max(time_us.bit_length() - _BITS, 0)
    return time_us >> shift << shift


class Histogram:
    """Times by their parts. `counts` maps the lowest time of a part, in microseconds, to how many fell in it."""

    __slots__ = ("counts",)

    def __init__(self, counts: Mapping[int, int] | None = None) -> None:
        self.counts: dict[int, int] = dict(counts or {})

    def add(self, time_us: int, times: int = 1) -> None:
        """Count one time, so many times. O(1)."""
        part = bin_of(time_us)
        self.counts[part] = self.counts.get(part, 0) + times

    def update(self, other: Histogram, times: int = 1) -> None:
        """Count all times of another one, so many times."""
        for part, count in other.counts.items():
            self.counts[part] = self.counts.get(part, 0) + count * times

    @property
    def total(self) -> int:
        """How many times were counted."""
        return sum(self.counts.values())

    def quantile_us(self, percent: int) -> int | None:
        """The smallest time that at least so many percent of all do not exceed; None where there is none."""
        left = -(-self.total * percent // 100)
        for part in sorted(self.counts):
            left -= self.counts[part]
            if self.counts[part] and left <= 0:
                return part
        return None

    def values_us(self) -> Iterator[int]:
        """Every time, in order."""
        for part in sorted(self.counts):
            for _ in range(self.counts[part]):
                yield part

    def copy(self) -> Histogram:
        """The same, apart."""
        return Histogram(self.counts)

    def since(self, before: Histogram) -> Histogram:
        """What has been counted since it was `before`."""
        differences = ((part, count - before.counts.get(part, 0)) for part, count in self.counts.items())
        return Histogram({part: count for part, count in differences if count > 0})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Histogram) and self.counts == other.counts

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests: how many, how many failed (no answer, or a status of 400 and above), and how long answers took."""

    requests: int = 0
    failed: int = 0
    times: Histogram = field(default_factory=Histogram)

    @property
    def error_rate(self) -> Fraction | None:
        """The share that failed; None where there was no request."""
        return Fraction(self.failed, self.requests) if self.requests else None

    def latency_ms(self, percent: int) -> Fraction | None:
        """A percentile of the answers' times in milliseconds; None where there was no answer."""
        time_us = self.times.quantile_us(percent)
        return None if time_us is None else Fraction(time_us, 1000)

    def since(self, before: Tally) -> Tally:
        """What has come since it was `before`."""
        times = self.times.since(before.times)
        return Tally(self.requests - before.requests, self.failed - before.failed, times)

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        times = self.times.copy()
        times.update(other.times)
        return Tally(self.requests + other.requests, self.failed + other.failed, times)


NOTHING = Tally()
"""No request."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Requests since the run began, by the revision that answered; under `""` those that no revision answered.

    `in_service`: how many hosts the balancer now sends requests to.
    """

    by_revision: Mapping[str, Tally]
    in_service: int

    def of(self, revision: str) -> Tally:
        """The requests that a revision answered."""
        return self.by_revision.get(revision, NOTHING)

    @property
    def all(self) -> Tally:
        """Every request."""
        total = NOTHING
        for tally in self.by_revision.values():
            total = total.plus(tally)
        return total

    def since(self, before: Self) -> Figures:
        """What has come since they were `before`; the hosts in service are those of now."""
        by_revision = {name: tally.since(before.of(name)) for name, tally in self.by_revision.items()}
        return Figures(by_revision, self.in_service)
