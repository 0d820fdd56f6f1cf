"""The rules of groups and environments can fail: each is broken once, by hand, and is the only one that says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from simulator.control import standings
from simulator.control.invariants import Invariants
from simulator.rollout.commands import Finish
from simulator.rollout.events import DeploymentCreated
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Creator, DeploymentStatus
from tests.support.rehearsals import broken, run
from tests.support.rollouts import deployment
from tests.unit.control.test_environments import through


class Told:
    """Invariants that hear of deployments, and of nothing else."""

    def __init__(self) -> None:
        self.watch = Invariants(through({"after": ["test"]}))
        self._number = 0

    def begin(self, group: str, revision: str = "v2", cause: str = "1.0", **parts: Any) -> Rollout:
        self._number += 1
        name = f"d-{self._number}"
        rollout = Rollout(replace(deployment(2, group=group, revision=revision), **{"deployment_id": name, **parts}))
        self.watch.begin(rollout.deployment)
        self.watch.check(DeploymentCreated(self._number, 0, cause, rollout.deployment), (), rollout)
        return rollout

    def end(self, rollout: Rollout, status: DeploymentStatus = DeploymentStatus.SUCCEEDED) -> None:
        self._number += 1
        name = rollout.deployment_id
        self.watch.check(
            DeploymentCreated(self._number, 0, "", rollout.deployment),
            [Finish("2.0", name, "why", status, None)],
            rollout,
        )

    def violations(self) -> dict[str, str]:
        return {finding.name: finding.why for finding in self.watch.findings() if not finding.held}


@pytest.fixture
def told() -> Told:
    return Told()


def test_one_environment_after_the_other_is_as_it_should_be(told: Told) -> None:
    for group in ("dev", "test", "prod"):
        told.end(told.begin(group))
    assert not told.violations()


def test_two_deployments_of_a_group_at_once(told: Told) -> None:
    told.begin("dev")
    told.begin("dev", "v1")
    assert told.violations() == {standings.ONE_DEPLOYMENT: "d-2 was created in dev while d-1 was under way"}


@pytest.mark.parametrize("creator", [Creator.AUTOSCALING, Creator.AUTOSCALING_TERMINATION])
def test_those_of_pools_go_on_beside_it(told: Told, creator: Creator) -> None:
    told.begin("dev")
    told.begin("dev", creator=creator)
    told.begin("dev", creator=creator)
    assert not told.violations()


def test_an_id_that_came_before(told: Told) -> None:
    told.end(told.begin("dev"))
    told.begin("dev", deployment_id="d-1")
    assert told.violations() == {standings.NEW_ID: "d-1 was created twice"}


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (None, "v2 entered test, and in dev d-1 is under way"),
        (DeploymentStatus.FAILED, "v2 entered test, and in dev there stands v1"),
    ],
)
def test_an_entrance_where_it_does_not_stand_before(told: Told, status: DeploymentStatus | None, why: str) -> None:
    rollout = told.begin("dev")
    if status is not None:
        told.end(rollout, status)
    told.begin("test")
    assert told.violations() == {standings.ENTRANCE: why}


def test_an_entrance_after_it_was_replaced(told: Told) -> None:
    for revision in ("v2", "v1"):
        told.end(told.begin("dev", revision))
    told.begin("test")
    assert told.violations() == {standings.ENTRANCE: "v2 entered test, and in dev there stands v1"}


def test_what_stands_in_an_environment_does_so_while_a_pools_new_hosts_follow_on(told: Told) -> None:
    told.end(told.begin("dev"))
    told.begin("dev", creator=Creator.AUTO_UPDATE)
    told.begin("test")
    assert not told.violations()


def test_what_a_person_undoes_stood_there_before(told: Told) -> None:
    told.end(told.begin("dev"))
    told.begin("test", "v1", cause="")
    assert not told.violations()


def test_a_run_is_watched_by_the_rules_of_its_scenario(monkeypatch: pytest.MonkeyPatch) -> None:
    deploy = [{"revision": "v2", "group": "prod"}]
    assert not broken(run(through(deploy=deploy), observers=()))
    monkeypatch.setattr("simulator.control.promotions.refusal", lambda *_: None)
    (violation,) = broken(run(through(deploy=deploy), observers=()))
    assert violation == f"{standings.ENTRANCE}: v2 entered prod, and in test there stands v1"
