"""What must hold in every run, whatever was asked for: checked after every event, from a book of its own.

Nothing here asks the core's health budget: the checks watch the events that go in and the commands that come out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from scenarios.model import Scenario
from simulator.control import standings
from simulator.control.at_hosts import ENDED, ONE_COMMAND, AtHosts
from simulator.control.late import LateEnds
from simulator.control.result import Finding
from simulator.control.sides import Sides, adds_up, fleet_of
from simulator.control.standings import Standings
from simulator.control.turns import Turns
from simulator.rollout.commands import (
    Command,
    CreateDeployment,
    Finish,
    HostCommand,
    Notify,
    ProvisionHost,
    ShiftTraffic,
    TerminateHost,
)
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import (
    DeploymentCreated,
    DeploymentEvent,
    Event,
    HealthCheckReported,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    TimerFired,
    TrafficMeasured,
)
from simulator.rollout.machine import Rollout
from simulator.rollout.rollback import BACK_TO_BLUE, BLUE_GREEN
from simulator.rollout.statuses import Creator, DeploymentStatus, Label, TargetStatus

MINIMUM = "the core never takes the fleet below its minimum"
TERMINAL = "a terminal status is final"
PROMISE = "a rollback ends on the revision that it promised"
NO_CHAIN = "a rollback is never rolled back"
HELD_OUT = "no request is sent to a host that the plan holds out"
BLUE = "blue stands until green has the traffic"
CANARY = "a canary never exceeds its share"
WEIGHTS = "traffic weights add up"
FRESH = "a new host takes the place of none that is there"

_HELD = {
    MINIMUM: "no healthy host was taken out while only the minimum was left",
    ONE_COMMAND: "every command waited for the end of the one before it",
    ENDED: "no command reached a host after a pool or a deployment had terminated it",
    TERMINAL: "nothing was commanded after a deployment's end",
    PROMISE: "every host of every rollback that succeeded has the last successful revision",
    NO_CHAIN: "no rollback brought about another",
    HELD_OUT: "no stray request was seen",
    BLUE: "no side of a blue/green deployment left before the other one was let in and had the traffic",
    CANARY: "no host, and no share of the traffic, came before its turn in the plan",
    WEIGHTS: "every share was between 0 and 100 %, no share fell, and no more requests were answered than made",
    FRESH: "every new host had a name that no host of the run has had",
    **standings.HELD,
}

_LEAVES = {BLUE_GREEN: Label.BLUE, BACK_TO_BLUE: Label.GREEN}
"""The side that is out of traffic once it is through."""


class _Book:
    """What is kept of one deployment."""

    def __init__(self, deployment: Deployment) -> None:
        told = deployment.options.blue_green
        held_out = told.held_out if told else ()
        self.healthy = {target.name for target in deployment.targets if target.healthy}.difference(held_out)
        self.taken: set[str] = set()
        self.busy: dict[str, str] = {}
        """Hosts that are at a command, and its id."""
        self.minimum = deployment.config.minimum_healthy_hosts.required(fleet_of(deployment))
        self.zones: dict[str, str] = {}
        """The zone of each host, where zones have a minimum of their own: `minima`, in hosts."""
        self.minima: dict[str, int] = {}
        if (per_zone := deployment.options.minimum_per_zone) is not None:
            self.zones = {target.name: target.zone for target in deployment.targets}
            self.minima = {zone: per_zone.required(n) for zone, n in Counter(self.zones.values()).items()}
        self.turns: Turns | None = None
        self.sides = Sides(deployment)
        self.one_sided = not self.sides.two
        self.leaves = _LEAVES.get(deployment.strategy)

    def below_in_zone(self, host: str) -> str | None:
        """Why a host that has just been taken out had to stay for its zone's sake; None where it had not. O(hosts)."""
        zone = self.zones[host]
        left, wanted = sum(self.zones[name] == zone for name in self.healthy), self.minima[zone]
        return f"{left} healthy left in {zone}, {wanted} wanted there" if left < wanted else None


