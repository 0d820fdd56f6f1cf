"""Why a deployment that came to nothing was not rolled back, as the verdict has it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.rehearsals import run, scenario

FAILS = {"when": {"event": "ApplicationStart", "deployment": 1}, "do": {"script": {"exit": 1}}}
ON_FAILURE = {"auto_rollback": ["DEPLOYMENT_FAILURE"]}
RINGS = {"when": {"event": "ApplicationStart", "nth": 1}, "do": {"alarm": {"name": "errors", "state": "ALARM"}}}


@pytest.mark.parametrize(
    ("parts", "why"),
    [
        ({"fleet": {"hosts": 4}, "faults": [FAILS]}, "Failed, {}no revision had succeeded before"),
        ({"group": {}, "faults": [FAILS]}, "Failed, {}auto_rollback is not set"),
        (
            {
                "group": {**ON_FAILURE, "alarms": ["errors"]},
                "alarms": {"errors": {"scripted": True}},
                "faults": [RINGS],
            },
            "Stopped, {}auto_rollback does not have DEPLOYMENT_STOP_ON_ALARM",
        ),
        (
            {"group": {**ON_FAILURE, "strategy": "blue-green"}, "limits": {"event": "1s"}},
            "Failed, {}no host was touched",
        ),
        ({"faults": [FAILS]}, None),
        ({}, None),
    ],
)
def test_a_deployment_that_nothing_undid_says_why(parts: dict[str, Any], why: str | None) -> None:
    said = [flag for flag in run(scenario(**parts)).flags if "rolled back" in flag]
    assert len(said) == (why is not None)
    assert why is None or why.format("and nothing was rolled back: ") in said[0]
