"""Shares of traffic as the small whole numbers that a balancer takes for weights.

The hosts to which traffic is shifted have one weight, the others another, so that hosts of a side are alike. What is
wanted is a ratio: with `n` hosts on the shifted side, `m` on the other and a share of `p` percent, a shifted host is
to weigh `p × m ÷ ((100 - p) × n)` of another. For each weight that another host can have there is one largest weight
of a shifted host that does not exceed this; the pair that comes nearest is taken, the smallest of those alike.

A ratio beyond 1:256 cannot be had with the weights alone: 50 hosts that together get 1 % beside one that gets 99 %
would each weigh a fraction of 1. Then as many hosts of the lighter side as the ratio allows take part, and the others
weigh nothing: the share is what was promised, which hosts of a side bear it was not.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Final

WEIGHT_MAX: Final = 256
"""HAProxy 2.6, management guide, "set server … weight"."""
ALONE: Final = 1
"""The weight of every host while nothing is shifted."""
_WHOLE: Final = 100


@dataclass(frozen=True, slots=True)
class Shift:
    """These hosts together have `percent` of the traffic, the others the rest."""

    hosts: frozenset[str]
    percent: int


@lru_cache(1024)
def pair(shifted: int, others: int, percent: int) -> tuple[int, int]:
    """The weights of a shifted host and of another; 0 < percent < 100, and their ratio can be had."""
    top, bottom = percent * others, (_WHOLE - percent) * shifted
    best, weights = Fraction(0), (0, ALONE)
    for other in range(1, WEIGHT_MAX + 1):
        weight = min(WEIGHT_MAX, other * top // bottom)
        if (ratio := Fraction(weight, other)) > best:
            best, weights = ratio, (weight, other)
    return weights


def weigh(shifted: Iterable[str], others: Iterable[str], percent: int) -> dict[str, int]:
    """The weight of every host in service, for a share that is as near to `percent` as can be and never above it.

    A side alone gets everything, unless its share is nothing: then nobody answers, as with a weight of nothing.
    """
    new, old = sorted(shifted), sorted(others)
    if not new or not old or percent in (0, _WHOLE):
        return dict.fromkeys(new, ALONE if percent else 0) | dict.fromkeys(old, ALONE if percent < _WHOLE else 0)
    rest = _WHOLE - percent
    news = min(len(new), WEIGHT_MAX * percent * len(old) // rest)
    olds = min(len(old), WEIGHT_MAX * rest * len(new) // percent)
    weight, other = pair(news, olds, percent)
    return {
        **dict.fromkeys(new, 0),
        **dict.fromkeys(old, 0),
        **dict.fromkeys(new[:news], weight),
        **dict.fromkeys(old[:olds], other),
    }


def waiting(shift: Shift, host: str, in_service: Mapping[str, int]) -> int:
    """The weight of a host that is not in service, with which it would begin before anybody has seen it come back.

    One of the lighter side begins with nothing, so that its side's share is not exceeded even for that moment.
    """
    if host in shift.hosts:
        return ALONE if shift.percent == _WHOLE else 0
    if shift.percent == _WHOLE:
        return 0
    return max((weight for name, weight in in_service.items() if name not in shift.hosts), default=WEIGHT_MAX)


def weights(shift: Shift | None, hosts: Iterable[str], in_service: Collection[str]) -> dict[str, int]:
    """The weight of every host, whether it is in service or not."""
    if shift is None:
        return dict.fromkeys(hosts, ALONE)
    serving = weigh(
        (host for host in in_service if host in shift.hosts),
        (host for host in in_service if host not in shift.hosts),
        shift.percent,
    )
    return {host: waiting(shift, host, serving) for host in hosts} | serving
