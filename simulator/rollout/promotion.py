"""The way of a revision through environments: what may enter where, as a fold over events, like a deployment.

    events ──▶ Promotion.handle(event) ──▶ commands

A revision enters an environment when it stands in every one before it and the gate lets it pass. What fails stops
what depends on it, and nothing else: environments that are no way behind it go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from simulator.rollout.commands import AskAtGate, Command, EnterEnvironment, ShutGate, StartGateTimer
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import (
    DeploymentCreated,
    Event,
    GateAnswered,
    GateTimerFired,
    PromotionRequested,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.messages import duration
from simulator.rollout.statuses import Creator, DeploymentStatus


class Passage(StrEnum):
    """How a revision stands with an environment. The words are a deployment's, but for the first two."""

    WAITING = "Waiting"
    """It does not stand in every environment before."""
    SOAKING = "Soaking"
    """It does, and must for a while."""
    READY = "Ready"
    """A person is asked."""
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    STOPPED = "Stopped"
    """The gate has not let it pass, or what comes before was replaced; or its deployment was stopped."""
    SKIPPED = "Skipped"
    """It will never stand in an environment before."""


_OPEN = frozenset({Passage.SOAKING, Passage.READY})
_UNDER_WAY = _OPEN | {Passage.IN_PROGRESS}
_BY_POOLS = frozenset({Creator.AUTOSCALING, Creator.AUTOSCALING_TERMINATION, Creator.AUTO_UPDATE})
_LOST = frozenset({Passage.FAILED, Passage.STOPPED, Passage.SKIPPED})
_OVER = _LOST | {Passage.SUCCEEDED}
_ENDS = {DeploymentStatus.FAILED: Passage.FAILED, DeploymentStatus.STOPPED: Passage.STOPPED}
"""How a revision stands with an environment whose deployment has ended so."""


class Place(NamedTuple):
    """An environment: its deployment group, those before it, and its gate.

    `stood_ms`: how long a revision must have stood in those before. `answer_ms`: how long a person may think; None
    where nobody is asked.
    """

    name: str
    group: str
    after: tuple[str, ...] = ()
    stood_ms: int = 0
    answer_ms: int | None = None


