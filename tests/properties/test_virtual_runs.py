"""Whole runs with themselves: the same seed gives the same bytes, another seed another run, in every process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from scenarios import library
from tests.support.rehearsals import run, scenario

_PROGRAM = """
import sys
from scenarios import library
from scenarios.loader import load
from simulator.control.rehearse import virtual
for name in sys.argv[1:]:
    result = virtual(load(library.path_of(name)), seed=7, scenario_sha256="", replay="")
    print(name, result.journal_sha256, result.outcome)
"""


def test_the_same_bytes_in_every_process_whatever_the_hash_seed() -> None:
    names = library.names()
    answers = {
        subprocess.run(
            [sys.executable, "-c", _PROGRAM, *names],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("0", "1", "4242", "random")
    }
    (only,) = answers
    assert len(only.splitlines()) == len(names)


@pytest.mark.parametrize("name", ["health-check-404", "minimum-95-percent"])
def test_another_seed_is_another_run(name: str) -> None:
    from scenarios.loader import load

    digests = {run(load(library.path_of(name)), seed).journal_sha256 for seed in range(3)}
    assert len(digests) == 3


def test_one_hosts_draws_never_move_anothers(tmp_path: Path) -> None:
    """A fault on h2 leaves the durations of h1's lifecycle events as they were."""

    def durations(**parts: Any) -> dict[str, int]:
        asked = scenario(group={"deployment_config": "CodeDeployDefault.AllAtOnce"}, **parts)
        (rollout, *_) = run(asked, 3).rollouts
        records = rollout.hosts["h1"].records
        return {
            r.name: r.ended_ms - r.started_ms for r in records if r.started_ms is not None and "Traffic" not in r.name
        }

    fault = {"when": {"event": "Install", "host": "h2"}, "do": {"host": "crash"}}
    assert durations() == durations(faults=[fault])


def test_a_journal_is_the_list_of_events(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    result = run(scenario(), 1, path)
    lines = [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]
    assert [line["id"] for line in lines[1:]] == list(range(1, result.events + 1))
    assert lines[1]["event"] == "DeploymentCreated"
    assert lines[-1]["event"] == "TrafficMeasured"
