"""How a run speaks of its faults: each by a name that no other has."""

from __future__ import annotations

from collections.abc import Container, Iterable
from itertools import count

from scenarios.model import Effect, Fault
from scenarios.words import duration_text


def names_of(faults: Iterable[Fault]) -> tuple[str, ...]:
    """The faults' own names, or names from their effects: `health 404`, and `health 404 (2)` for the next such."""
    faults = tuple(faults)
    given = {fault.name for fault in faults if fault.name}
    names = []
    for fault in faults:
        name = fault.name or _unlike(given, _words(fault.do))
        given.add(name)
        names.append(name)
    return tuple(names)


def _unlike(others: Container[str], name: str) -> str:
    return next(found for n in count(1) if (found := f"{name} ({n})" if n > 1 else name) not in others)


def _words(effect: Effect) -> str:
    """What an effect does: `health 404`, `script hang`, `host crash`, `slow start 20s`, `alarm errors ALARM`."""
    value = getattr(effect, effect.kind)
    what = duration_text(value) if isinstance(value, int) else getattr(value, "words", value)
    return f"{effect.kind.replace('_', ' ')} {what}"
