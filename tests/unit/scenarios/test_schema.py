"""The JSON Schema: up to date, valid itself, true to the library and to the loader."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from scenarios import library, schema
from scenarios.starter import SCENARIO

SCHEMA = schema.json_schema()
VALIDATOR = Draft202012Validator(SCHEMA)


def test_the_copy_is_up_to_date() -> None:
    assert schema.COPY.read_text("utf-8") == schema.text(), "run: python -m scenarios.schema"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("name", library.names())
def test_the_library_obeys_it(name: str) -> None:
    VALIDATOR.validate(yaml.safe_load(library.path_of(name).read_text("utf-8")))


def test_the_starter_obeys_it() -> None:
    VALIDATOR.validate(yaml.safe_load(SCENARIO))


SMALL: dict[str, Any] = {
    "name": "a",
    "fleet": {"hosts": 1},
    "revisions": {"v1": "x"},
    "deploy": [{"revision": "v1"}],
    "balancer": {"health_check": {"interval": "1s"}},
    "faults": [{"when": {"event": "Install"}, "do": {"host": "crash"}}],
}


def test_the_small_one_obeys_it() -> None:
    VALIDATOR.validate(SMALL)
    VALIDATOR.validate({**SMALL, "revisions": {"v1": {"bundle": "x"}}})
    VALIDATOR.validate({**SMALL, "fleet": {"hosts": [{"name": "a"}]}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("titel",), "a"),
        (("name",), "Not Good"),
        (("fleet", "hosts"), 0),
        (("fleet", "hosts"), "4"),
        (("fleet", "hosts"), []),
        (("balancer", "health_check", "interval"), 1000),
        (("balancer", "health_check", "interval"), "1 s"),
        (("deploy",), []),
        (("deploy", 0, "file_exists_behavior"), "REPLACE"),
        (("faults", 0, "lasts"), "3s"),
        (("faults", 0, "do"), {}),
        (("faults", 0, "do"), {"host": "crash", "agent": "stop"}),
        (("faults", 0, "when"), {"at": "1s", "event": "Install"}),
        (("revisions", "v1"), 3),
    ],
)
def test_it_refuses_mistakes(path: tuple[str | int, ...], value: Any) -> None:
    broken: Any = copy.deepcopy(SMALL)
    node = broken
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    assert not VALIDATOR.is_valid(broken)


def test_defaults_are_as_a_scenario_writes_them() -> None:
    check = SCHEMA["$defs"]["HealthCheck"]["properties"]
    assert check["interval"]["default"] == "30s"
    assert check["rise"]["default"] == 5
    assert SCHEMA["$defs"]["Limits"]["properties"]["event"]["default"] == "1h"


def test_every_object_is_described() -> None:
    for name, definition in SCHEMA["$defs"].items():
        assert definition.get("description"), name
