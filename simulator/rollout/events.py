"""What happened. A deployment is a fold over these, and the journal is the list of them.

Every event bears `id` (its place in the journal, from 1), `at_ms` (integer milliseconds since the run began) and
`cause` (the id of the command or event that brought it about, `""` where it came from outside).
"""

from __future__ import annotations

from dataclasses import dataclass, field

from simulator.rollout.deployment import Deployment
from simulator.rollout.statuses import (
    AlarmState,
    AnalysisOutcome,
    ErrorCode,
    EventStatus,
    LifecycleErrorCode,
    OperatorVerb,
)

LOG_TAIL_BYTES = 2048
"""The agent keeps this much of a script's output for its diagnostics."""


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """What is known of a lifecycle event that did not go well (or of one that did, where a host says more)."""

    error_code: LifecycleErrorCode
    message: str
    script_name: str = ""
    log_tail: str = ""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, outside the core."""

    id: int
    at_ms: int
    cause: str


@dataclass(frozen=True, slots=True)
class DeploymentCreated(Event):
    """A deployment was asked for, by a person, a scenario or a rollback."""

    deployment: Deployment
    entry: int | None = field(default=None, kw_only=True)
    """Which of the scenario's `deploy` it is, from 1; 0 for what is none of them. None: nobody has asked for it, or
    the journal is older than these numbers."""


@dataclass(frozen=True, slots=True)
class RevisionRefused(DeploymentCreated):
    """A deployment was asked for, and its revision does not fit: the service reads it, and begins nothing."""

    code: ErrorCode
    message: str


@dataclass(frozen=True, slots=True)
class DeploymentNotCreated(Event):
    """A deployment was asked for while another one of its group, `active`, was under way.

    A group has one at a time (DeploymentLimitExceededException). One that is `queued` is asked for again when that
    one has ended; otherwise it is refused for good. The core decides nothing by it.
    """

    application: str
    group: str
    revision: str
    active: str
    queued: bool
    why: str = ""
    """Why it was refused, where it is not for `active`."""
    entry: int | None = None
    """As in DeploymentCreated."""


@dataclass(frozen=True, slots=True)
class PromotionRequested(Event):
    """A revision is to go its way through the environments."""

    revision: str
    entry: int | None = None
    """As in DeploymentCreated."""


@dataclass(frozen=True, slots=True)
class GateTimerFired(Event):
    """The time of a gate's timer came: the revision has stood long enough, or nobody has answered."""

    environment: str


@dataclass(frozen=True, slots=True)
class GateAnswered(Event):
    """A person said whether a revision may enter an environment. Where nobody was asked it changes nothing."""

    environment: str
    by: str
    yes: bool


@dataclass(frozen=True, slots=True)
class DeploymentEvent(Event):
    """Something that happened to one deployment."""

    deployment_id: str


@dataclass(frozen=True, slots=True)
class LifecycleEventStarted(DeploymentEvent):
    """A host acknowledged a command (`cause`) and works on it.

    A fleet owes this event wherever the work may outlast the time in which an event must start; where it cannot,
    the fleet may leave it out, because the completion carries `started_ms` too.
    """

    host: str
    name: str


@dataclass(frozen=True, slots=True)
class LifecycleEventCompleted(DeploymentEvent):
    """A host, or the balancer for BlockTraffic, reports how the command `cause` ended. `diagnostics` None: all well."""

    host: str
    name: str
    status: EventStatus
    started_ms: int
    diagnostics: Diagnostics | None = None


@dataclass(frozen=True, slots=True)
class AgentRefused(DeploymentEvent):
    """What a host's agent says of the command `cause`, or asks for about it, is refused by the service.

    `code` is AWS's word for the error; `ahead_ms` is how far the host's clock is ahead, negative where it is behind.
    """

    host: str
    code: str
    ahead_ms: int


@dataclass(frozen=True, slots=True)
class AgentBusy(DeploymentEvent):
    """The command `cause` waits for a host's agent, which is at a command of the deployment `behind`.

    `waited_ms`: it has waited so long, and the agent is given it now. None: it waits still.
    """

    host: str
    behind: str
    waited_ms: int | None


@dataclass(frozen=True, slots=True)
class HealthCheckReported(Event):
    """The balancer's opinion of a host changed, or what it sees at the host did.

    `path` is what was asked for; `wanted` and `seen` are what was expected and what came, in words or as a status
    code (`"200"`, `"404"`, `"connection refused"`, `"timed out after 2s"`).
    """

    host: str
    healthy: bool
    path: str
    wanted: str
    seen: str


@dataclass(frozen=True, slots=True)
class TimerFired(DeploymentEvent):
    """The time of a timer came. `timer` is the name that StartTimer gave."""

    timer: str


