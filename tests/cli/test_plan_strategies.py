"""`drydeploy plan` and `drydeploy validate` with deployments of several stages."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.program import drydeploy

STAGED = {
    "canary-good": ["deploy", "bake", "deploy"],
    "canary-no-bake": ["deploy", "deploy"],
    "linear": ["deploy", "bake", "deploy", "bake", "deploy", "bake", "deploy"],
    "zone-by-zone": ["deploy", "bake", "deploy", "bake", "deploy"],
    "steps": ["deploy", "bake", "deploy", "approve", "deploy"],
    "approval": ["deploy", "approve", "deploy"],
}


@pytest.mark.parametrize("name", STAGED)
def test_every_kind_of_stage_is_planned(name: str, tmp_path: Path) -> None:
    found = json.loads(drydeploy("plan", name, "-o", "json", state=tmp_path).stdout)
    stages = found["deployments"][0]["stages"]
    assert [stage["kind"] for stage in stages] == STAGED[name]
    assert [stage["after"] for stage in stages] == [[], *([stage["name"]] for stage in stages[:-1])]
    for stage in stages:
        wanted = {"deploy": {"hosts", "at_once"}, "bake": {"lasts_ms"}, "approve": {"waits_ms"}}
        assert wanted[stage["kind"]] <= set(stage)
    reached = [host for stage in stages if stage["kind"] == "deploy" for host in stage["hosts"]]
    assert len(reached) == len(set(reached)) > 3


def test_the_tree_says_once_what_each_host_goes_through(tmp_path: Path) -> None:
    text = drydeploy("plan", "steps", state=tmp_path).stdout
    assert text.count("each: BeforeBlockTraffic → ") == 1
    assert "├── step 02 bakes: bake for 5s: a host that turns unhealthy fails the deployment" in text
    assert "├── step 04 waits: wait until somebody says continue" in text
    assert "└── hosts: h3 and h4" in text
    assert ", after" not in text


def test_waits_look_otherwise_in_the_graphs(tmp_path: Path) -> None:
    mermaid = drydeploy("plan", "steps", "--mermaid", state=tmp_path).stdout
    assert 'd1_step_02_bakes(["bake for 5s' in mermaid
    assert 'd1_step_04_waits{{"wait until' in mermaid
    assert "d1_step_04_waits --> d1_step_05" in mermaid
    dot = drydeploy("plan", "steps", "--dot", state=tmp_path).stdout
    assert 'fails the deployment", style=rounded];' in dot
    assert 'says continue", shape=hexagon];' in dot


def test_a_mistake_in_a_strategy_is_told_not_planned(tmp_path: Path) -> None:
    text = drydeploy("show", "canary-good", "--file", state=tmp_path).stdout
    (tmp_path / "mine.yml").write_text(text.replace("hosts: 1, bake: 4s", "hosts: 4, bake: 4s"))
    done = drydeploy("plan", "mine.yml", state=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        "a canary of 4 hosts is the whole fleet of 4, and leaves nobody to compare it with; take a smaller share"
        in done.stderr
    )


def test_validate_warns_and_the_scenario_stays_valid(tmp_path: Path) -> None:
    done = drydeploy("validate", "late-failure", state=tmp_path)
    assert done.returncode == 0
    assert "warning: a bake of 1s ends before the health check could notice" in done.stdout
    assert "(fall 3 × interval 500ms = 1500ms)" in done.stdout
    assert "1 warning; the scenario is valid" in done.stderr
    found = json.loads(drydeploy("validate", "canary-no-bake", "-o", "json", state=tmp_path).stdout)
    assert (found["valid"], [problem["severity"] for problem in found["problems"]]) == (True, ["warning"])
    assert drydeploy("run", "late-failure", "-q", state=tmp_path).returncode == 0


@pytest.mark.parametrize("strategy", ["canary", "linear", "steps", "zonal", "blue-green"])
def test_a_bare_bundle_cannot_be_told_enough(strategy: str, tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "appspec.yml").write_text("version: 0.0\nos: linux\n")
    done = drydeploy("run", "bundle", "--strategy", strategy, state=tmp_path)
    assert done.returncode == 2
    assert f"{strategy} takes a scenario: by itself, a bundle is deployed in-place or rolling" in done.stderr
    written = re.search(r"write (group: .*) there$", done.stderr.strip())
    assert written is not None
    started = tmp_path / "started" / "rehearsal.yml"
    assert drydeploy("init", "started", state=tmp_path).returncode == 0
    text = started.read_text().replace("deployment_config: CodeDeployDefault.OneAtATime", written[1][8:-1])
    started.write_text(text.replace("  hosts: 4 ", "  zones: [a, b]\n  hosts: 4 "))
    checked = drydeploy("validate", str(started), state=tmp_path)
    assert checked.returncode == 0, checked.stdout
    done = drydeploy("run", "bundle", "--config", "LambdaCanary10Percent5Minutes", state=tmp_path)
    assert done.returncode == 2
    assert "is for Lambda" in done.stderr
