"""The library is a test suite: what each scenario expects comes true on the virtual fleet, whatever the seed."""

from __future__ import annotations

import pytest

from scenarios import library
from scenarios.loader import load
from simulator.control.rehearse import virtual


@pytest.mark.parametrize("seed", [1, 7, 2026])
@pytest.mark.parametrize("name", library.names())
def test_what_it_expects_comes_true(name: str, seed: int) -> None:
    result = virtual(load(library.path_of(name)), seed=seed, scenario_sha256="", replay="")
    findings = (*result.expectations, *result.invariants)
    assert findings
    assert [f"{finding.name}: {finding.why}" for finding in findings if not finding.held] == []