@dataclass(frozen=True, slots=True)
class StopRequested(DeploymentEvent):
    """Somebody asked for the deployment to stop. `auto_rollback` None: as the group is configured.

    `aborts`: they said abort, which is to stop and to roll back.
    """

    by: str
    auto_rollback: bool | None = None
    aborts: bool = False


@dataclass(frozen=True, slots=True)
class OperatorSpoke(DeploymentEvent):
    """A person said something to the deployment. What is impossible at the time is recorded and changes nothing."""

    verb: OperatorVerb
    by: str


@dataclass(frozen=True, slots=True)
class HostProvisioned(DeploymentEvent):
    """The new host that the command `cause` asked for is there, and its agent runs."""

    host: str


@dataclass(frozen=True, slots=True)
class HostTerminated(DeploymentEvent):
    """The host that the command `cause` spoke of is gone, or has left the group."""

    host: str


@dataclass(frozen=True, slots=True)
class PoolEvent(Event):
    """Something that happened to a pool of hosts (an EC2 Auto Scaling group)."""

    pool: str


@dataclass(frozen=True, slots=True)
class PoolChanged(PoolEvent):
    """Somebody has scaled a pool, or suspended or resumed its processes; `desired` and `suspended` are as of now.

    Where the replacement of a pool was meant and there was none, `pool` says so, and nothing comes of it.
    """

    desired: int
    suspended: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HostLaunched(PoolEvent):
    """The host that the command `cause` asked for is there, its user data has been run, and its agent runs.

    `user_data`: the exit code of the image's user data script; None where it has none. Nobody at AWS acts on it.
    """

    host: str
    user_data: int | None


@dataclass(frozen=True, slots=True)
class HostEnded(PoolEvent):
    """The host that the command `cause` spoke of is terminated. No deployment is told, on AWS."""

    host: str


@dataclass(frozen=True, slots=True)
class HostLost(PoolEvent):
    """The pool's health check has found out that this host is not running any more: somebody has terminated it."""

    host: str


@dataclass(frozen=True, slots=True)
class LaunchTimedOut(PoolEvent):
    """The time of a host's launch is over: its lifecycle hook expires, if it has not been completed."""

    host: str


@dataclass(frozen=True, slots=True)
class TrafficShifted(DeploymentEvent):
    """The balancer sends traffic as the command `cause` asked."""


@dataclass(frozen=True, slots=True)
class AlarmChanged(Event):
    """An alarm has another state. `why` says what it is about: the metric, its value, and the threshold."""

    alarm: str
    state: AlarmState
    why: str


@dataclass(frozen=True, slots=True)
class AnalysisEnded(DeploymentEvent):
    """The analysis that the command `cause` began has come to an end."""

    outcome: AnalysisOutcome
    why: str


@dataclass(frozen=True, slots=True)
class FaultChanged(Event):
    """A scripted fault began (`active`) or was healed at these hosts. The core decides nothing by it."""

    fault: str
    hosts: tuple[str, ...]
    active: bool


@dataclass(frozen=True, slots=True)
class Residue:
    """A file that a deployment and its rollback have left otherwise than they found it, at these hosts.

    `was`: `left` (it was not there before), `gone` (it was), `replaced` (it was, and something else is in its place).
    """

    path: str
    was: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DisksCompared(Event):
    """After a rollback: the disks as they are beside what they were before the deployment that it undid.

    Files that installs own do not count: each install removes those of the last. `directories` are where was looked,
    and nowhere else; `unseen` are hosts that could not be looked at. The core decides nothing by it.
    """

    undone: str
    residue: tuple[Residue, ...]
    directories: tuple[str, ...]
    unseen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TrafficMeasured(Event):
    """What the users of the service saw from the beginning of the run to now. The core decides nothing by it.

    `total` and `failed` are requests; `by_revision` pairs a revision's name with the requests it answered;
    `in_service_min` is the least number of hosts that were in service at once since every host first was, or None
    where that never came; `strays` are requests that reached a host which the plan held
    out of traffic at the time.
    """

    total: int
    failed: int
    by_revision: tuple[tuple[str, int], ...]
    in_service_min: int | None
    strays: int


EVENTS: dict[str, type[Event]] = {
    kind.__name__: kind
    for kind in (
        DeploymentCreated,
        RevisionRefused,
        DeploymentNotCreated,
        PromotionRequested,
        GateTimerFired,
        GateAnswered,
        LifecycleEventStarted,
        LifecycleEventCompleted,
        AgentRefused,
        AgentBusy,
        HealthCheckReported,
        TimerFired,
        StopRequested,
        OperatorSpoke,
        HostProvisioned,
        HostTerminated,
        PoolChanged,
        HostLaunched,
        HostEnded,
        HostLost,
        LaunchTimedOut,
        TrafficShifted,
        AlarmChanged,
        AnalysisEnded,
        FaultChanged,
        DisksCompared,
        TrafficMeasured,
    )
}
"""Every kind of event by its name in the journal."""
