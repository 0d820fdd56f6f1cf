"""How often, how long and when: what all random scenarios draw from.

Most of what is drawn goes well for a while: a fleet in which everything is broken at once never comes to its second
stage, and what happens there would never be tried.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

Told = dict[str, Any]
"""A part of a scenario, as it is written."""


def mostly(usual: Any, *others: Any) -> st.SearchStrategy[Any]:
    """The usual three times in four."""
    return st.sampled_from([*[usual] * (3 * len(others)), *others])


def one_in(count: int) -> st.SearchStrategy[bool]:
    """True so often."""
    return st.sampled_from([*[False] * (count - 1), True])


times = st.one_of(st.integers(0, 5_000), st.integers(0, 30_000), st.integers(0, 120_000)).map(lambda ms: f"{ms}ms")
"""Moments of a run: mostly early ones."""
some_times = st.integers(1, 15_000).map(lambda ms: f"{ms}ms")
"""How long a fault lasts."""
waits = st.sampled_from(["1s", "20s", "0s", "60s"])
"""How long a stage bakes."""
