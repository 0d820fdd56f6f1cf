"""A mistake in a file, as a person wants to read it: where, what was expected and found, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, Protocol, Self


class Placed(Protocol):
    """What the agent's own reader says of an AppSpec; with its file's name it becomes a `Problem`."""

    @property
    def severity(self) -> Literal["error", "warning"]: ...  # noqa: D102

    @property
    def line(self) -> int: ...  # noqa: D102

    @property
    def column(self) -> int: ...  # noqa: D102

    @property
    def message(self) -> str: ...  # noqa: D102

    @property
    def remedy(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake. Lines and columns count from 1; 0 where a file cannot be read at all.

    An `error` keeps the file from being used; a `warning` says that something goes otherwise than it seems.
    """

    file: str
    line: int
    column: int
    message: str
    remedy: str
    severity: Literal["error", "warning"] = "error"

    @classmethod
    def of(cls, file: str, found: Placed) -> Self:
        """A mistake that another reader found (the agent's, in an AppSpec) as one of this file."""
        return cls(file, found.line, found.column, found.message, found.remedy, found.severity)

    def render(self) -> str:
        """`file:line:column: error: message; remedy`: one line, which editors and terminals can follow."""
        place = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        return f"{place}: {self.severity}: {self.message}" + (f"; {self.remedy}" if self.remedy else "")


class ScenarioError(Exception):
    """A scenario that cannot be run. `problems` has every mistake, in the order of the file."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems: tuple[Problem, ...] = tuple(sorted(set(problems)))
        super().__init__("\n".join(problem.render() for problem in self.problems))


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The word that was probably meant, or None if nothing known is like it."""
    words = sorted(set(known))
    if close := difflib.get_close_matches(word, words, n=1, cutoff=0.6):
        return close[0]
    folded = {_fold(candidate): candidate for candidate in reversed(words)}
    if close := difflib.get_close_matches(_fold(word), list(folded), n=1, cutoff=0.6):
        return folded[close[0]]
    return None


def _fold(word: str) -> str:
    return "".join(letter for letter in word.lower() if letter.isalnum())


SHOWN_MAX = 12
"""More alternatives than this are not listed."""


def either(words: Iterable[str]) -> str:
    """`a, b or c`; a long list is cut, and says so."""
    listed = list(words)
    if len(listed) > SHOWN_MAX:
        return ", ".join(listed[:SHOWN_MAX]) + f" … ({len(listed)} in all)"
    return " or ".join(filter(None, (", ".join(listed[:-1]), listed[-1]))) if listed else "nothing"


def suggest(word: str, known: Iterable[str]) -> str:
    """The remedy for a word that names nothing: the nearest, or what there is."""
    listed = list(known)
    if (near := nearest(word, listed)) is not None:
        return f"did you mean {near}?"
    return f"there is {either(listed)}"
