"""What a fleet is: it carries out commands and reports what happened. It decides nothing.

Two kinds of hosts stand behind this: `fleet.virtual` (events on a heap) and `fleet.docker` (containers). A driver
in `simulator.control` hands commands in and takes events out.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from fleet.figures import Figures
from scenarios.model import Effect
from simulator.rollout.commands import Command
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import Event

MakeEvent = Callable[[int, int], Event | None]
"""An event but for its id and its time, which only the driver knows: `lambda id, at_ms: TimerFired(id, at_ms, …)`.
It gives None, and uses up no id, where what was to happen has become void."""

Emit = Callable[[MakeEvent], None]
"""How a fleet tells the driver that something happened."""

WAY_BACK = "back-to-blue"
"""The strategy in which nothing is downloaded: to an agent it is a rollback, whoever asks for it."""


INVALID_SIGNATURE = "InvalidSignatureException"
"""What AWS calls a request that was signed wrongly, or by a clock that is wrong."""


def bundle_location(revision: str, kind: str) -> str:
    """Where the archive of a revision lies on every host; `kind` is zip, tar or tgz."""
    return f"/opt/drydeploy/revisions/{revision}.{kind}"


class FleetError(Exception):
    """A fleet cannot do what it was asked: what was wanted, what was found, what to do. Shown to the user as it is."""


def cannot_run(revision: str, reason: str) -> FleetError:
    """What is raised where the revision that hosts are to run before time 0 cannot be brought there."""
    return FleetError(
        f"the fleet is to run {revision} before the rehearsal begins, and {revision} cannot be deployed: {reason}"
    )


def stands_already(host: str) -> FleetError:
    """What is raised where a new host is asked for by the name of one that is there: none is replaced unasked."""
    return FleetError(
        f"{host} cannot be provisioned: a host of that name is there already, and it is not for a fleet to end it. "
        "This is a defect of drydeploy, not of the scenario: the core gives every new host a name of its own"
    )


class Fleet(ABC):
    """Hosts behind a balancer.

    A fleet carries out a command once, however often it is given (the command's id tells), and gives a host one
    command at a time.
    """

    name: str
    """As the user writes it: `virtual` or `docker`."""

    @abstractmethod
    def begin(self, deployment: Deployment) -> None:
        """A deployment begins: what the commands with its id will speak of."""

    @abstractmethod
    def watch_starts(self, events: frozenset[str]) -> None:
        """Report LifecycleEventStarted for these events in any case, and hold the work until it was handled.

        What is to strike a host in the midst of an event then strikes after its beginning and before its first step.
        """

    @abstractmethod
    def perform(self, command: Command) -> None:
        """Carry out a command that is a fleet's; return at once, report the end as an event.

        A new host by the name of one that is there breaks the run: FleetError, now or from the background.
        """

    @abstractmethod
    def inject(self, name: str, effect: Effect, hosts: Sequence[str], *, event: str | None) -> None:
        """Make a fault real at these hosts; at none, where the effect strikes no host in particular.

        `event` is the lifecycle event whose scripts a script fault strikes.
        """

    @abstractmethod
    def heal(self, name: str, effect: Effect, hosts: Sequence[str]) -> None:
        """Undo `inject`: a stopped agent runs again, a crashed host boots, a health check sees the application."""

    def at_request(self, number: int, call: Callable[[], None]) -> None:
        """Call this once the users have made so many requests since the run began; never where there are no users."""
        del number, call

    @abstractmethod
    def measure(self) -> MakeEvent | None:
        """TrafficMeasured, from the beginning of the run to now; None where there is no balancer, and so no traffic."""

    def figures(self) -> Figures | None:
        """Requests from the beginning of the run to now; None where nobody counts them. Asking changes nothing."""
        return None

    def remember_disks(self, deployment: Deployment) -> None:
        """Note what stands on the hosts' disks, before this deployment touches them; `compare_disks` looks again."""
        del deployment

    def compare_disks(self, undone: Deployment) -> bool:
        """Compare the disks with what was noted before the deployment that has been undone, and emit DisksCompared.

        False where nothing was noted, and nothing will be emitted.
        """
        del undone
        return False
