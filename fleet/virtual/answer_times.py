"""How long the virtual fleet's answers take: around what the revision says, drawn by the seed.

Times are drawn for blocks of requests, and a block is drawn once for each revision and base, so that a million
requests cost no more than a thousand.
"""

from __future__ import annotations

from collections import Counter

from fleet.balancer.fluid import Share
from fleet.figures import NOTHING, Figures, Histogram, Tally, bin_of
from fleet.virtual.draws import mix, stream

_BLOCK = 1024


class AnswerTimes:
    """Draws the answers' times of a run."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._blocks: dict[tuple[str, int], tuple[list[int], Histogram]] = {}
        """By revision and base: the block's times as a histogram's parts, one by one and all together."""

    def first(self, revision: str, base_ms: int, requests: int) -> Histogram:
        """The times of the first so many requests that this revision answered in about so long. O(1)."""
        parts, whole = self._block(revision, base_ms)
        blocks, rest = divmod(requests, _BLOCK)
        found = Histogram(Counter(parts[:rest]))
        if blocks:
            found.update(whole, blocks)
        return found

    def _block(self, revision: str, base_ms: int) -> tuple[list[int], Histogram]:
        key = (revision, base_ms)
        if key not in self._blocks:
            draws = stream(self._seed, "answer", revision, base_ms)
            parts = [bin_of(base_ms * spread(mix(draws, number) & 0xFFFF)) for number in range(_BLOCK)]
            self._blocks[key] = parts, Histogram(Counter(parts))
        return self._blocks[key]


def spread(draw: int) -> int:
    """A draw (0 to 65535) as a factor in thousandths: around one, seldom below 0.8, a few beyond two."""
    tail = draw**16 >> 240  # 0 to 65535: large for the highest draws only
    return 800 + (400 * draw >> 16) + (1200 * tail >> 16)


def figures_of(shares: dict[Share, int], unanswered: int, in_service: int, times: AnswerTimes) -> Figures:
    """Requests by their fate as figures, with times drawn for them."""
    found: dict[str, Tally] = {}
    if unanswered:
        found[""] = Tally(unanswered, unanswered)
    for fate, requests in shares.items():
        name = fate.serves or ""
        answers = times.first(name, fate.answers_ms, requests) if name else Histogram()
        tally = Tally(requests, 0 if fate.well else requests, answers)
        found[name] = found.get(name, NOTHING).plus(tally)
    return Figures(found, in_service)
