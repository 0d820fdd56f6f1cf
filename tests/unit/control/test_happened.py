"""What a scenario scripts and no run brings about is told under the flags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scenarios import library
from simulator.control.replay import replay
from tests.support.rehearsals import run, scenario


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"do": {"host": "crash"}, "when": {"at": "10m"}}, "fault host crash never struck: its moment (at 10m)"),
        (
            {"name": "late", "do": {"agent": "stop"}, "when": {"event": "Install", "host": "h2", "deployment": 2}},
            "fault late never struck: its moment (when h2 enters Install, in deployment 2) never came, or found",
        ),
        ({"do": {"host": "crash"}, "when": {"status": "Failed"}}, "(when it is Failed)"),
        ({"do": {"health": {"status": 500}}, "where": {"revision": "none"}}, "no host was ever what `where` asks for"),
        ({"do": {"script": "hang"}, "when": {"event": "BeforeInstall"}}, "script hang struck nothing: BeforeInstall"),
    ],
)
def test_a_fault_that_changes_nothing(fault: dict[str, Any], words: str) -> None:
    (flag,) = run(scenario(faults=[fault])).flags
    assert words in flag


def test_a_fault_that_strikes_is_not_told() -> None:
    struck = {"do": {"script": {"exit": 1}}, "when": {"event": "ApplicationStart", "nth": 1}}
    assert not any("fault" in flag for flag in run(scenario(faults=[struck])).flags)
    hangs = {"do": {"script": "hang"}, "when": {"event": "ApplicationStart", "nth": 1}}
    assert not any("fault" in flag for flag in run(scenario(faults=[hangs])).flags)


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([{"when": {"at": "10m"}, "do": "stop"}], ["stop, at 10m"]),
        ([{"when": {"event": "Install", "nth": 2}, "do": "abort"}], []),
        (
            [
                {"when": {"at": "1s"}, "do": "pause"},
                {"when": {"at": "2s"}, "do": "resume"},
                {"when": {"at": "9m"}, "do": "pause"},
            ],
            ["pause, at 9m"],
        ),
        (
            [{"when": {"event": "Install", "nth": 9, "deployment": 2}, "do": "stop", "auto_rollback": True}],
            ["stop, when a host enters Install, the host that does so as number 9, in deployment 2"],
        ),
    ],
)
def test_a_step_that_never_came(steps: list[dict[str, Any]], told: list[str], tmp_path: Path) -> None:
    played = scenario(operator=steps, fleet={"hosts": 9, "running": "v1"})
    result = run(played, journal=tmp_path / "journal")
    assert list(result.flags) == [f"the operator's step never came: {step}" for step in told]
    assert replay(tmp_path / "journal").flags == result.flags


def test_nothing_of_a_run_that_broke_off() -> None:
    steps = [{"when": {"at": "10m"}, "do": "stop"}]
    played = scenario(operator=steps, fleet={"hosts": 100, "running": "v1"})
    assert run(played, time_limit_ms=0).flags == ()


@pytest.mark.parametrize("name", library.names())
def test_whatever_the_library_scripts_comes_about(name: str) -> None:
    from scenarios.loader import load

    for seed in range(2):
        assert [flag for flag in run(load(library.path_of(name)), seed).flags if "never" in flag] == []
