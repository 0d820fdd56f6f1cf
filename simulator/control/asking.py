"""Asking for deployments: they are created, or refused because their group has one under way, or sent their way."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from fleet.base import Emit
from scenarios.model import Scenario
from scenarios.platforms import SERVER
from simulator.control.alarms import Alarms
from simulator.control.generations import Generations
from simulator.control.groups import Groups
from simulator.control.platforms import Service
from simulator.control.promotions import Promotions
from simulator.control.request import nobody
from simulator.control.requests import THROUGH_ENVIRONMENTS, Answer, Key, Requests, Wish
from simulator.rollout.commands import CreateDeployment
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import DeploymentCreated, DeploymentNotCreated, Event, PromotionRequested
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import BACK_TO_BLUE, deployment_id
from simulator.rollout.statuses import AlarmState, Creator


class Asking:
    """Who asks, in a run. `rollouts` are the run's so far; `emit` has an event made once the controller is there."""

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
        self._open: dict[Key, Wish] = {}

    @property
    def busy(self) -> bool:
        """Whether something was asked for, and has no answer yet."""
        return bool(self._open)

    def answered(self, event: Answer) -> None:
        """What was asked for has its answer. (In a replay people do not ask, and there are answers all the same.)"""
        wish = self._requests.answered(event, self._open.get(event.cause))
        if wish is not None:
            self._open.pop(wish.key, None)

    def ask(self, wish: Wish) -> None:
        """Ask for a deployment: it is created, unless its group has one under way.

        What was asked for has its answer to come, and is not asked for again: several hosts may bring one moment.
        """
        if wish.key not in self._open:
            self._open[wish.key] = wish
            self._emit(partial(self._answer, wish))

    def ask_queued(self) -> None:
        """Ask for what waits in the queue of a group that is free."""
        for wish in self._requests.next_queued():
            if not self._groups[wish.group].busy:
                self.ask(wish)

    def again(self, deployment: Deployment) -> Deployment:
        """Ask for it once more. The deployment as it is created: with its own id, after the group's last success."""
        last_success = self._groups[deployment.group].last_success
        created = self.as_of_now(replace(deployment, deployment_id=self._identity(), last_success=last_success))
        self._emit(lambda event_id, at_ms: self._service.asked(event_id, at_ms, "", 0, created))
        return created

    def follow(self, command: CreateDeployment) -> None:
        """Create what a deployment has answered its own end with."""
        self._emit(
            lambda event_id, at_ms: DeploymentCreated(
                event_id, at_ms, command.id, self.as_of_now(self._to_its_hosts(command.deployment))
            )
        )

    def _to_its_hosts(self, deployment: Deployment) -> Deployment:
        """A rollback goes to the hosts that its group has now, as any deployment does: pools launch, and let go.

        That of a follow-on goes to the follow-on's. The way back to the old hosts has its own on both sides.
        """
        group = self._groups[deployment.group]
        whole = deployment.creator is Creator.ROLLBACK and deployment.strategy != BACK_TO_BLUE
        if not whole or group.group.compute_platform != SERVER:
            return deployment
        standing = group.standing
        (undone,) = (each for each in self._rollouts if each.deployment_id == deployment.rollback_of)
        if undone.deployment.creator is Creator.AUTO_UPDATE:
            targets = tuple(target for target in standing.targets if target.name in undone.hosts)
            gone = f"no host of {undone.deployment_id} is there any more" if not targets else ""
        else:
            targets = standing.targets
            gone = nobody(self._scenario, group.group, standing.gone) if not targets else ""
        return replace(deployment, targets=targets, nobody=gone)

    def _answer(self, wish: Wish, event_id: int, at_ms: int) -> Event:
        def refused(active: str = "", *, queued: bool = False, why: str = "") -> Event:
            names = application, wish.group, wish.revision, active
            return DeploymentNotCreated(event_id, at_ms, wish.cause, *names, queued, why, wish.entry)

        application = self._scenario.application
        if wish.group == THROUGH_ENVIRONMENTS:
            if (why := self._promotions.under_way) is not None:
                return refused(queued=wish.queues, why=why)
            return PromotionRequested(event_id, at_ms, "", wish.revision, wish.entry)
        group = self._groups[wish.group]
        application = group.group.application or application
        if wish.cause and (why := self._promotions.withdrawn(wish.cause, wish.revision)) is not None:
            return refused(why=why)
        if group.busy and group.last is not None:
            return refused(group.last.deployment_id, queued=wish.queues)
        if not wish.cause and (why := self._promotions.refusal(wish.group, wish.revision)) is not None:
            return refused(why=why)
        deployment = wish.make(self._identity(), group.standing)
        return self._service.asked(event_id, at_ms, wish.cause, wish.entry, self.as_of_now(deployment))

    def _identity(self) -> str:
        return deployment_id(self._scenario.name, self._seed, len(self._rollouts) + 1)

    def as_of_now(self, deployment: Deployment) -> Deployment:
        """As it is created now: its new hosts have names that nobody had, and these alarms are active."""
        active = self._alarms.active(deployment)
        unasked = tuple(name for name, state in active.items() if state is AlarmState.UNKNOWN)
        return replace(self._generations.fresh(deployment), active_alarms=tuple(active), unasked_alarms=unasked)
