"""The ways of revisions through a scenario's environments, in a run: one at a time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

import networkx as nx

from fleet.base import Emit
from scenarios.environments import graph_of
from scenarios.model import Deploy, Scenario
from simulator.control.agenda import Driver
from simulator.control.groups import Groups
from simulator.control.request import requested
from simulator.control.requests import Wish
from simulator.rollout.commands import Command, EnterEnvironment, StartGateTimer
from simulator.rollout.events import Event, GateAnswered, GateTimerFired, PromotionRequested
from simulator.rollout.machine import Rollout
from simulator.rollout.promotion import Place, Promotion

AT_A_GATE: Mapping[str, bool] = MappingProxyType(
    {"continue": True, "promote": True, "promote-full": True, "stop": False, "abort": False}
)
"""What a person says at a gate, and whether it is a yes."""


def places(scenario: Scenario) -> tuple[Place, ...]:
    """The environments of a scenario, none before those that it is after."""
    environments = scenario.environments
    order = nx.lexicographical_topological_sort(graph_of({name: each.after for name, each in environments.items()}))
    return tuple(
        Place(
            name,
            environments[name].group or name,
            environments[name].after,
            environments[name].gate.stood,
            None if (approval := environments[name].gate.approval) is None else approval.wait_time,
        )
        for name in order
    )


def refusal(places: Sequence[Place], groups: Groups, group: str, revision: str) -> str | None:
    """Why a revision may not be deployed to a group past the environments before it; None where it may."""
    by_name = {place.name: groups[place.group] for place in places}
    for name in next((place.after for place in places if place.group == group), ()):
        before = by_name[name]
        stands = before.last_success.revision if before.last_success else "nothing"
        if before.busy or stands != revision:
            now = "a deployment is under way" if before.busy else f"there stands {stands}"
            return f"{revision} does not stand in {name}, which comes before {group}: {now}"
    return None


class Promotions:
    """What is on its way, and what was."""

    def __init__(self, scenario: Scenario, groups: Groups, driver: Driver, emit: Emit) -> None:
        self._scenario, self._groups, self._driver, self._emit = scenario, groups, driver, emit
        self._places = places(scenario)
        self._by_group = {place.group: place for place in self._places}
        self._deploys = {deploy.revision: deploy for deploy in scenario.deploy if deploy.group is None}
        self.all: list[Promotion] = []
        """Every revision that went its way, in order."""

    def remember(self, others: Promotions) -> None:
        """Know what those know."""
        self.all = others.all

    @property
    def last(self) -> Promotion | None:
        """The revision that is on its way, or was last."""
        return self.all[-1] if self.all else None

    @property
    def busy(self) -> bool:
        """Whether a revision is on its way."""
        return self.last is not None and self.last.busy

    @property
    def under_way(self) -> str | None:
        """Why no other revision can set out now; None where it can."""
        return f"{self.last.revision} is on its way through the environments" if self.last and self.last.busy else None

    def refusal(self, group: str, revision: str) -> str | None:
        """Why a revision may not be deployed to a group past the environments before it; None where it may."""
        return refusal(self._places, self._groups, group, revision)

    def withdrawn(self, cause: str, revision: str) -> str | None:
        """Why a revision is to enter an environment no more by this command; None where it still is."""
        sent = (each for each in reversed(self.all) if each.revision == revision)
        return next((each.withdrawn(cause) for each in sent if cause in each.entrances), None)

    def handle(self, event: Event, ended: Sequence[Rollout], first: int) -> tuple[Command, ...]:
        """Fold an event, and the deployments that have ended by it, into what is on its way."""
        if isinstance(event, PromotionRequested):
            self.all.append(Promotion(event.revision, self._places))
        return self.last.handle(event, ended, first) if self.last is not None else ()

    def enter(self, command: EnterEnvironment) -> Wish:
        """The deployment with which a revision enters an environment."""
        written = self._deploys.get(command.revision, Deploy(revision=command.revision))
        group = next(place.group for place in self._places if place.name == command.environment)
        deploy = written.model_copy(update={"group": group, "when": None})
        make = partial(requested, self._scenario, deploy)
        return Wish(group, command.revision, make, queues=True, cause=command.id)

    def start_timer(self, command: StartGateTimer) -> None:
        """A gate's time runs."""
        self._driver.at(
            command.at_ms, lambda event_id, at_ms: GateTimerFired(event_id, at_ms, command.id, command.environment)
        )

    def open_gates(self) -> dict[str, tuple[str, str]]:
        """The environments before which a person is asked: the revision that waits, and the environment's group."""
        if self.last is None:
            return {}
        return {name: (self.last.revision, self.last.places[name].group) for name in self.last.open_gates()}

    def gate_of(self, group: str | None) -> str | None:
        """The environment before which a person is asked: that of a group, or the only one; None where none is."""
        gates = self.last.open_gates() if self.last is not None else []
        if group is None:
            return gates[0] if len(gates) == 1 else None
        place = self._by_group.get(group)
        return next((name for name in gates if name == group or (place is not None and name == place.name)), None)

    def answer(self, environment: str, by: str, *, yes: bool) -> None:
        """A person has answered."""
        self._emit(lambda event_id, at_ms: GateAnswered(event_id, at_ms, "", environment, by, yes))
