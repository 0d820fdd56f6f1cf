"""How each group stands, by a book of its own: what is under way there, and what has last succeeded.

Nothing here asks whoever decides what is created; it hears what was.
"""

from __future__ import annotations

from collections.abc import Iterator

from scenarios.model import Scenario
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import DeploymentCreated
from simulator.rollout.statuses import Creator, DeploymentStatus

ONE_DEPLOYMENT = "a group has one deployment at a time"
NEW_ID = "a deployment has an id of its own"
ENTRANCE = "a revision enters an environment only where it stands in all before"

HELD = {
    ONE_DEPLOYMENT: "every deployment began after the end of its group's last one; those of pools go on beside it",
    NEW_ID: "no id came twice",
    ENTRANCE: "nothing was asked for past an environment in which something else stood",
}

Violation = tuple[str, str]
"""A rule, and why it does not hold."""


class Standings:
    """The groups of a scenario; without one, groups of which nothing is known but what is heard of them."""

    def __init__(self, scenario: Scenario | None = None) -> None:
        groups, environments = ((), {}) if scenario is None else (scenario.all_groups, scenario.environments)
        self._stands = {group.name: scenario.running_in(group) for group in groups} if scenario is not None else {}
        of = {name: environment.group or name for name, environment in environments.items()}
        self._before = {of[name]: [of[before] for before in each.after] for name, each in environments.items()}
        """By the group of an environment, those of the environments before."""
        self._under_way: dict[str, str] = {}
        self._follow_ons: set[str] = set()
        """Deployments that bring to a pool's new hosts what stands in their group: it goes on standing there."""
        self._ids: set[str] = set()

    def begin(self, deployment: Deployment) -> Iterator[Violation]:
        """A deployment begins."""
        name, group = deployment.deployment_id, deployment.group
        if name in self._ids:
            yield NEW_ID, f"{name} was created twice"
        self._ids.add(name)
        if deployment.creator.beside:
            return
        if (other := self._under_way.get(group)) is not None:
            yield ONE_DEPLOYMENT, f"{name} was created in {group} while {other} was under way"
        self._under_way[group] = name
        if deployment.creator is Creator.AUTO_UPDATE:
            self._follow_ons.add(name)

    def created(self, event: DeploymentCreated) -> Iterator[Violation]:
        """What the scenario asks for, or its environments do, has begun. (What a person undoes, stood there before.)"""
        deployment = event.deployment
        if deployment.creator is not Creator.USER or not (event.cause or event.entry):
            return
        for before in self._before.get(deployment.group, ()):
            other = self._under_way.get(before)
            if other is not None and other not in self._follow_ons:
                there = f"{other} is under way"
            elif self._stands.get(before) != deployment.revision:
                there = f"there stands {self._stands.get(before)}"
            else:
                continue
            yield ENTRANCE, f"{deployment.revision} entered {deployment.group}, and in {before} {there}"

    def end(self, deployment: Deployment, status: DeploymentStatus) -> None:
        """A deployment has ended."""
        if self._under_way.get(deployment.group) == deployment.deployment_id:
            del self._under_way[deployment.group]
            if status is DeploymentStatus.SUCCEEDED:
                self._stands[deployment.group] = deployment.revision
