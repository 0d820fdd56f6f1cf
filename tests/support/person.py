"""Somebody who operates a run that goes on.

They speak in the driver's own thread, so that the same words come at the same moments every time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from simulator.control.operator import Operations
from simulator.control.operator_words import Answer, Done, Refused, Say, Word
from simulator.rollout.commands import Command
from simulator.rollout.events import Event
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import DeploymentStatus
from tests.support.random_people import SOON


class Person:
    """Says one word after the other to a run, each after so many of its events, and `end` at the last."""

    def __init__(self, operations: Operations, script: Sequence[tuple[int, Say]]) -> None:
        self._operations = operations
        self._script = deque((*script, (0, Say(Word.END, "ann"))))
        self._waits = self._script[0][0]
        self._asking = False
        self.answers: list[tuple[Word, Answer]] = []

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """An event was handled. Where a deployment has ended it is time to speak: no other event may come."""
        self._waits -= 1
        if self._waits <= 0 or (rollout is not None and (rollout.ended or self._waits_with(rollout))):
            self._speak()

    def _waits_with(self, rollout: Rollout) -> bool:
        waits = rollout.status in (DeploymentStatus.READY, DeploymentStatus.BAKING) or rollout.waits_to_terminate
        return (waits or rollout.paused) and self._waits > SOON

    def _speak(self) -> None:
        if self._script and not self._asking:
            _, say = self._script.popleft()
            self._asking = True
            self._operations.ask(say, lambda answer: self._answered(say.word, answer))

    def _answered(self, word: Word, answer: Answer) -> None:
        self._asking = False
        if word is Word.END and isinstance(answer, Refused):  # nothing has begun yet: the next event is early enough
            self._script.append((1, Say(Word.END, "ann")))
        else:
            self.answers.append((word, answer))
        self._waits = self._script[0][0] if self._script else 0
        deployments = answer.run.deployments if isinstance(answer, Done | Refused) else []
        if deployments:
            waits = deployments[-1].waits_for is not None and self._waits > SOON
            if waits or DeploymentStatus(deployments[-1].status).terminal:
                self._speak()
