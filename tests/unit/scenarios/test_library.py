"""The library: every file loads, says what it teaches, and can be found by its name."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scenarios import library
from scenarios.loader import load, warnings
from scenarios.problems import ScenarioError

PROMISED = {
    "agent-not-running",
    "all-at-once-8-of-9-fail",
    "bundle-corrupt",
    "empty-image",
    "file-already-exists",
    "health-check-404",
    "host-crashes-mid-install",
    "last-host-fails",
    "minimum-95-percent",
    "operator-stops",
    "poisoned-application-stop",
    "rolling-one-at-a-time",
    "script-fails",
    "script-hangs",
    "canary-good",
    "canary-bad",
    "canary-no-bake",
    "linear",
    "zone-by-zone",
    "zone-fails",
    "steps",
    "approval",
    "approval-refused",
    "late-failure",
    "operator-pauses",
    "role-denied",
    "controller-crash",
    "canary-cannot-start",
    "rollback-fails",
    "rollback-takes-good-hosts",
    "balancer-refuses",
    "balancer-restarts",
    "balancer-drains-slowly",
    "slow-start",
    "memory-leak",
    "alarm-flaps",
    "host-cut-off-from-controller",
    "host-cut-off-from-balancer",
    "network-latency",
    "network-loss",
    "disk-full",
    "clock-wrong",
    "host-terminated-mid-deployment",
}

WARNED = {"canary-no-bake", "late-failure", "no-instances"}
"""Scenarios that are about what `drydeploy validate` warns of."""


def test_what_was_promised_is_there() -> None:
    assert set(library.names()) >= PROMISED
    assert list(library.names()) == sorted(library.names())
    assert [scenario.name for scenario in library.all()] == list(library.names())


@pytest.mark.parametrize("name", library.names())
def test_each_is_complete(name: str) -> None:
    scenario = load(library.path_of(name))
    assert scenario.name == name
    assert 20 <= len(scenario.title) <= 100
    assert len(scenario.about) >= 200
    assert scenario.source
    assert all(re.match(r"https://\S+$", source) for source in scenario.source)
    expect = scenario.expect
    assert expect is not None
    assert expect.outcome is not None
    assert expect.deployments or expect.environments
    for deployment in expect.deployments or ():
        assert deployment.status is not None
        assert deployment.hosts or expect.revisions
        if deployment.status != "Succeeded":
            assert deployment.error is not None
            assert deployment.message is not None or deployment.error == "MANUAL_STOP"


@pytest.mark.parametrize("name", library.names())
def test_only_those_that_teach_it_do_what_is_warned_of(name: str) -> None:
    found = warnings(library.path_of(name))
    assert all(problem.severity == "warning" for problem in found)
    assert bool(found) == (name in WARNED)


@pytest.mark.parametrize("name", library.names())
def test_each_is_short_enough_for_real_time(name: str) -> None:
    scenario = load(library.path_of(name))
    assert len(scenario.fleet.named_hosts()) <= 10
    assert scenario.limits.start <= 20_000
    assert scenario.limits.event <= 40_000
    assert scenario.balancer is None or scenario.balancer.draining <= 1_000


SILENT = {"agent-not-running", "clock-wrong", "pool-shrinks-before-the-shift"}
"""Hosts of which nothing is heard, one after the other: a longer limit is waited for to no purpose."""
LATE = {"health-slow", "host-cut-off-from-balancer", "network-latency", "network-loss"}
"""Health checks to which no answer comes in time."""


@pytest.mark.parametrize("name", library.names())
def test_each_is_patient_with_hosts_that_are_well(name: str) -> None:
    """On Docker a host that is well may be slow, because the machine is busy; that is not to fail it."""
    scenario = load(library.path_of(name))
    assert scenario.limits.start >= (0 if name in SILENT else 10_000)
    assert scenario.balancer is None or scenario.balancer.health_check.timeout >= (0 if name in LATE else 2_000)


def test_a_name_is_found() -> None:
    path = library.find("health-check-404")
    assert path.is_absolute()
    assert path.name == "health-check-404.yml"


def test_a_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "mine.yml"
    file.touch()
    assert library.find(str(file)) == file


@pytest.mark.parametrize(
    ("word", "message", "remedy"),
    [
        ("health-check-440", "no scenario has this name", "did you mean health-check-404?"),
        ("scriptfails", "no scenario has this name", "did you mean script-fails?"),
        ("qqqqqq", "no scenario has this name", "`drydeploy list` shows all names"),
        ("script-fails.yml", "there is no such file", "did you mean script-fails?"),
        ("{tmp}/mime.yml", "there is no such file", "mine.yml?"),
        ("{tmp}/none/ours.yml", "there is no such file or directory", "drydeploy list"),
        ("{tmp}", "this is a directory, not a scenario", "give a scenario file"),
        ("{tmp}/bundle", "this is a directory, not a scenario", "--hosts 4"),
    ],
)
def test_what_is_not_found_suggests_the_nearest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: str, message: str, remedy: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yml").touch()
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "appspec.yml").touch()
    with pytest.raises(ScenarioError) as caught:
        library.find(word.format(tmp=tmp_path))
    [problem] = caught.value.problems
    assert message in problem.message
    assert remedy in problem.remedy


def test_an_unknown_name_has_no_path() -> None:
    with pytest.raises(KeyError):
        library.path_of("nothing")


def test_it_works_from_elsewhere(tmp_path: Path) -> None:
    root = Path(library.__file__).parents[2]
    program = "from scenarios import library; print(len(library.all()))"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) == len(library.names())


def test_what_goes_well_is_under_a_heading_of_its_own() -> None:
    sections = {heading: {scenario.name for scenario in found} for heading, found in library.by_outcome()}
    assert sorted(name for names in sections.values() for name in names) == sorted(library.names())
    (well,) = (names for heading, names in sections.items() if heading.startswith("Nothing goes wrong"))
    assert {"rolling-one-at-a-time", "canary-good", "blue-green-good", "operator-pauses"} <= well
    assert well.isdisjoint({"empty-image", "last-host-fails", "file-already-exists-retain", "canary-no-bake"})
    assert all(heading.startswith(("Failures: ", "Nothing goes wrong")) for heading in sections)
