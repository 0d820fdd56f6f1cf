"""What `drydeploy init` writes is right as it is, and never takes a file's place."""

from __future__ import annotations

import filecmp
from pathlib import Path

import pytest

from scenarios import library
from scenarios.loader import load
from scenarios.problems import ScenarioError
from scenarios.starter import SCENARIO_NAME, write

BUNDLES = Path(library.__file__).parent.parent / "bundles"


def test_it_loads(tmp_path: Path) -> None:
    written = write(tmp_path / "new")
    scenario = load(tmp_path / "new" / SCENARIO_NAME)
    assert scenario.revisions["v2"].bundle == tmp_path / "new" / "bundles" / "v2"
    assert all(path.is_file() for path in written)
    assert filecmp.cmp(tmp_path / "new" / "bundles" / "v2" / "site" / "index.html", BUNDLES / "web-v2/site/index.html")
    for script in (tmp_path / "new").rglob("*.sh"):
        assert script.stat().st_mode & 0o777 == 0o755


def test_its_faults_load_too(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / SCENARIO_NAME
    lines = path.read_text().splitlines()
    start = lines.index("# faults:")
    lines[start : start + 3] = [line.removeprefix("# ") for line in lines[start : start + 3]]
    path.write_text("\n".join(lines))
    assert len(load(path).faults) == 1


def test_it_takes_no_files_place(tmp_path: Path) -> None:
    (tmp_path / SCENARIO_NAME).write_text("mine")
    with pytest.raises(ScenarioError) as caught:
        write(tmp_path)
    [problem] = caught.value.problems
    assert (problem.file, problem.message) == (
        str(tmp_path),
        "rehearsal.yml is here already, and nothing is overwritten",
    )
    assert (tmp_path / SCENARIO_NAME).read_text() == "mine"
    assert not (tmp_path / "bundles").exists()