class Promotion:
    """One revision on its way. `places` come in an order in which none comes before those that it is after."""

    def __init__(self, revision: str, places: Sequence[Place]) -> None:
        self.revision = revision
        self.places = {place.name: place for place in places}
        self.passage: dict[str, Passage] = dict.fromkeys(self.places, Passage.WAITING)
        self.why: dict[str, str] = {}
        """Why a revision did not enter, or failed, by environment."""
        self.answered: list[str] = []
        """Who has answered at a gate, each time."""
        self.entrances: dict[str, str] = {}
        """The environment of every command to enter one, by the command's id."""
        self._sent: dict[str, str] = {}
        """By environment, the command to enter that counts: what was withdrawn is not here."""
        self.deployed: dict[str, str] = {}
        """By environment, the deployment that brings the revision there: somebody else's may do the same."""
        self._by_group = {place.group: place for place in places}
        self._timers: dict[str, str] = {}
        self._commands: list[Command] = []
        self._event_id = self._first = 0

    @property
    def busy(self) -> bool:
        """Whether the revision is on its way still."""
        return not _UNDER_WAY.isdisjoint(self.passage.values())

    def open_gates(self) -> list[str]:
        """The environments before which a person is asked."""
        return [name for name, passage in self.passage.items() if passage is Passage.READY]

    @property
    def shut_out(self) -> bool:
        """Whether the revision was stopped before an environment, and not in its deployment there."""
        return any(passage is Passage.STOPPED and name not in self.deployed for name, passage in self.passage.items())

    def withdrawn(self, command: str) -> str | None:
        """Why this command to enter an environment counts no more; None while it does."""
        name = self.entrances[command]
        if self._sent.get(name) == command:
            return None
        return self.why.get(name, f"{self.revision} was deployed once more to what comes before {name}")

    def handle(self, event: Event, ended: Sequence[Rollout] = (), first: int = 0) -> tuple[Command, ...]:
        """Take an event in, and the deployments that have ended by it; `first` is the number of the first command."""
        self._event_id, self._first, self._commands = event.id, first, []
        match event:
            case PromotionRequested():
                self._go_on(event.at_ms)
            case DeploymentCreated():
                self._created(event)
            case GateTimerFired():
                self._timer_fired(event)
            case GateAnswered():
                self._answered(event)
        for rollout in ended:
            self._ended(rollout, event.at_ms)
        return tuple(self._commands)

    def _created(self, event: DeploymentCreated) -> None:
        """A deployment in an environment: the revision's own, or one that disturbs what stands there."""
        deployment = event.deployment
        place = self._by_group.get(deployment.group)
        if place is None or deployment.creator in _BY_POOLS:
            return  # what pools deploy brings to new hosts what stands there
        if event.cause and self._sent.get(place.name) == event.cause:
            self.deployed[place.name] = deployment.deployment_id
        elif self.passage[place.name] is Passage.SUCCEEDED:
            self._disturbed(place, deployment)

    def _disturbed(self, place: Place, deployment: Deployment) -> None:
        """What is replaced stands there no more; what is deployed once more has to succeed once more.

        Either way nothing enters what comes after that has no deployment there yet. Chosen: a second deployment of the
        same revision is as good as the first, so the time that it must stand, and the question, begin anew.
        """
        behind = [other for other in self.places.values() if place.name in other.after and self._is_outside(other)]
        for other in behind:
            self._timers.pop(other.name, None)
            self._sent.pop(other.name, None)
            if deployment.revision == self.revision:
                self.passage[other.name] = Passage.WAITING
            else:
                what = f"{deployment.deployment_id} deploys {deployment.revision}"
                self._lose(other, Passage.STOPPED, f"{self.revision} stands in {place.name} no more: {what}")
        if behind and deployment.revision == self.revision:
            self.passage[place.name] = Passage.IN_PROGRESS
            self.deployed[place.name] = deployment.deployment_id

    def _is_outside(self, place: Place) -> bool:
        """Whether the revision may enter still, and has not."""
        return self.passage[place.name] not in _OVER and place.name not in self.deployed

    def _timer_fired(self, event: GateTimerFired) -> None:
        place = self.places[event.environment]
        if self._timers.get(place.name) != event.cause:
            return  # a gate that was answered, or is shut for good, has no timer any more
        if self.passage[place.name] is Passage.SOAKING:
            self._soaked(place, event.at_ms)
        else:
            waited = duration(place.answer_ms or 0)
            self._shut(place, f"nobody answered at the gate within {waited}, and that is a no")

    def _answered(self, event: GateAnswered) -> None:
        place = self.places[event.environment]
        if self.passage[place.name] is not Passage.READY:
            return
        self.answered.append(event.by)
        if event.yes:
            self._enter(place, f"{event.by} said yes")
        else:
            self._shut(place, f"{event.by} said no")

    def _ended(self, rollout: Rollout, at_ms: int) -> None:
        deployment = rollout.deployment
        place = self._by_group.get(deployment.group)
        if place is None or self.deployed.get(place.name) != deployment.deployment_id:
            return
        if rollout.status is DeploymentStatus.SUCCEEDED:
            self.passage[place.name] = Passage.SUCCEEDED
            self._go_on(at_ms)
        else:
            self._lose(place, _ENDS[rollout.status], f"{deployment.deployment_id} {rollout.status}")

    def _go_on(self, now_ms: int) -> None:
        """Whatever can begin now, does."""
        for place in self.places.values():
            if self.passage[place.name] is Passage.WAITING and all(
                self.passage[name] is Passage.SUCCEEDED for name in place.after
            ):
                if place.stood_ms:
                    self.passage[place.name] = Passage.SOAKING
                    before = " and ".join(place.after)
                    self._start(place, now_ms + place.stood_ms, f"it must stand {duration(place.stood_ms)} in {before}")
                else:
                    self._soaked(place, now_ms)

    def _soaked(self, place: Place, now_ms: int) -> None:
        if place.answer_ms is None:
            before = f"it stands in {' and '.join(place.after)}" if place.after else "nothing comes before"
            self._enter(place, before)
            return
        self.passage[place.name] = Passage.READY
        why = f"{self.revision} waits for a person's yes before {place.name}"
        self._commands.append(AskAtGate(self._next_id(), "", why, place.name, self.revision))
        self._start(place, now_ms + place.answer_ms, f"no answer within {duration(place.answer_ms)} is a no")

    def _enter(self, place: Place, why: str) -> None:
        self.passage[place.name] = Passage.IN_PROGRESS
        self._timers.pop(place.name, None)
        why = f"{self.revision} enters {place.name}: {why}"
        command = EnterEnvironment(self._next_id(), "", why, place.name, self.revision)
        self.entrances[command.id], self._sent[place.name] = place.name, command.id
        self._commands.append(command)

    def _shut(self, place: Place, why: str) -> None:
        """The gate does not let the revision pass."""
        told = f"{self.revision} does not enter {place.name}: {why}"
        self._commands.append(ShutGate(self._next_id(), "", told, place.name, self.revision))
        self._lose(place, Passage.STOPPED, why)

    def _lose(self, place: Place, passage: Passage, why: str) -> None:
        """The revision will not stand there, nor in what comes after."""
        self.passage[place.name], self.why[place.name] = passage, why
        self._timers.pop(place.name, None)
        self._sent.pop(place.name, None)
        for other in self.places.values():
            if place.name in other.after and self.passage[other.name] not in _LOST | {Passage.IN_PROGRESS}:
                self._lose(other, Passage.SKIPPED, f"{self.revision} does not stand in {place.name}")

    def _start(self, place: Place, at_ms: int, why: str) -> None:
        command = StartGateTimer(self._next_id(), "", why, place.name, at_ms)
        self._timers[place.name] = command.id
        self._commands.append(command)

    def _next_id(self) -> str:
        return f"{self._event_id}.{self._first + len(self._commands)}"
