"""Every scenario of the library, on five seeds: what it expects comes true, every invariant holds, a replay agrees."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios import library
from scenarios.loader import load
from simulator.control.replay import replay
from simulator.control.result import RunStatus
from tests.support.rehearsals import broken, run, unmet


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("name", library.names())
def test_it_comes_out_as_it_says(name: str, seed: int, tmp_path: Path) -> None:
    path = tmp_path / "journal.ndjson"
    result = run(load(library.path_of(name)), seed, path)
    assert result.status is RunStatus.COMPLETED
    assert result.expectations, "a scenario of the library expects something"
    assert unmet(result) == []
    assert broken(result) == []
    again = replay(path)
    assert (again.outcome, again.journal_sha256) == (result.outcome, result.journal_sha256)
    assert again.expectations == result.expectations
