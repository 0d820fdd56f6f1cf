"""YAML with its places: a thin layer over PyYAML's node trees, and the list of mistakes found on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from fleet.agent.appspec_model import Mark, Problem, Severity
from fleet.agent.appspec_words import explain_key

APPSPEC_MAX_BYTES = 1024 * 1024

_NULL = "tag:yaml.org,2002:null"


class Unreadable(Exception):
    """The text is no YAML; ``problem`` says where and why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a mapping with its value."""

    key: yaml.Node
    value: yaml.Node


class Notes:
    """The mistakes found so far, in the order in which an agent would meet them."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def error(self, at: yaml.Node | None, message: str, remedy: str) -> None:
        """Note a mistake for which the agent refuses the file."""
        self._add("error", at, message, remedy)

    def warn(self, at: yaml.Node | None, message: str, remedy: str) -> None:
        """Note something that goes otherwise than it seems."""
        self._add("warning", at, message, remedy)

    def warn_at(self, mark: Mark, message: str, remedy: str) -> None:
        """The same, at a place."""
        self.problems.append(Problem("warning", mark.line, mark.column, message, remedy))

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The errors alone."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    def _add(self, severity: Severity, at: yaml.Node | None, message: str, remedy: str) -> None:
        mark = mark_of(at)
        self.problems.append(Problem(severity, mark.line, mark.column, message, remedy))


class Document:
    """The first document of a YAML text, as nodes.

    Like the Ruby agent's reader it ignores any later document.
    """

    def __init__(self, text: str) -> None:
        if len(text.encode("utf-8", "surrogatepass")) > APPSPEC_MAX_BYTES:
            raise Unreadable(Problem("error", 1, 1, f"the file is larger than {APPSPEC_MAX_BYTES} bytes", "shorten it"))
        try:
            self._loader = yaml.SafeLoader(text)
            self.root: yaml.Node | None = self._loader.get_node() if self._loader.check_node() else None
        except yaml.MarkedYAMLError as error:
            raise Unreadable(_problem_of(error)) from error
        except (yaml.YAMLError, RecursionError) as error:
            reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error).split("\n")[0]
            raise Unreadable(
                Problem(
                    "error",
                    1,
                    1,
                    f"the file is no YAML: {reason}",
                    "correct it, in UTF-8 and without control characters",
                )
            ) from error

    def value(self, node: yaml.Node) -> object:
        """The Python value of a scalar by YAML 1.1 (``yes`` is true, ``0644`` is 420).

        Where it has none, its text.
        """
        if not isinstance(node, yaml.ScalarNode):
            return None
        try:
            value: object = self._loader.construct_object(node)
        except (yaml.YAMLError, ValueError, OverflowError):
            return str(node.value)
        return value

    def entries(self, node: yaml.Node, notes: Notes) -> dict[str, Entry] | None:
        """A mapping by key, merges (``<<``) resolved, the last of equal keys kept.

        Nothing but None for what is no mapping.
        """
        if not isinstance(node, yaml.MappingNode):
            return None
        try:
            self._loader.flatten_mapping(node)
        except (yaml.YAMLError, RecursionError) as error:
            notes.error(
                node,
                f"the merge key `<<` cannot be resolved: {error}".split("\n")[0],
                "merge a mapping by its alias",
            )
            return None
        found: dict[str, Entry] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                notes.error(key, "a key is expected to be a word, and is a list or a mapping", "write `key: value`")
                continue
            name = str(key.value)
            if name in found:
                notes.warn(key, f"`{name}` is given twice; the agent keeps only this last one", "join the two")
            found[name] = Entry(key, value)
        return found


def known(entries: dict[str, Entry], keys: tuple[str, ...], where: str, notes: Notes) -> dict[str, Entry]:
    """The entries whose key is one of ``keys``.

    The others are noted with the nearest word and the consequence.
    """
    for name, entry in entries.items():
        if name not in keys:
            notes.warn(entry.key, *explain_key(name, keys, where))
    return {name: entry for name, entry in entries.items() if name in keys}


def items(node: yaml.Node | None, what: str, notes: Notes) -> Iterator[yaml.Node]:
    """The items of a list; nothing for an absent or empty one; an error for anything else."""
    if node is None or is_null(node):
        return
    if not isinstance(node, yaml.SequenceNode):
        notes.error(node, f"{what} is expected to be a list, and is {kind_of(node)}", "begin each entry with `- `")
        return
    yield from node.value


def is_null(node: yaml.Node) -> bool:
    """Whether the node is empty, ``~`` or ``null``."""
    return isinstance(node, yaml.ScalarNode) and node.tag == _NULL


def text_of(entry: Entry | None) -> str | None:
    """The text of a scalar as it is written; None for an absent one, an empty one, a list or a mapping."""
    if entry is None or not isinstance(entry.value, yaml.ScalarNode) or is_null(entry.value):
        return None
    return str(entry.value.value)


def kind_of(node: yaml.Node) -> str:
    """What a node is, in words."""
    if isinstance(node, yaml.MappingNode):
        return "a mapping"
    if isinstance(node, yaml.SequenceNode):
        return "a list"
    return "empty" if is_null(node) else f"`{node.value}`"


def mark_of(node: yaml.Node | None) -> Mark:
    """Where a node begins."""
    if node is None or node.start_mark is None:
        return Mark()
    return Mark(node.start_mark.line + 1, node.start_mark.column + 1)


def _problem_of(error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    reason = str(error.problem or error.context or error)
    remedy = "indent with spaces, not tabs" if "\\t" in reason else "correct the YAML there"
    return Problem("error", line, column, f"the file is no YAML: {reason}", remedy)
