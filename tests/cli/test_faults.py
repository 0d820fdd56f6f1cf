"""`drydeploy faults`: every fault in a line, one with its examples, and a name that is none."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from scenarios.catalogue import CATALOGUE
from scenarios.faults import EFFECTS
from tests.cli.program import drydeploy


def test_every_fault_has_a_line_with_its_fleets_and_one_with_an_example(tmp_path: Path) -> None:
    done = drydeploy("faults", state=tmp_path)
    assert done.returncode == 0
    lines = done.stdout.splitlines()[: 2 * len(EFFECTS)]
    assert [line.split()[0] for line in lines[::2]] == list(EFFECTS)
    assert all("  virtual, docker  " in line for line in lines[::2])
    examples = [yaml.safe_load(line)[0] for line in lines[1::2]]
    assert [next(iter(example["do"])) for example in examples] == list(EFFECTS)
    assert [row["name"] for row in json.loads(drydeploy("faults", "-o", "json", state=tmp_path).stdout)] == list(
        EFFECTS
    )


def test_one_has_examples_that_can_be_copied(tmp_path: Path) -> None:
    done = drydeploy("faults", "balancer", state=tmp_path)
    assert "fleets: virtual, docker" in done.stdout
    told = yaml.safe_load(done.stdout[done.stdout.index("faults:\n") :])
    assert {"balancer": "restart"} in [fault["do"] for fault in told["faults"]]
    found = json.loads(drydeploy("faults", "balancer", "-o", "json", state=tmp_path).stdout)
    assert (found["strikes"], len(found["examples"])) == ("the run", 3)


def test_a_name_that_is_none_suggests_the_nearest(tmp_path: Path) -> None:
    done = drydeploy("faults", "memroy", state=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no fault is called memroy; did you mean memory?" in done.stderr
    assert "no fault is called slw; did you mean slow_start?" in drydeploy("faults", "slw", state=tmp_path).stderr
    told = drydeploy("faults", "zzz", state=tmp_path).stderr
    assert all(name in told for name in CATALOGUE)


def test_the_ending_of_a_file_makes_no_other_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "envs.yml").write_text("")
    assert "did you mean" not in drydeploy("plan", "nosuch.yml", state=tmp_path).stderr
    assert "did you mean envs.yml?" in drydeploy("plan", "env.yaml", state=tmp_path).stderr
