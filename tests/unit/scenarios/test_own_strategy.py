"""A deployment with a strategy of its own: whose deployment configuration holds for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.loader import loads
from simulator.control.request import deployment_config
from tests.unit.scenarios.test_loader import BUNDLES
from tests.unit.scenarios.test_strategies import text, told_of

HALF = "\n  deployment_config: CodeDeployDefault.HalfAtATime"
ALL = "\n  deployment_config: CodeDeployDefault.AllAtOnce"
CANARY = "{canary: {hosts: 1, bake: 2m}}"
WITH_ITS_OWN = "in-place\n    deployment_config: CodeDeployDefault.AllAtOnce"


def asked(group: str, own: str) -> str:
    return text(group).replace("  - revision: v2\n", f"  - revision: v2\n    strategy: {own}\n")


@pytest.mark.parametrize(
    ("group", "own", "name"),
    [
        ("rolling" + HALF, CANARY, "HalfAtATime"),
        ("rolling" + HALF, "rolling", "HalfAtATime"),
        ("blue-green" + ALL, "rolling", "AllAtOnce"),
        ("in-place" + ALL, CANARY, "AllAtOnce"),
        ("rolling" + HALF, "rolling\n    deployment_config: CodeDeployDefault.AllAtOnce", "AllAtOnce"),
        ("rolling", CANARY, "OneAtATime"),
        ("rolling" + HALF, "in-place", "AllAtOnce"),
    ],
)
def test_it_has_the_groups_configuration_unless_it_names_one_or_keeps_nobody(group: str, own: str, name: str) -> None:
    found = loads(asked(group, own), name="f.yml", directory=BUNDLES)
    assert deployment_config(found, found.deploy[0]).name == f"CodeDeployDefault.{name}"


def test_it_is_checked_against_the_groups_minimum(tmp_path: Path) -> None:
    found = told_of(asked("rolling\n  deployment_config: {type: HOST_COUNT, value: 4}", CANARY), tmp_path)
    assert [(each[0], each[1]) for each in found if "HEALTH_CONSTRAINTS_INVALID" in each[2]] == [("warning", CANARY)]


@pytest.mark.parametrize(
    ("group", "own", "warned"),
    [
        ("rolling" + HALF, "in-place", True),
        ("rolling" + HALF, WITH_ITS_OWN, False),
        ("rolling" + HALF, CANARY, False),
        ("rolling" + ALL, "in-place", False),
        ("rolling", "in-place", False),
    ],
)
def test_a_minimum_that_does_not_hold_in_place_is_warned_of(group: str, own: str, warned: bool, tmp_path: Path) -> None:
    found = [each for each in told_of(asked(group, own), tmp_path) if "does not hold here" in each[2]]
    message = "in-place deploys to every host at once, so the group's CodeDeployDefault.HalfAtATime does not hold here"
    assert [each[:3] for each in found] == [("warning", "in-place", message)] * warned
