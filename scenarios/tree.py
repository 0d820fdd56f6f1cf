"""YAML as a tree that remembers where everything stood.

The values are those that YAML 1.2 and everybody's intuition agree on: `yes` is a word and a date is text.
What is wrong with the YAML itself (a key written twice, an unknown tag, a syntax error) is told at its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import yaml
from yaml.constructor import SafeConstructor
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

NODES_MAX = 2_000_000
"""More nodes than this are refused: aliases can make a small file unfold without end."""
DEPTH_MAX = 100
"""Deeper nesting than this is refused."""

Place = tuple[int, int]
Report = Callable[[Place, str, str], None]
"""Tells a mistake: its place, what is wrong, what to do."""

_LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line in YAML."""
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Tree:
    """A node: a mapping (`dict`), a list, or a scalar with the text that was written for it."""

    line: int
    column: int
    value: dict[str, Tree] | list[Tree] | str | int | float | bool | None
    text: str = ""
    keys: dict[str, Place] = field(default_factory=dict)

    @property
    def place(self) -> Place:
        """Line and column, from 1."""
        return self.line, self.column

    @property
    def entries(self) -> dict[str, Tree]:
        """The keys and values of a mapping; empty for anything else."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Tree]:
        """The items of a list; empty for anything else."""
        return self.value if isinstance(self.value, list) else []

    @property
    def word(self) -> str | None:
        """The value, if it is text."""
        return self.value if isinstance(self.value, str) else None

    @property
    def number(self) -> int | None:
        """The value, if it is a whole number."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    def get(self, *path: str) -> Tree | None:
        """The node at that path of keys; None where a key is absent or left empty."""
        node = self
        for key in path:
            found = node.entries.get(key)
            if found is None or found.value is None:
                return None
            node = found
        return node

    def each(self, *path: str) -> Iterator[Tree]:
        """The items of the list at that path."""
        node = self.get(*path)
        return iter(node.items if node is not None else ())

    def plain(self) -> object:
        """The same as dictionaries, lists and scalars."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, list):
            return [node.plain() for node in self.value]
        return self.value


def parse(text: str, report: Report) -> Tree | None:
    """The tree of a YAML document, or None where there is none to speak of; mistakes go to `report`."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        report(*_syntax(error))
        return None
    except yaml.reader.ReaderError as error:
        before = _LINE_BREAK.split(text[: error.position])
        message = f"a character that YAML does not allow: {_character(error.character)}"
        report((len(before), len(before[-1]) + 1), message, "remove it")
        return None
    except RecursionError:
        report((1, 1), "the lists and mappings are nested too deeply to be read", "nest them less deeply")
        return None
    if node is None:
        return None
    return _Reader(report).read(node, 0)


def _character(character: object) -> str:
    """PyYAML gives a number, or a text of one character."""
    number = character if isinstance(character, int) else ord(str(character)[:1] or "\0")
    return f"U+{number:04X}"


def _syntax(error: yaml.MarkedYAMLError) -> tuple[Place, str, str]:
    mark = error.problem_mark or error.context_mark
    place = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    problem = error.problem or "the YAML cannot be read"
    if "'\\t'" in problem:
        return place, "a tab where YAML wants spaces", "indent with spaces"
    if "mapping values are not allowed" in problem:
        return (
            place,
            "a colon in the middle of a value, or a key that is indented more than those before it",
            "put the value in quotes, or indent the key like its neighbours",
        )
    if "single document" in (error.context or ""):
        return place, "a second YAML document begins here", "keep one scenario in a file, without ---"
    if "found undefined alias" in problem:
        return place, f"{problem[6:]}", "define it with & before it is used"
    where = ""
    if error.context_mark is not None and error.context_mark.line + 1 != place[0]:
        where = f" (in what begins at line {error.context_mark.line + 1})"
    return (
        place,
        f"this is not YAML: {problem}{where}",
        "look at the indentation, quotes and brackets before this place",
    )


class _Reader:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._construct = SafeConstructor()
        self._nodes = 0
        self._gave_up = False

    def read(self, node: Node, depth: int) -> Tree:
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        self._nodes += 1
        if self._gave_up or self._nodes > NODES_MAX or depth > DEPTH_MAX:
            if not self._gave_up:
                message = "the lists and mappings, with their aliases, do not end"
                self._report((line, column), message, "nest them less deeply")
            self._gave_up = True
            return Tree(line, column, None)
        if isinstance(node, MappingNode):
            return self._mapping(node, depth)
        if isinstance(node, SequenceNode):
            return Tree(line, column, [self.read(item, depth + 1) for item in node.value])
        if not isinstance(node, ScalarNode):
            raise TypeError(f"PyYAML made a node of an unknown kind: {node!r}")
        return Tree(line, column, self._scalar(node), node.value)

    def _mapping(self, node: MappingNode, depth: int) -> Tree:
        entries: dict[str, Tree] = {}
        keys: dict[str, Place] = {}
        merged: dict[str, Tree] = {}
        for key_node, value_node in node.value:
            place = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, ScalarNode):
                self._report(place, "a list or mapping stands where a key is wanted", "write a word before the colon")
                continue
            value = self.read(value_node, depth + 1)
            key = key_node.value
            if key_node.tag == f"{_TAG}merge":
                for source in [value, *value.items]:
                    merged.update({name: tree for name, tree in source.entries.items() if name not in merged})
            elif key in entries:
                self._report(
                    place,
                    f"the key {key} is written twice in one mapping; the first is at line {keys[key][0]}",
                    "keep one of the two",
                )
            else:
                entries[key], keys[key] = value, place
        for name, tree in merged.items():
            if name not in entries:
                entries[name], keys[name] = tree, tree.place
        return Tree(node.start_mark.line + 1, node.start_mark.column + 1, entries, keys=keys)

    def _scalar(self, node: ScalarNode) -> str | int | float | bool | None:
        kind = node.tag.removeprefix(_TAG)
        text: str = node.value
        match kind:
            case "null":
                return None
            case "bool" if text.lower() in ("true", "false"):
                return text.lower() == "true"
            case "int" | "float" if ":" not in text:
                try:
                    number: int | float = (
                        self._construct.construct_yaml_int(node)
                        if kind == "int"
                        else self._construct.construct_yaml_float(node)
                    )
                except ValueError:
                    return text
                return number
            case "str" | "bool" | "int" | "float" | "timestamp" | "value":
                return text
        place = (node.start_mark.line + 1, node.start_mark.column + 1)
        self._report(place, f"the tag {node.tag.replace(_TAG, '!!')} means nothing here", "remove it")
        return text
