"""Reading an AppSpec never breaks: any text is read or refused in words, and mistakes do not hide each other."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.agent.appspec import AppSpec, AppSpecError, examine, load
from fleet.agent.appspec_words import CONTEXT_KEYS, FILE_KEYS, PERMISSION_KEYS, ROOT_KEYS, SCRIPT_KEYS

SCALARS = st.none() | st.booleans() | st.integers(-9, 9999) | st.floats(allow_nan=False) | st.text(max_size=5)
KEYS = st.sampled_from(
    (
        *ROOT_KEYS,
        *FILE_KEYS,
        *SCRIPT_KEYS,
        *PERMISSION_KEYS,
        *CONTEXT_KEYS,
        "AfterInstall",
        "ApplicationStop",
        "overwrite",
        "<<",
    )
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4))
ROOTS = st.dictionaries(KEYS, VALUES, max_size=6).map(lambda root: {"version": 0.0, "os": "linux", **root})
LINES = st.lists(
    st.sampled_from(
        ["version: 0.0", "os: linux", "files:", "  - source: a", "    destination: /b", "\t", "- ", "&a", "*a", "!!x y"]
    )
    | st.text(max_size=8)
).map("\n".join)


def check(text: str) -> None:
    appspec, problems = examine(text)
    errors = [problem for problem in problems if problem.severity == "error"]
    assert (appspec is None) == bool(errors)
    for problem in problems:
        assert problem.line >= 1
        assert problem.column >= 1
        assert problem.message
        assert problem.remedy
    if appspec is None:
        with pytest.raises(AppSpecError) as caught:
            load(text)
        assert sorted(map(str, caught.value.problems)) == sorted(map(str, errors))
    else:
        assert load(text) == appspec


@given(ROOTS)
def test_any_structure(root: dict[str, object]) -> None:
    check(json.dumps(root))


@given(LINES)
def test_any_text(text: str) -> None:
    check(text)


GOOD = "version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n"
MISTAKES = ["    - timeout: 1\n", "    - location: a\n      timeout: 0\n", "    - location:\n", "    - word\n"]


@given(st.lists(st.sampled_from(MISTAKES), max_size=6))
def test_each_mistake_counts(mistakes: list[str]) -> None:
    _, problems = examine(GOOD + "".join(mistakes))
    assert len(problems) == len(mistakes)


@given(st.integers(0, 7777))
def test_a_mode_of_octal_digits_is_kept(mode: int) -> None:
    digits = str(mode)
    text = f"version: 0.0\nos: linux\npermissions:\n  - object: /a\n    mode: {digits}\n"
    appspec, _ = examine(text)
    if set(digits) <= set("01234567"):
        assert isinstance(appspec, AppSpec)
        assert appspec.permissions[0].mode == digits.rjust(3, "0")
    else:
        assert appspec is None
