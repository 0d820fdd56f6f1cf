"""Asking for deployments: they are created, or refused because their group has one under way, or sent their way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fleet.base import Emit
from scenarios.model import Scenario
from simulator.control.alarms import Alarms
from simulator.control.generations import Generations
from simulator.control.groups import Groups
from simulator.control.platforms import Service
from simulator.control.promotions import Promotions
from simulator.control.requests import THROUGH_ENVIRONMENTS, Requests, Wish
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import DeploymentNotCreated, Event, PromotionRequested
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import deployment_id


class Asking:
    """Who asks, in a run. `rollouts` are the run's so far."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        groups: Groups,
        alarms: Alarms,
        promotions: Promotions,
        requests: Requests,
        generations: Generations,
        rollouts: Sequence[Rollout],
        emit: Emit,
    ) -> None:
        self._scenario, self._seed = scenario, seed
        self._groups, self._alarms, self._promotions, self._rollouts = groups, alarms, promotions, rollouts
        self._requests, self._generations, self._emit = requests, generations, emit
        self._service = Service(scenario)
        self._open = 0

    @property
    def busy(self) -> bool:
        """Whether something was asked for in this moment, and has no answer yet."""
        return self._open > 0

    def answered(self) -> None:
        """What was asked for has its answer. (In a replay nobody asks, and there are answers all the same.)"""
        self._open = max(self._open - 1, 0)

    def ask(self, wish: Wish, cause: str = "") -> None:
        """Ask for a deployment: it is created, unless its group has one under way."""
        self._open += 1
        self._emit(partial(self._answer, wish, cause))

    def again(self, deployment: Deployment) -> Deployment:
        """Ask for it once more. The deployment as it is created: with its own id, after the group's last success."""
        last_success = self._groups[deployment.group].last_success
        created = self.as_of_now(replace(deployment, deployment_id=self._identity(), last_success=last_success))
        self._emit(lambda event_id, at_ms: self._service.asked(event_id, at_ms, "", created))
        return created

    def _answer(self, wish: Wish, cause: str, event_id: int, at_ms: int) -> Event:
        application = self._scenario.application
        if wish.group == THROUGH_ENVIRONMENTS:
            if (why := self._promotions.under_way) is not None:
                return DeploymentNotCreated(event_id, at_ms, "", application, "", wish.revision, "", wish.queues, why)
            return PromotionRequested(event_id, at_ms, "", wish.revision)
        group = self._groups[wish.group]
        if group.busy and group.last is not None:
            busy = group.last.deployment
            if cause:  # what enters an environment is on nobody's list yet
                self._requests.queue(wish)
            names = busy.application, busy.group, wish.revision, busy.deployment_id
            return DeploymentNotCreated(event_id, at_ms, cause, *names, wish.queues)
        if not cause and (why := self._promotions.refusal(wish.group, wish.revision)) is not None:
            application = group.group.application or application
            return DeploymentNotCreated(event_id, at_ms, "", application, group.name, wish.revision, "", False, why)
        deployment = wish.make(self._identity(), group.standing)
        return self._service.asked(event_id, at_ms, cause, self.as_of_now(deployment))

    def _identity(self) -> str:
        return deployment_id(self._scenario.name, self._seed, len(self._rollouts) + 1)

    def as_of_now(self, deployment: Deployment) -> Deployment:
        """As it is created now: its new hosts have names that nobody had, and these alarms are active."""
        return replace(self._generations.fresh(deployment), active_alarms=self._alarms.active(deployment))
