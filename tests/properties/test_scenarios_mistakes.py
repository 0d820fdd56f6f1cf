"""Whatever is done to a scenario, the loader answers with a scenario or with mistakes that lie within the file."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scenarios import library
from scenarios.loader import loads
from scenarios.problems import ScenarioError, nearest
from scenarios.tree import Tree, parse
from scenarios.words import duration_ms, duration_text

DIRECTORY = Path(library.__file__).parent
TEXTS = {name: library.path_of(name).read_text("utf-8") for name in library.names()}
PLAIN = {name: yaml.safe_load(text) for name, text in TEXTS.items()}

LINE_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""What ends a line in YAML."""

names = st.sampled_from(sorted(TEXTS))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    st.text(max_size=10),
    st.sampled_from(["10s", "v1", "none", "h1", "/", "404", "Install", "AllowTraffic", "OneAtATime", "-"]),
)
keys = st.one_of(st.text(max_size=8), st.sampled_from(["hosts", "when", "do", "event", "revision", "random", "nth"]))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=8
)


def outcome(text: str) -> list[tuple[int, int]]:
    """The places of a text's mistakes; every mistake says what is wrong, what to do, and where in the text."""
    lines = LINE_BREAK.split(text)
    try:
        loads(text, name="f.yml", directory=DIRECTORY)
    except ScenarioError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.message
            assert problem.remedy
            assert 1 <= problem.line <= len(lines) + 1
            assert problem.column >= 1
            if problem.line <= len(lines):
                assert problem.column <= len(lines[problem.line - 1]) + 1
        return [(problem.line, problem.column) for problem in error.problems]
    return []


def paths(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all nodes below the root."""
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path for key, child in children for path in [(*at, key), *paths(child, (*at, key))]]


@settings(max_examples=150, deadline=None)
@given(name=names, data=st.data())
def test_any_value_in_any_place(name: str, data: st.DataObject) -> None:
    scenario = copy.deepcopy(PLAIN[name])
    path = data.draw(st.sampled_from(paths(scenario)))
    node = scenario
    for part in path[:-1]:
        node = node[part]
    if data.draw(st.booleans()):
        node[path[-1]] = data.draw(values)
    elif isinstance(node, dict):
        node[data.draw(keys)] = node.pop(path[-1])
    else:
        node.append(data.draw(values))
    outcome(yaml.safe_dump(scenario, allow_unicode=True))


@settings(max_examples=150, deadline=None)
@given(name=names, data=st.data())
def test_any_letter_struck_or_added(name: str, data: st.DataObject) -> None:
    text = TEXTS[name]
    at = data.draw(st.integers(0, len(text)))
    cut = data.draw(st.integers(0, 3))
    added = data.draw(st.text(alphabet=":-{}[]\"'#&*!|> \t\n\rab01é\u2028\x85", max_size=3))
    outcome(text[:at] + added + text[at + cut :])


@settings(max_examples=100, deadline=None)
@given(text=st.text(max_size=60))
def test_any_text(text: str) -> None:
    outcome(text)


def key_places(tree: Tree, at: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], tuple[int, int]]]:
    """Every key of a file, by the keys above it, with its place."""
    found = []
    for key, child in tree.entries.items():
        found.append(((*at, key), tree.keys[key]))
        found += key_places(child, (*at, key))
    for child in tree.items:
        found += key_places(child, at)
    return found


FREE = {
    ("revisions",),
    ("alarms",),
    ("analyses",),
    ("functions",),
    ("behaves", "answers"),
    ("behaves", "scripts"),
    ("behaves", "needs"),
    ("fleet", "files"),
    ("fleet", "tags"),
    ("hosts", "tags"),
    ("image", "files"),
    ("pools",),
    ("expect", "residue"),
    ("expect", "revisions"),
}
"""Where a file may write any key that it likes."""


@settings(max_examples=150, deadline=None)
@given(name=names, data=st.data())
def test_a_misspelt_key_is_told_at_its_place(name: str, data: st.DataObject) -> None:
    text = TEXTS[name]
    tree = parse(text, lambda *mistake: None)
    assert tree is not None
    written = [(at, place) for at, place in key_places(tree) if at[:-1][-2:] not in FREE and at[:-1] not in FREE]
    (*_, key), (line, column) = data.draw(st.sampled_from(written))
    lines = text.split("\n")
    row = lines[line - 1]
    wrong = f"{key}x"
    lines[line - 1] = row[: column - 1] + wrong + row[column - 1 + len(key) :]
    assert (line, column) in outcome("\n".join(lines))


@given(milliseconds=st.integers(0, 30 * 24 * 3_600_000))
def test_durations_come_back(milliseconds: int) -> None:
    assert duration_ms(duration_text(milliseconds)) == milliseconds


@given(word=st.text(max_size=20), known=st.lists(st.text(min_size=1, max_size=20), max_size=5))
def test_the_nearest_word_is_a_known_one(word: str, known: list[str]) -> None:
    near = nearest(word, known)
    assert near is None or near in known
    if word in known and word:
        assert near == word
