"""ECS and Lambda from the command line: every scenario of the library is planned, played and told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenarios import library
from scenarios.loader import load
from scenarios.platforms import SERVER
from tests.cli.program import drydeploy

NAMES = [name for name in library.names() if load(library.find(name)).compute_platform != SERVER]


@pytest.mark.parametrize("name", NAMES)
def test_a_plan_leads_to_all_of_the_traffic_of_the_one_target(name: str, tmp_path: Path) -> None:
    target = load(library.find(name)).service
    planned = json.loads(drydeploy("plan", name, "-o", "json", state=tmp_path).stdout)["deployments"][0]
    shifts = [stage["percent"] for stage in planned["stages"] if stage["kind"] == "shift"]
    assert shifts == sorted(shifts)
    assert shifts[-1] == 100
    assert {host for stage in planned["stages"] for host in stage.get("hosts", ())} == {target}
    assert "healthy)" not in drydeploy("plan", name, state=tmp_path).stdout


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_told_line_by_line_and_judged(name: str, tmp_path: Path) -> None:
    scenario = load(library.find(name))
    ran = drydeploy("run", name, state=tmp_path)
    noun = {"ECS": "service", "Lambda": "function"}[scenario.compute_platform]
    assert ran.returncode == 0, ran.stderr
    assert f"begins: deploy v2 to the {noun} {scenario.service}, {scenario.compute_platform.lower()}, " in ran.stdout
    assert " 0 required" not in ran.stdout
