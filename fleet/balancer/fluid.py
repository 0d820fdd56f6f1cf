"""Traffic as a fluid: who answers how many requests, exactly.

Between two changes every host in service gets the same share of the requests; while traffic is shifted, the hosts to
which it is shifted share their percentage evenly, and the others share the rest. So what each kind of host answers is
`rate × time × hosts of that kind × percent ÷ (100 × hosts of that side)`: integers over integers, summed as fractions
at the end.
"""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from math import ceil
from typing import NamedTuple, TypeVar

from fleet.balancer.meters import Meters

_WHOLE = 100
_NOBODY = ""
"""Stands for the revision of an answer that nobody gave, or a host without a revision."""
_Key = TypeVar("_Key")


class Kind(NamedTuple):
    """What makes hosts alike to the traffic: whether it is shifted to them, what they serve, how well and how fast.

    `answers_ms`: about how long an answer takes, in milliseconds; `lost`: percent of the packets on the way to them;
    `held`: whether they are to get no requests, as far as the balancer was told.
    """

    shifted: bool
    serves: str | None
    well: bool
    answers_ms: int = 0
    lost: int = 0
    held: bool = False


class Share(NamedTuple):
    """Requests that had the same fate: who answered, whether well, and about how fast."""

    serves: str | None
    well: bool
    answers_ms: int


RESENT_MS = (0, 1_000, 3_000, 7_000, 15_000, 31_000, 63_000)
"""When TCP sends the first packet of a connection, and sends it again while there is no answer (RFC 6298; Linux)."""


def tries(timeout_ms: int) -> int:
    """How often the first packet of a connection is sent within a time."""
    return sum(at_ms < timeout_ms for at_ms in RESENT_MS)


