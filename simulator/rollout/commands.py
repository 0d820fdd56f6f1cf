"""What to do. The core answers an event with these; a fleet or a driver carries them out.

Every command bears `id` (`<event id>.<n>`: the n-th command of that event, so that the same events give the same
ids and a fleet can tell a command that it has already carried out) and `why`, the reason in a sentence.
"""

from __future__ import annotations

from dataclasses import dataclass

from simulator.rollout.deployment import Deployment
from simulator.rollout.statuses import DeploymentStatus, ErrorCode, Trigger


@dataclass(frozen=True, slots=True)
class Command:
    """Something to be done, outside the core."""

    id: str
    deployment_id: str
    why: str


@dataclass(frozen=True, slots=True)
class HostCommand(Command):
    """Something to be done at one host, by its agent or by the balancer: a lifecycle event."""

    host: str


@dataclass(frozen=True, slots=True)
class RunLifecycleEvent(HostCommand):
    """Have a host's agent carry out one lifecycle event."""

    name: str


@dataclass(frozen=True, slots=True)
class BlockTraffic(HostCommand):
    """Have the balancer take a host out: no new requests, then wait for those under way. It reports completion."""


@dataclass(frozen=True, slots=True)
class AllowTraffic(HostCommand):
    """Have the balancer register a host. It reports what its health check sees; the core decides when that will do."""


@dataclass(frozen=True, slots=True)
class ProvisionHost(Command):
    """Bring up a new host in this zone, alike to the others, out of traffic. The fleet answers with HostProvisioned."""

    host: str
    zone: str


@dataclass(frozen=True, slots=True)
class TerminateHost(Command):
    """End a host; with `keep` it only leaves the group. The fleet answers with HostTerminated.

    Of a service of ECS what ends is the task set from which the deployment has taken the traffic.
    """

    host: str
    keep: bool


@dataclass(frozen=True, slots=True)
class ShiftTraffic(Command):
    """Let these hosts together have `percent` of the traffic, as far as they are in service, and the others the rest.

    Of a service or a function it is the share of the version that the deployment brings to it. The balancer answers
    with TrafficShifted.
    """

    hosts: tuple[str, ...]
    percent: int


@dataclass(frozen=True, slots=True)
class StartAnalysis(Command):
    """Judge the new version by an analysis of the scenario, from now until then. AnalysisEnded tells what it found."""

    analysis: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class StartTimer(Command):
    """Report TimerFired at `at_ms`. A timer of the same name that is still running is replaced."""

    timer: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Notify(Command):
    """Tell the group's subscribers. `host` is None for what concerns the whole deployment."""

    trigger: Trigger
    host: str | None = None


@dataclass(frozen=True, slots=True)
class CreateDeployment(Command):
    """Create this deployment: the rollback of the one that speaks. The driver answers with DeploymentCreated."""

    deployment: Deployment


@dataclass(frozen=True, slots=True)
class PoolCommand(Command):
    """Something to be done in a pool. It is no deployment's: `deployment_id` is `""`."""

    pool: str


@dataclass(frozen=True, slots=True)
class LaunchHost(PoolCommand):
    """Launch a host in this zone, from the machine image of `image`. The fleet answers with HostLaunched.

    `image`: the pool of the scenario whose image it is. `until_ms`: when its launch must be over, or is abandoned.
    """

    image: str
    host: str
    zone: str
    until_ms: int


@dataclass(frozen=True, slots=True)
class EndHost(PoolCommand):
    """Terminate a host of the pool. The fleet answers with HostEnded."""

    host: str


@dataclass(frozen=True, slots=True)
class GiveUpLaunching(PoolCommand):
    """Launch nothing more: so many launches in a row, `launches`, have failed alike. On AWS this never ends.

    `event` is the lifecycle event at which they failed, `""` where the hosts never came to one; `reason` what was
    said of the last one.
    """

    host: str
    event: str
    reason: str
    launches: int


@dataclass(frozen=True, slots=True)
class EnterEnvironment(Command):
    """Create a deployment of this revision in an environment's group. It is of no deployment: its id there is `""`."""

    environment: str
    revision: str


@dataclass(frozen=True, slots=True)
class AskAtGate(Command):
    """Ask a person whether this revision may enter an environment. GateAnswered tells what was said."""

    environment: str
    revision: str


@dataclass(frozen=True, slots=True)
class StartGateTimer(Command):
    """Report GateTimerFired at `at_ms`. One of the same environment that is still running is replaced."""

    environment: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ShutGate(Command):
    """This revision does not enter an environment: a person has said no at the gate, or nobody has answered in time."""

    environment: str
    revision: str


@dataclass(frozen=True, slots=True)
class Error:
    """Why a deployment did not succeed, as `GetDeployment` answers it."""

    code: ErrorCode
    message: str


@dataclass(frozen=True, slots=True)
class Finish(Command):
    """The deployment has ended; nothing that arrives later changes it."""

    status: DeploymentStatus
    error: Error | None


COMMANDS: dict[str, type[Command]] = {
    kind.__name__: kind
    for kind in (
        RunLifecycleEvent,
        BlockTraffic,
        AllowTraffic,
        ProvisionHost,
        TerminateHost,
        ShiftTraffic,
        StartAnalysis,
        StartTimer,
        Notify,
        CreateDeployment,
        LaunchHost,
        EndHost,
        GiveUpLaunching,
        Finish,
        EnterEnvironment,
        AskAtGate,
        StartGateTimer,
        ShutGate,
    )
}
"""Every kind of command by its name."""
