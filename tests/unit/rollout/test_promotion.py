"""A revision on its way through environments, event by event."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from simulator.rollout.commands import AskAtGate, Command, EnterEnvironment, ShutGate, StartGateTimer
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

    def create(self, group: str, *, cause: str = "", **parts: object) -> Rollout:
        """A deployment of the group is created, by hand unless a command is the cause."""
        number = self.id()
        asked = replace(deployment(1, group=group), deployment_id=f"d-{number}", **parts)  # type: ignore[arg-type]
        self.feed(DeploymentCreated(number, self.at_ms, cause, asked))
        return Rollout(asked)

    def enter(self, name: str) -> Rollout:
        """The deployment is created with which the revision enters."""
        sent = [c for c in self.commands if isinstance(c, EnterEnvironment) and c.environment == name]
        return self.create(name, cause=sent[-1].id)

    def end(
        self, group: str, status: DeploymentStatus = DeploymentStatus.SUCCEEDED, rollout: Rollout | None = None
    ) -> list[str]:
        """A deployment of the group ends, the revision's own or this one; the environments that are entered then."""
        rollout = rollout or self.enter(group)
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
    assert way.passages() == {"dev": "Stopped", "test": "Skipped", "prod": "Skipped"}
    assert not way.promotion.busy
    assert not way.promotion.shut_out


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
    assert [type(command) for command in way.answer("prod", yes=False)] == [ShutGate]
    assert way.passages() == {"test": "Succeeded", "prod": "Stopped", "dr": "Skipped"}
    assert way.promotion.why["prod"] == "eva said no"
    assert not way.promotion.busy
    assert way.promotion.shut_out


def test_nobodys_answer_is_a_no() -> None:
    way = Way((Place("test", "test"), Place("prod", "prod", ("test",), 0, 60_000)))
    way.end("test")
    way.wait("prod")
    assert way.passages()["prod"] == "Stopped"
    assert way.promotion.why["prod"] == "nobody answered at the gate within 1m, and that is a no"
    shut = way.commands[-1]
    assert isinstance(shut, ShutGate)
    assert shut.why == "v2 does not enter prod: nobody answered at the gate within 1m, and that is a no"


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
    other = way.create("test", revision="v1")
    assert way.passages() == {"test": "Succeeded", "prod": "Stopped", "dr": "Skipped"}
    assert way.promotion.why["prod"] == f"v2 stands in test no more: {other.deployment_id} deploys v1"


def test_a_deployment_elsewhere_disturbs_nobody() -> None:
    way = Way((Place("test", "test"), Place("prod", "prod", ("test",), 5_000)))
    way.create("elsewhere", revision="v1")
    way.create("test")
    way.end("test")
    assert way.passages() == {"test": "Succeeded", "prod": "Soaking"}
    way.wait("prod")
    assert way.entered == ["test", "prod"]


@pytest.mark.parametrize("parts", [{"creator": Creator.ROLLBACK}, {"revision": "v1"}, {}])
@pytest.mark.parametrize("status", [DeploymentStatus.SUCCEEDED, DeploymentStatus.FAILED])
def test_the_end_of_another_deployment_is_not_the_revisions(parts: dict[str, object], status: DeploymentStatus) -> None:
    way = Way(STRAIGHT)
    assert way.end("dev", status, way.create("dev", **parts)) == []
    assert way.passages()["dev"] == "InProgress"
    assert way.end("elsewhere", status, way.create("elsewhere")) == []
    assert way.end("dev") == ["test"]


def test_where_ways_meet_again_it_enters_only_if_it_stands_in_all() -> None:
    way = Way((*FANS, Place("after", "after", ("done",))))
    way.end("dev")
    way.end("eu")
    other = way.create("eu", revision="v1")
    assert way.end("us") == []
    assert way.passages()["done"] == "Stopped"
    assert way.passages()["after"] == "Skipped"
    assert way.promotion.why["done"] == f"v2 stands in eu no more: {other.deployment_id} deploys v1"


def test_an_entrance_that_waits_for_its_group_is_withdrawn() -> None:
    way = Way((*STRAIGHT, Place("dr", "dr", ("prod",))))
    way.end("dev")
    (sent,) = (c for c in way.commands if isinstance(c, EnterEnvironment) and c.environment == "test")
    assert way.promotion.withdrawn(sent.id) is None
    way.create("dev", revision="v1")
    assert way.passages() == {"dev": "Succeeded", "test": "Stopped", "prod": "Skipped", "dr": "Skipped"}
    assert way.promotion.withdrawn(sent.id) == way.promotion.why["test"]
    assert not way.promotion.busy


def test_what_has_entered_goes_on_whatever_becomes_of_the_place_before() -> None:
    way = Way(STRAIGHT)
    way.end("dev")
    inside = way.enter("test")
    way.create("dev", revision="v1")
    assert way.end("test", rollout=inside) == ["prod"]


@pytest.mark.parametrize("asks", [False, True])
def test_a_second_deployment_of_the_revision_begins_the_gate_anew(asks: bool) -> None:
    way = Way((Place("test", "test"), Place("prod", "prod", ("test",), 5_000, 60_000)))
    way.end("test")
    if asks:
        way.wait("prod")
    again = way.create("test")
    assert way.passages() == {"test": "InProgress", "prod": "Waiting"}
    assert way.answer("prod", yes=True) == []
    way.end("test", rollout=again)
    assert way.passages() == {"test": "Succeeded", "prod": "Soaking"}
    way.wait("prod")
    way.answer("prod", yes=True)
    assert way.entered == ["test", "prod"]


def test_an_entrance_is_given_anew_after_a_second_deployment_before_it() -> None:
    way = Way(STRAIGHT)
    way.end("dev")
    again = way.create("dev")
    first = next(c for c in way.commands if isinstance(c, EnterEnvironment) and c.environment == "test")
    assert way.promotion.withdrawn(first.id) == "v2 was deployed once more to what comes before test"
    way.end("dev", rollout=again)
    assert way.entered == ["dev", "test", "test"]
    assert way.end("test") == ["prod"]


def test_a_second_deployment_of_the_revision_that_fails_is_a_failure() -> None:
    way = Way((Place("test", "test"), Place("prod", "prod", ("test",), 5_000)))
    way.end("test")
    way.end("test", DeploymentStatus.FAILED, way.create("test"))
    assert way.passages() == {"test": "Failed", "prod": "Skipped"}


def test_a_second_deployment_where_nothing_waits_any_more_changes_nothing() -> None:
    way = Way(STRAIGHT)
    for name in ("dev", "test", "prod"):
        way.end(name)
    way.end("dev", DeploymentStatus.FAILED, way.create("dev"))
    assert set(way.passages().values()) == {"Succeeded"}
    assert not way.promotion.busy


def test_command_ids_go_on_where_others_ended() -> None:
    promotion = Promotion("v2", FANS)
    (sent,) = promotion.handle(PromotionRequested(1, 0, "", "v2"))
    rollout = Rollout(deployment(1, group="dev", revision="v2"))
    promotion.handle(DeploymentCreated(2, 0, sent.id, rollout.deployment))
    rollout.status = DeploymentStatus.SUCCEEDED
    event = TimerFired(7, 0, "", "d-1", "deployment")
    assert [command.id for command in promotion.handle(event, [rollout], 4)] == ["7.4", "7.5"]


def test_a_passage_is_a_word() -> None:
    assert [str(passage) for passage in Passage][:3] == ["Waiting", "Soaking", "Ready"]
