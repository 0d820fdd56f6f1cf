"""SELinux contexts, as the ``context`` of a permission writes them.

Grammar and bounds are the open-source agent's (aws-codedeploy-agent, range_info.rb): ``s0``, ``s0-s3``,
``s0-s3:c0.c255,c300``. The agent reads the SELinux user from ``name``; the documentation calls it ``user``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CATEGORY_MAX = 1023

_SENSITIVITY = re.compile(r"s([0-9]+)")
_CATEGORY = re.compile(r"c([0-9]+)")


@dataclass(frozen=True, slots=True)
class Context:
    """What ``semanage fcontext`` is given: the type, and the user and range where they are named."""

    type: str
    name: str | None = None
    range: str | None = None


def check_range(text: str) -> None:
    """Accept a range, or raise ValueError with what is wrong with it."""
    levels, colon, categories = text.partition(":")
    numbers = [_number(_SENSITIVITY, part, "sensitivity", "s0") for part in levels.split("-", 1)]
    if len(numbers) == 2 and numbers[1] < numbers[0]:
        raise ValueError(f"the range `{text}` ends below its beginning")
    if not colon:
        return
    seen: set[int] = set()
    for part in categories.split(","):
        ends = [_number(_CATEGORY, end, "category", "c0") for end in part.split(".", 1)]
        low, high = ends[0], ends[-1]
        if max(low, high) > CATEGORY_MAX:
            raise ValueError(f"the category `{part}` is above c{CATEGORY_MAX}")
        if high < low:
            raise ValueError(f"the categories `{part}` end below their beginning")
        span = set(range(low, high + 1))
        if span & seen:
            raise ValueError(f"the category c{min(span & seen)} is named twice")
        seen |= span


def _number(shape: re.Pattern[str], text: str, what: str, example: str) -> int:
    found = shape.fullmatch(text)
    if not found:
        raise ValueError(f"`{text}` is no {what}; one is written like {example}")
    return int(found.group(1))
