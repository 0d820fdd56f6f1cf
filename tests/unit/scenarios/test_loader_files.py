"""The loader and its files: what is no scenario, what cannot be read, what a scenario's bundles do not have."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.loader import load, loads, warnings
from scenarios.problems import ScenarioError
from tests.unit.scenarios.test_loader import BUNDLES, GOOD


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("{script: hang}, when: {event: AfterInstall}", "the AppSpecs name no script for AfterInstall, so the fault"),
        (
            "{script: missing}, when: {event: BeforeInstall}, where: {revision: v2}",
            "the AppSpec of v2 names no script for BeforeInstall, so the fault strikes nothing",
        ),
        ("{script: hang}, when: {event: ApplicationStart}", ""),
        ("{script: hang}, when: {event: ApplicationStop}, where: {revision: v1}", ""),
        ("{script: hang}, when: {event: AfterInstall}, where: {revision: none}", ""),
    ],
)
def test_a_script_fault_where_there_are_no_scripts(fault: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "s.yml").write_text(GOOD + f"faults:\n  - {{do: {fault}}}\n")
    told = warnings(tmp_path / "s.yml")
    assert [problem.severity for problem in told] == ["warning"] * bool(message)
    for problem in told:
        assert problem.message.startswith(message)
        assert problem.remedy == "name an event that has one: ApplicationStart, ApplicationStop or ValidateService"


@pytest.mark.parametrize(("offset", "warned"), [("5m", 1), ("-4m", 1), ("6m", 0), ("-2h", 0)])
def test_a_clock_that_is_hardly_wrong_changes_nothing(offset: str, warned: int, tmp_path: Path) -> None:
    (tmp_path / "s.yml").write_text(GOOD + f"faults:\n  - {{do: {{clock: {{offset: {offset}}}}}}}\n")
    told = warnings(tmp_path / "s.yml")
    assert [problem.severity for problem in told] == ["warning"] * warned
    assert all("AWS allows five minutes" in problem.message for problem in told)


APPSPEC = "version: 0.0\nos: linux\nhooks:\n  AfterInstall:\n    - location: a.sh\n"


@pytest.mark.parametrize(("name", "bundle"), [("v1/appspec.yml", "v1"), ("appspec.yml", "."), ("b/other.yml", "b")])
def test_an_appspec_is_no_scenario(name: str, bundle: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        loads(APPSPEC, name=name, directory=BUNDLES)
    [problem] = caught.value.problems
    assert problem.message == "this is an AppSpec, and not a scenario"
    assert problem.remedy == f"name its bundle, `{bundle}`"


def test_what_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "picture"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
    with pytest.raises(
        ScenarioError, match="this is no text, and by its name no archive; give a YAML file, or a bundle"
    ):
        load(path)


def test_a_scenario_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.yml"
    path.write_text(GOOD)

    def refuse(_path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ScenarioError, match="cannot be read: permission denied; look at its permissions"):
        load(path)


@pytest.mark.parametrize("make", ["absent", "directory", "latin"])
def test_files_that_cannot_be_read(tmp_path: Path, make: str) -> None:
    path = tmp_path / "s.yml"
    if make == "directory":
        path.mkdir()
    elif make == "latin":
        path.write_bytes(b"name: a\ntitle: caf\xe9\n")
    with pytest.raises(ScenarioError) as caught:
        load(path)
    [problem] = caught.value.problems
    if make == "latin":
        assert (problem.line, problem.column) == (2, 11)
        assert "UTF-8" in problem.remedy
    else:
        assert problem.render().startswith(f"{path}: error: cannot be read")