class Fluid:
    """The requests of a run. `rate` is requests per second; `tries`: so often a connection is tried."""

    def __init__(self, rate: int, tries: int = 1) -> None:
        self.rate = rate
        self._tries = tries
        self._hosts: dict[Kind, int] = defaultdict(int)
        self._side = {False: 0, True: 0}
        self.percent: int | None = None
        """The share of the shifted side; None while nothing is shifted, and there is one side."""
        self._answered: dict[tuple[int, Kind], int] = defaultdict(int)
        """Of what is not settled yet: by how many shared a side, and the kind, the hosts' percent and milliseconds."""
        self._settled: dict[Share, Fraction] = defaultdict(Fraction)
        """Requests by their fate, up to when somebody last asked."""
        self._stray: dict[int, int] = defaultdict(int)
        """As `_answered`, without the kinds: what held hosts were sent, or a side without a share."""
        self._unanswered: dict[int, int] = defaultdict(int)
        self.settled_ms = 0
        """Until when the requests are accounted for."""
        self.meters: Meters | None = None
        """Who wants to know what single hosts are given."""

    @property
    def in_service(self) -> int:
        """Hosts in service."""
        return self._side[False] + self._side[True]

    def count(self, kind: Kind, change: int) -> None:
        """A host of this kind comes into service (+1) or leaves it (-1). Settle first."""
        self._hosts[kind] += change
        self._side[kind.shifted] += change

    def shift(self, percent: int | None) -> None:
        """From now on the shifted side has this share; None: there is one side again. Settle first."""
        self.percent = percent

    def settle(self, now_ms: int) -> None:
        """Account for the time since the last change."""
        passed_ms = now_ms - self.settled_ms
        self.settled_ms = now_ms
        if not passed_ms:
            return
        shares = self._shares()
        if self.meters is not None:
            self.meters.passed(passed_ms, shares, self._side)
        for kind, hosts in self._hosts.items():
            share = shares[kind.shifted]
            if hosts and share:
                self._answered[self._side[kind.shifted], kind] += passed_ms * hosts * share
                if kind.held or self.percent == (0 if kind.shifted else _WHOLE):
                    self._stray[self._side[kind.shifted]] += passed_ms * hosts * share
        answered = sum(share for side, share in shares.items() if self._side[side])
        if answered < _WHOLE:
            self._unanswered[_WHOLE - answered] += passed_ms

    def next_meter_ms(self) -> int | None:
        """In how many milliseconds the next meter is reached if nothing changes; None: never. Settle first."""
        return self.meters.next_ms(self._shares(), self._side) if self.meters is not None else None

    def _shares(self) -> dict[bool, int]:
        """Each side's percentage. A side without hosts in service leaves the other all that the other may have."""
        if self.percent is None:
            return {False: _WHOLE, True: 0}
        old, new = self._side[False], self._side[True]
        if old and new:
            return {False: _WHOLE - self.percent, True: self.percent}
        # A balancer sends nothing to a weight of nothing, and everything to whatever else there is.
        return {False: _WHOLE if self.percent < _WHOLE else 0, True: _WHOLE if self.percent else 0}

    def measure(self, now_ms: int) -> tuple[int, int, tuple[tuple[str, int], ...]]:
        """Requests since the run began: all, failed, and by the revision that answered, as whole numbers.

        They are rounded together, by who answered and how, so that they add up: a revision that alone fails answers
        no fewer requests than have failed.
        """
        self.settle(now_ms)
        fates: dict[tuple[str, bool], Fraction] = defaultdict(Fraction)
        fates[_NOBODY, False] = self._unanswered_ms() * self.rate / 1000
        for fate, share in self._fates().items():
            fates[fate.serves or _NOBODY, fate.well] += share
        requests = whole({fate: fates[fate] for fate in sorted(fates)})
        by_revision: dict[str, int] = defaultdict(int)
        for (name, _), number in requests.items():
            by_revision[name] += number
        failed = sum(number for (_, well), number in requests.items() if not well)
        answered = tuple((name, number) for name, number in by_revision.items() if name != _NOBODY)
        return sum(requests.values()), failed, answered

    @property
    def strays(self) -> int:
        """Requests that reached a host which was to get none, up to the last change: any part of one counts."""
        host_ms = sum((Fraction(ms, hosts * _WHOLE) for hosts, ms in self._stray.items()), Fraction())
        return ceil(host_ms * self.rate / 1000)

    def shares(self, now_ms: int) -> tuple[dict[Share, int], int]:
        """Requests since the run began by their fate, and those that nobody was there to answer: whole ones only."""
        self.settle(now_ms)
        fates = {fate: int(share) for fate, share in self._fates().items()}
        return fates, int(self._unanswered_ms() * self.rate / 1000)

    def _fates(self) -> dict[Share, Fraction]:
        """Requests by their fate. What was added up once is not added up again: an alarm asks every period.

        Where packets are lost, a request whose first one is lost waits until it is sent again, and fails in the end.
        """
        for (hosts, kind), host_ms in self._answered.items():
            share = Fraction(host_ms * self.rate, hosts * _WHOLE * 1000)
            fate = Share(kind.serves, kind.well, kind.answers_ms)
            lost = Fraction(kind.lost, 100)
            if not lost:
                self._settled[fate] += share
                continue
            for at_ms in RESENT_MS[: self._tries]:
                self._settled[fate._replace(answers_ms=fate.answers_ms + at_ms)] += share * (1 - lost)
                share *= lost
            self._settled[Share(None, False, 0)] += share
        self._answered.clear()
        return self._settled

    def _unanswered_ms(self) -> Fraction:
        return Fraction(sum(share * ms for share, ms in self._unanswered.items()), _WHOLE)


def whole(shares: dict[_Key, Fraction]) -> dict[_Key, int]:
    """Fractions as whole numbers that add up to their rounded sum: what is left over goes to the largest remainders."""
    rounded = {name: int(share) for name, share in shares.items()}
    left = round(sum(shares.values(), Fraction())) - sum(rounded.values())
    for name in sorted(shares, key=lambda name: rounded[name] - shares[name])[:left]:
        rounded[name] += 1
    return rounded