class Invariants:
    """Watches a run, of this scenario, and keeps the first violation of each rule."""

    def __init__(self, scenario: Scenario | None = None) -> None:
        self._standings = Standings(scenario)
        self._violations: dict[str, str] = {}
        self._books: dict[str, _Book] = {}
        """Of the deployments that are under way, and of those that have ended since the last one began."""
        self._at_hosts = AtHosts()
        self._over: set[str] = set()
        self._closed: list[str] = []
        """Those that have ended since the last one began."""
        self._rollbacks: set[str] = set()
        self.late = LateEnds()
        self._names: set[str] = set()
        """Every host that the run's deployments have had."""
        self._provisioned: set[str] = set()
        """Those that they have brought up."""
        self._begun: set[str] = set()
        """Every deployment of the run."""

    @property
    def violated(self) -> bool:
        """Whether any rule was broken so far."""
        return bool(self._violations)

    def begin(self, deployment: Deployment) -> None:
        """A deployment begins."""
        for name in self._closed:
            self._books.pop(name, None)
        self._closed.clear()
        self._books[deployment.deployment_id] = _Book(deployment)
        self._begun.add(deployment.deployment_id)
        self._names.update(target.name for target in deployment.targets)
        for violation in self._standings.begin(deployment):
            self._violate(*violation)
        if deployment.creator is Creator.ROLLBACK:
            if deployment.rollback_of in self._rollbacks:
                self._violate(
                    NO_CHAIN,
                    f"{deployment.deployment_id} undoes {deployment.rollback_of}, which is a rollback",
                )
            self._rollbacks.add(deployment.deployment_id)

    def check(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """One event was handled in a deployment, and answered with these commands. O(commands)."""
        self._at_hosts.hear(event, commands, rollout)
        if type(event) is TrafficMeasured:
            self._measured(event)
        if rollout is None:
            return
        book = self._books.get(rollout.deployment_id)
        if type(event) is LifecycleEventCompleted:
            if book is not None and book.busy.get(event.host) == event.cause:
                del book.busy[event.host]
            self._heard_of(event.host, event, rollout, book)
            self.late.hear(event, rollout)
        elif type(event) is HealthCheckReported:
            if book is not None:
                book.sides.hear(event)
            self._heard_of(event.host, event, rollout, book)
        else:
            self._happened(event, rollout, book)
        for command in commands:
            if isinstance(command, HostCommand):
                self._commanded(command, event, book)
                turns = book.turns if book is not None and book.one_sided else None
                if turns is not None and command.host in turns.hosts and not turns.paused:
                    continue  # as nearly always: in turn, and no side to stand
            elif isinstance(command, Finish):
                self._finished(command, rollout)
            elif rollout.deployment_id in self._over and not isinstance(command, Notify | CreateDeployment):
                self._violate(TERMINAL, f"command {command.id} came after the end of {rollout.deployment_id}")
            if book is not None:
                self._in_turn(command, event, rollout, book)

    def reached(self, command: Command) -> None:
        """A command is about to reach its host, or the balancer for it."""
        for name, why in self._at_hosts.reached(command):
            self._violate(name, why)

    def _happened(self, event: Event, rollout: Rollout, book: _Book | None) -> None:
        """Something happened that is neither a report of a host nor of its health."""
        if book is None:
            return
        if isinstance(event, DeploymentCreated):
            for violation in self._standings.created(event):
                self._violate(*violation)
        if type(event) is DeploymentCreated:
            book.turns = Turns(rollout, event.at_ms)
        elif isinstance(event, DeploymentEvent) and event.deployment_id not in self._over:
            if isinstance(event, TimerFired) and event.timer.startswith("host:"):
                self._heard_of(event.timer.removeprefix("host:"), event, rollout, book)
            elif book.turns is not None:
                book.turns.hear(event)
                book.sides.hear(event)

    def _measured(self, event: TrafficMeasured) -> None:
        if event.strays:
            self._violate(HELD_OUT, f"{event.strays} requests reached hosts that were held out")
        if (why := adds_up(event)) is not None:
            self._violate(WEIGHTS, why)

    def _in_turn(self, command: Command, event: Event, rollout: Rollout, book: _Book) -> None:
        sides = book.sides
        if isinstance(command, ProvisionHost):
            if command.host in self._names:
                self._violate(
                    FRESH, f"{command.host} was provisioned by {command.id}, and there is a host of that name"
                )
            self._names.add(command.host)
            self._provisioned.add(command.host)
        elif isinstance(command, TerminateHost) and self._ends_an_old_host(command, rollout.deployment):
            self._violate(BLUE, f"{command.host} was ended on the way back, and no deployment had brought it up")
        if book.turns is not None and (why := book.turns.early(command, event.at_ms)) is not None:
            self._violate(CANARY, why)
        if book.one_sided:
            return
        if isinstance(command, ShiftTraffic):
            if (why := sides.shifted(command, rollout)) is not None:
                self._violate(WEIGHTS, why)
        elif isinstance(command, HostCommand | TerminateHost) and (why := sides.standing(command, rollout)) is not None:
            self._violate(BLUE, why)

    def _ends_an_old_host(self, command: TerminateHost, deployment: Deployment) -> bool:
        """Whether a way back of this run's ends a host that none of the run's deployments has brought up."""
        back = deployment.strategy == BACK_TO_BLUE and deployment.rollback_of in self._begun
        return back and command.host not in self._provisioned

    def _heard_of(self, host: str, event: Event, rollout: Rollout, book: _Book | None) -> None:
        if book is None or (state := rollout.hosts.get(host)) is None:
            return
        if state.status is TargetStatus.SUCCEEDED and state.label is not book.leaves:
            book.healthy.add(host)
        if book.turns is not None:
            book.turns.heard_of(host, event.at_ms)

    def _commanded(self, command: HostCommand, event: Event, book: _Book | None) -> None:
        host = command.host
        if book is None or command.deployment_id in self._over:
            self._violate(TERMINAL, f"command {command.id} for {host} came after the end of {command.deployment_id}")
        if book is None:
            return
        before = book.busy.get(host)
        if before is not None and not _frees(event, host):
            self._violate(ONE_COMMAND, f"{host} was given {command.id} while it was at {before}")
        book.busy[host] = command.id
        if host not in book.taken:
            book.taken.add(host)
            if host in book.healthy:
                book.healthy.discard(host)
                if len(book.healthy) < book.minimum:
                    left = len(book.healthy)
                    self._violate(
                        MINIMUM,
                        f"{host} was taken out at {event.at_ms} ms: {left} healthy left, {book.minimum} wanted",
                    )
                if book.zones and (why := book.below_in_zone(host)) is not None:
                    self._violate(MINIMUM, f"{host} was taken out at {event.at_ms} ms: {why}")

    def _finished(self, command: Finish, rollout: Rollout) -> None:
        if command.deployment_id in self._over:
            self._violate(TERMINAL, f"{command.deployment_id} ended twice")
        self._over.add(command.deployment_id)
        self._standings.end(rollout.deployment, command.status)
        self._closed.append(command.deployment_id)
        deployment = rollout.deployment
        by_itself = deployment.creator is Creator.ROLLBACK
        if command.status is DeploymentStatus.SUCCEEDED and (by_itself or deployment.rollback_of is not None):
            promised = (
                deployment.last_success.revision if by_itself and deployment.last_success else deployment.revision
            )
            leaves = _LEAVES.get(deployment.strategy)
            for host in rollout.hosts.values():
                if host.label is not leaves and host.status is TargetStatus.SUCCEEDED and host.revision != promised:
                    self._violate(PROMISE, f"{host.name} ended on {host.revision}, and {promised} was promised")

    def _violate(self, name: str, why: str) -> None:
        self._violations.setdefault(name, why)

    def findings(self) -> tuple[Finding, ...]:
        """Every rule, whether it held, and why."""
        return tuple(
            Finding(name, name not in self._violations, self._violations.get(name, held))
            for name, held in _HELD.items()
        )


def _frees(event: Event, host: str) -> bool:
    """Whether this event ended what the host was at."""
    if isinstance(event, LifecycleEventStarted):
        return False
    if isinstance(event, TimerFired):
        return event.timer == f"host:{host}"
    return isinstance(event, LifecycleEventCompleted | HealthCheckReported) and event.host == host
