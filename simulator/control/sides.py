"""The two sides of a blue/green deployment, watched from the commands and the events alone.

The side that leaves stands until the side that comes has been given the traffic, there and on the way back; and
whatever share of the traffic is asked for is a share. Hosts that were let in and turn unhealthy later break nothing
here: neither CodeDeploy nor the core looks at them again before the old ones leave, and the verdict flags it.
"""

from __future__ import annotations

from simulator.rollout.commands import AllowTraffic, BlockTraffic, Command, ShiftTraffic, TerminateHost
from simulator.rollout.deployment import Deployment, Target
from simulator.rollout.events import Event, HealthCheckReported, TrafficMeasured, TrafficShifted
from simulator.rollout.lifecycle import COURSES
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN
from simulator.rollout.statuses import Label
from strategies.options import BlueGreen
from strategies.plan import WHOLE


def fleet_of(deployment: Deployment) -> int:
    """Over how many hosts a deployment's minimum is counted: in blue/green the new ones, on the way back the old."""
    told = deployment.options.blue_green or BlueGreen()
    if deployment.strategy == BACK_TO_BLUE:
        green = {*told.green, *told.let_in, *told.doomed}
        return sum(target.name not in green for target in deployment.targets)
    return len(told.green or deployment.targets)


class Sides:
    """Follows one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._strategy = deployment.strategy
        self._of_versions = bool(COURSES.get(deployment.strategy))
        self.two = self._of_versions or deployment.strategy in (BLUE_GREEN, BACK_TO_BLUE)
        """Whether there are two sides at all."""
        told = deployment.options.blue_green or BlueGreen()
        self._awaited = frozenset(told.held_out) if deployment.strategy == BACK_TO_BLUE else frozenset()
        self._discovered = frozenset(told.green)
        self._minimum = deployment.config.minimum_healthy_hosts
        self._needed = max(self._minimum.required(fleet_of(deployment)), 1)
        self._being_let_in: set[str] = set()
        self._in: set[str] = set()
        self._asked: int | None = None
        self._share: int | None = None

    def hear(self, event: Event) -> None:
        """A host has come into the traffic, or the traffic is shifted."""
        if isinstance(event, HealthCheckReported) and event.healthy and event.host in self._being_let_in:
            self._in.add(event.host)
        elif isinstance(event, TrafficShifted):
            self._share = self._asked

    def standing(self, command: Command, rollout: Rollout) -> str | None:
        """Why a host that this command takes out, or ends, had to stand; None where it had not."""
        if self._of_versions:
            if not isinstance(command, TerminateHost) or self._share == WHOLE:
                return None
            return f"a task set of {command.host} was ended while the other had {self._share or 0} % of the traffic"
        if isinstance(command, AllowTraffic):
            self._being_let_in.add(command.host)
        if not isinstance(command, BlockTraffic | TerminateHost):
            return None
        green = rollout.hosts[command.host].label is Label.GREEN
        what = f"{command.host} was {'taken out' if isinstance(command, BlockTraffic) else 'ended'}"
        if green:
            if isinstance(command, TerminateHost) and self._stood_before(rollout.hosts[command.host].target):
                return f"{what} on the way back, and stood there before"
            missing = self._awaited - self._in
            if missing and len(self._awaited) - len(missing) < self._wanted_back(rollout):
                return f"{what} before {', '.join(sorted(missing))} had traffic again"
            return None
        if len(self._in) < self._needed:
            return f"{what} while {len(self._in)} of the new hosts had been let in, and {self._needed} are needed"
        if self._share not in (None, WHOLE):
            return f"{what} while the new hosts had {self._share} % of the traffic"
        return None

    def _stood_before(self, target: Target) -> bool:
        """Whether a host is not one that was provisioned: no deployment has succeeded there before the one undone."""
        return target.healthy or target.name in self._discovered

    def _wanted_back(self, rollout: Rollout) -> int:
        """How many of the old hosts that were out of traffic must have it again before a new one may leave."""
        blue = [name for name, host in rollout.hosts.items() if host.label is Label.BLUE]
        stayed = sum(name not in self._awaited for name in blue)
        return min(max(self._minimum.required(len(blue)) - stayed, 1), len(self._awaited))

    def shifted(self, command: ShiftTraffic, rollout: Rollout) -> str | None:
        """Why this share is none, or not the next one; None where it is."""
        before, percent = self._asked, command.percent
        self._asked = percent
        if not 0 <= percent <= WHOLE:
            return f"{percent} % were shifted to one side, which leaves {WHOLE - percent} % for the other"
        greens = () if self._of_versions else command.hosts
        if strangers := [name for name in greens if rollout.hosts[name].label is not Label.GREEN]:
            return f"{percent} % were shifted to {', '.join(strangers)}, which are none of the new hosts"
        if self._strategy == BACK_TO_BLUE and percent:
            return f"{percent} % were shifted to the new hosts on the way back"
        if before is not None and percent < before:
            return f"{percent} % were shifted after {before} %: shares rise"
        return None


def adds_up(event: TrafficMeasured) -> str | None:
    """Why the requests that were counted do not add up; None where they do."""
    answered = sum(count for _, count in event.by_revision)
    if answered > event.total or not 0 <= event.failed <= event.total:
        return f"of {event.total} requests {answered} were answered, and {event.failed} failed"
    return None
