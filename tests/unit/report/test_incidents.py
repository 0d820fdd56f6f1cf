"""Every failure that people really had: its scenario is in the library, says where it was seen, and gives the point."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from scenarios import library
from scenarios.incidents import INCIDENTS, Incident
from scenarios.loader import load
from simulator.report.verdict import verdict
from tests.support.rehearsals import run, unmet

PLAYS = [(name, words) for incident in INCIDENTS for name, words in incident.plays.items()]


@pytest.mark.parametrize("incident", INCIDENTS, ids=lambda incident: next(iter(incident.plays)))
def test_an_incident_is_told_where_it_was_seen(incident: Incident) -> None:
    known = {source for name in incident.plays for source in load(library.path_of(name)).source}
    assert set(incident.sources) <= known


@pytest.mark.parametrize(("name", "words"), PLAYS, ids=[name for name, _ in PLAYS])
def test_its_scenario_says_what_is_to_be_learned(name: str, words: Sequence[str]) -> None:
    result = run(load(library.path_of(name)))
    said = "\n".join(text.plain for _, text in verdict(result))
    assert unmet(result) == []
    assert [wanted for wanted in words if wanted not in said] == []
