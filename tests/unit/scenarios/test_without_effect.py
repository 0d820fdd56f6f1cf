"""What a scenario says and nothing can come of: a rollback for which nothing asks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scenarios.loader import warnings
from tests.support.rehearsals import data

ON_ALARM = {"auto_rollback": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]}
ALARMS = {"alarms": {"errors": {"scripted": True}}}
STOP = {"when": {"event": "Install", "nth": 2}, "do": "stop"}


def warned(directory: Path, **parts: Any) -> list[str]:
    file = directory / "a-test.yml"
    file.write_text(json.dumps(data(**parts)))
    return [problem.message for problem in warnings(file)]


def test_a_rollback_on_alarm_needs_an_alarm_of_the_group(tmp_path: Path) -> None:
    said = "DEPLOYMENT_STOP_ON_ALARM undoes nothing: no alarm stops a deployment of this group"
    assert warned(tmp_path, group=ON_ALARM) == [said]
    assert warned(tmp_path, group={**ON_ALARM, "alarms": ["errors"]}, **ALARMS) == []


@pytest.mark.parametrize("outcome", ["rolled_back", "rollback_failed"])
@pytest.mark.parametrize(
    ("parts", "can_be"),
    [
        ({"group": {}}, False),
        ({"group": {}, "operator": [STOP]}, False),
        ({"group": {}, "operator": [{**STOP, "auto_rollback": True}]}, True),
        ({"group": {}, "operator": [{**STOP, "do": "abort"}]}, True),
        ({}, True),
    ],
)
def test_an_outcome_to_which_nothing_leads(parts: dict[str, Any], can_be: bool, outcome: str, tmp_path: Path) -> None:
    told = warned(tmp_path, **parts, expect={"outcome": outcome})
    said = (
        f"nothing in this scenario leads to {outcome}: no group has auto_rollback, and no operator aborts (whoever "
        "aborts from another terminal may)"
    )
    assert told == ([] if can_be else [said])
    assert warned(tmp_path, **parts, expect={"outcome": "succeeded"}) == []
