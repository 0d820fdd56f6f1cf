"""The catalogue of faults: complete by the models, and every example a fault that the virtual fleet plays."""

from __future__ import annotations

from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

import pytest
import yaml
from pydantic import BaseModel

from fleet.docker.refusals import refuse
from scenarios.catalogue import CATALOGUE, DOCKER, as_yaml, rows
from scenarios.faults import EFFECTS, Effect
from scenarios.model import Fault
from simulator.control.result import RunStatus
from tests.support.rehearsals import broken, run, scenario

EXAMPLES = [(name, example) for name, entry in CATALOGUE.items() for example in entry.examples]


def forms(annotation: Any) -> set[str]:
    """What may stand for an effect: its words, and the keys of its mappings of which one is chosen."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {key for key, field in annotation.model_fields.items() if not field.is_required()} or {"mapping"}
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    if get_origin(annotation) in (Union, UnionType) or hasattr(annotation, "__metadata__"):
        inner = get_args(annotation)[:1] if hasattr(annotation, "__metadata__") else get_args(annotation)
        return set().union(*(forms(part) for part in inner))
    return set()


def written(name: str) -> set[str]:
    """The words and keys that an effect's examples use."""
    found: set[str] = set()
    for example in CATALOGUE[name].examples:
        told = yaml.safe_load(example)["do"][name]
        found |= {"mapping", *told} if isinstance(told, dict) else {str(told)}
    return found


def test_every_effect_is_in_it_and_nothing_else() -> None:
    assert tuple(CATALOGUE) == EFFECTS == tuple(Effect.model_fields)


@pytest.mark.parametrize("name", EFFECTS)
def test_every_form_of_an_effect_has_an_example(name: str) -> None:
    assert forms(Effect.model_fields[name].annotation) <= written(name)


@pytest.mark.parametrize(("name", "example"), EXAMPLES)
def test_every_example_is_read_and_played(name: str, example: str) -> None:
    told = scenario(
        faults=[yaml.safe_load(example)],
        fleet={"hosts": 4, "zones": ["a", "b"], "running": "v1"},
        alarms={"errors": {"scripted": True}},
        **({"pools": {"web": {"desired": 2, "max": 3}}} if name == "pool" else {}),
        group={"alarms": ["errors"], "auto_rollback": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"]},
    )
    assert told.faults[0].do.kind == name
    assert (refuse(told) == []) == (DOCKER in CATALOGUE[name].fleets)
    result = run(told)
    assert (result.status, broken(result)) == (RunStatus.COMPLETED, [])
    assert result.faults, "the example strikes nobody"


def test_the_examples_can_be_put_into_a_scenario_as_they_are() -> None:
    for name, entry in CATALOGUE.items():
        assert len([Fault.model_validate(item) for item in yaml.safe_load(as_yaml(name))["faults"]]) == len(
            entry.examples
        )
    assert {row["strikes"] for row in rows()} == {"the run", "hosts"}
