"""A revision on its way through environments, event by event."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from simulator.rollout.commands import AskAtGate, Command, EnterEnvironment, StartGateTimer
from simulator.rollout.events import DeploymentCreated, GateAnswered, GateTimerFired, PromotionRequested, TimerFired
from simulator.rollout.machine import Rollout
from simulator.rollout.promotion import Passage, Place, Promotion
from simulator.rollout.statuses import Creator, DeploymentStatus
from tests.support.rollouts import deployment

STRAIGHT = (Place("dev", "dev"), Place("test", "test", ("dev",)), Place("prod", "prod", ("test",)))
FANS = (
    Place("dev", "dev"),
    Place("eu", "eu", ("dev",)),
    Place("us", "us", ("dev",)),
    Place("done", "done", ("eu", "us")),
)


@dataclass
class Way:
    """Drives a promotion by hand, and remembers what it wanted."""

    places: tuple[Place, ...]
    at_ms: int = 0
    number: int = 0
    commands: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.promotion = Promotion("v2", self.places)
        self.feed(PromotionRequested(self.id(), 0, "", "v2"))

    def id(self) -> int:
        self.number += 1
        return self.number

    def feed(self, event: object, *ended: Rollout) -> list[Command]:
        new = list(self.promotion.handle(event, ended))  # type: ignore[arg-type]
        self.commands += new
        return new

    def end(self, group: str, status: DeploymentStatus = DeploymentStatus.SUCCEEDED, **parts: object) -> list[str]:
        """A deployment of the group ends; the environments that are entered then."""
        asked = deployment(1, group=group, **{"revision": "v2", **parts})  # type: ignore[arg-type]
        rollout = Rollout(asked)
        rollout.status = status
        event = TimerFired(self.id(), self.at_ms, "", "d-1", "deployment")  # any event may end a deployment
        return [c.environment for c in self.feed(event, rollout) if isinstance(c, EnterEnvironment)]

    def wait(self, name: str) -> list[Command]:
        timer = next(c for c in reversed(self.commands) if isinstance(c, StartGateTimer) and c.environment == name)
        self.at_ms = timer.at_ms
        return self.feed(GateTimerFired(self.id(), self.at_ms, timer.id, name))

    def answer(self, name: str, *, yes: bool) -> list[Command]:
        return self.feed(GateAnswered(self.id(), self.at_ms, "", name, "eva", yes))

    @property
    def entered(self) -> list[str]:
        return [command.environment for command in self.commands if isinstance(command, EnterEnvironment)]

    def passages(self) -> dict[str, str]:
        return {name: str(passage) for name, passage in self.promotion.passage.items()}


def test_it_enters_one_after_the_other() -> None:
    way = Way(STRAIGHT)
    assert way.entered == ["dev"]
    assert way.end("dev") == ["test"]
    assert way.end("test") == ["prod"]
    assert way.promotion.busy
    assert way.end("prod") == []
    assert set(way.passages().values()) == {"Succeeded"}
    assert not way.promotion.busy


def test_ways_part_and_meet_again() -> None:
    way = Way(FANS)
    assert way.end("dev") == ["eu", "us"]
    assert way.end("us") == []
    assert way.end("eu") == ["done"]


def test_a_failure_stops_what_depends_on_it_and_nothing_else() -> None:
    way = Way((*FANS, Place("eu-2", "eu-2", ("eu",)), Place("eu-3", "eu-3", ("eu-2",))))
    way.end("dev")
    assert way.end("us", DeploymentStatus.FAILED) == []
    assert way.promotion.busy
    assert way.end("eu") == ["eu-2"]
    assert way.end("eu-2") == ["eu-3"]
    way.end("eu-3")
    assert way.passages() == {
        "dev": "Succeeded",
        "eu": "Succeeded",
        "us": "Failed",
        "done": "Skipped",
        "eu-2": "Succeeded",
        "eu-3": "Succeeded",
    }
    assert way.promotion.why["us"].endswith("Failed")
    assert way.promotion.why["done"] == "v2 does not stand in us"


def test_everything_behind_a_failure_is_skipped() -> None:
    way = Way(STRAIGHT)
    way.end("dev", DeploymentStatus.STOPPED)
    assert way.passages() == {"dev": "Failed", "test": "Skipped", "prod": "Skipped"}
    assert not way.promotion.busy


def test_it_must_have_stood_for_a_while_before_a_person_is_asked() -> None:
    way = Way((Place("test", "test"), Place("prod", "prod", ("test",), 5_000, 60_000)))
    way.end("test")
    assert way.passages()["prod"] == "Soaking"
    asked = way.wait("prod")
    assert [type(command) for command in asked] == [AskAtGate, StartGateTimer]
    assert way.promotion.open_gates() == ["prod"]
    assert [type(command) for command in way.answer("prod", yes=True)] == [EnterEnvironment]
    assert "eva said yes" in way.commands[-1].why


def test_a_no_is_a_no() -> None:
    way = Way((Place("test", "test"), Place("prod", "prod", ("test",), 0, 60_000), Place("dr", "dr", ("prod",))))
    way.end("test")
    way.answer("prod", yes=False)
    assert way.passages() == {"test": "Succeeded", "prod": "Stopped", "dr": "Skipped"}
    assert way.promotion.why["prod"] == "eva said no"
    assert not way.promotion.busy


def test_nobodys_answer_is_a_no() -> None:
    way = Way((Place("test", "test"), Place("prod", "prod", ("test",), 0, 60_000)))
    way.end("test")
    way.wait("prod")
    assert way.passages()["prod"] == "Stopped"
    assert way.promotion.why["prod"] == "nobody answered at the gate within 1m"


def test_an_answer_where_nobody_was_asked_changes_nothing() -> None:
    way = Way(STRAIGHT)
    before = way.passages()
    assert way.answer("prod", yes=True) == []
    assert way.passages() == before


@pytest.mark.parametrize("late", [True, False])
def test_a_timer_of_a_gate_that_is_open_already_is_nothing(late: bool) -> None:
    way = Way((Place("test", "test"), Place("prod", "prod", ("test",), 5_000, 60_000)))
    way.end("test")
    way.wait("prod")
    soak = next(command for command in way.commands if isinstance(command, StartGateTimer))
    if late:
        way.answer("prod", yes=True)
    before = way.passages()
    assert way.feed(GateTimerFired(way.id(), 9_000, soak.id, "prod")) == []
    assert way.passages() == before


def test_the_time_of_a_gate_that_was_answered_comes_and_means_nothing() -> None:
    way = Way((Place("dev", "dev"), Place("prod", "prod", ("dev",), 0, 5_000)))
    way.end("dev")
    way.answer("prod", yes=True)
    assert way.entered == ["dev", "prod"]
    assert way.wait("prod") == []
    assert way.passages() == {"dev": "Succeeded", "prod": "InProgress"}


@pytest.mark.parametrize("asks", [False, True])
def test_what_is_replaced_while_it_must_stand_stands_no_more(asks: bool) -> None:
    way = Way((Place("test", "test"), Place("prod", "prod", ("test",), 5_000, 60_000), Place("dr", "dr", ("prod",))))
    way.end("test")
    if asks:
        way.wait("prod")
    way.feed(DeploymentCreated(way.id(), 1_000, "", deployment(1, group="test", revision="v1")))
    assert way.passages() == {"test": "Succeeded", "prod": "Stopped", "dr": "Skipped"}
    assert way.promotion.why["prod"].startswith("v2 stands in test no more: d-1 deploys v1")


def test_a_deployment_elsewhere_disturbs_nobody() -> None:
    way = Way((Place("test", "test"), Place("prod", "prod", ("test",), 5_000)))
    way.feed(DeploymentCreated(way.id(), 1_000, "", deployment(1, group="elsewhere", revision="v1")))
    way.feed(DeploymentCreated(way.id(), 1_000, "", deployment(1, group="test", revision="v2")))
    way.end("test")
    assert way.passages() == {"test": "Succeeded", "prod": "Soaking"}
    way.wait("prod")
    assert way.entered == ["test", "prod"]


@pytest.mark.parametrize("parts", [{"creator": Creator.ROLLBACK}, {"revision": "v1"}])
def test_the_end_of_another_deployment_is_not_the_revisions(parts: dict[str, object]) -> None:
    way = Way(STRAIGHT)
    assert way.end("dev", **parts) == []
    assert way.passages()["dev"] == "InProgress"
    assert way.end("elsewhere") == []


def test_command_ids_go_on_where_others_ended() -> None:
    promotion = Promotion("v2", FANS)
    promotion.handle(PromotionRequested(1, 0, "", "v2"))
    rollout = Rollout(deployment(1, group="dev", revision="v2"))
    rollout.status = DeploymentStatus.SUCCEEDED
    event = TimerFired(7, 0, "", "d-1", "deployment")
    assert [command.id for command in promotion.handle(event, [rollout], 4)] == ["7.4", "7.5"]


def test_a_passage_is_a_word() -> None:
    assert [str(passage) for passage in Passage][:3] == ["Waiting", "Soaking", "Ready"]
