"""A run as plain lines, one for each thing that happened or was decided, each with its reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from simulator.report import words
from simulator.report.causes import failed_record, failure
from simulator.report.hosts import fate
from simulator.report.stages import heard, passed, refusal
from simulator.rollout.commands import (
    AskAtGate,
    Command,
    CreateDeployment,
    EndHost,
    EnterEnvironment,
    Finish,
    GiveUpLaunching,
    LaunchHost,
    Notify,
    ProvisionHost,
    RunLifecycleEvent,
    ShiftTraffic,
    ShutGate,
    StartGateTimer,
    StartTimer,
    TerminateHost,
)
from simulator.rollout.events import (
    AgentBusy,
    AgentRefused,
    AlarmChanged,
    AnalysisEnded,
    DeploymentCreated,
    DeploymentNotCreated,
    DisksCompared,
    Event,
    FaultChanged,
    GateAnswered,
    HealthCheckReported,
    HostEnded,
    HostLaunched,
    HostLost,
    HostProvisioned,
    HostTerminated,
    LaunchTimedOut,
    LifecycleEventCompleted,
    LifecycleEventStarted,
    OperatorSpoke,
    PoolChanged,
    PromotionRequested,
    RevisionRefused,
    StopRequested,
    TimerFired,
    TrafficMeasured,
    TrafficShifted,
)
from simulator.rollout.host import Host
from simulator.rollout.lifecycle import ALLOW_TRAFFIC
from simulator.rollout.machine import Rollout
from simulator.rollout.messages import duration
from simulator.rollout.stages import STAGE_TIMER
from simulator.rollout.statuses import AlarmState, AnalysisOutcome, EventStatus, LifecycleErrorCode, Trigger
from strategies.configuration import ComputePlatform
from strategies.plan import Deploy, Part, Terminate

RESIDUE_TOLD_MAX: Final = 20
SUBJECT_WIDTH: Final = 12
_TOLD_OF_WAITS_MS: Final = 1_000
"""Columns for who a line is about: a deployment's id has eleven letters."""

Line = tuple[str, str, str]
"""Who it is about, the sign, the words."""


class Lines:
    """An observer that writes a line for each event and each decision.

    `every`: also the timers that did nothing, and the commands that go without saying.
    """

    def __init__(self, write: Callable[[str], None], *, every: bool = False) -> None:
        self._write = write
        self._every = every
        self._stages: dict[str, int] = {}
        self._told = 0
        """The last event that was told."""

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """Write what happened, then what was decided."""
        moment = words.clock(event.at_ms)
        again, self._told = event.id == self._told, event.id  # it concerns several deployments
        happened = [] if again else [*_event(event, rollout)]
        if not happened and self._every and not again:
            timer = f" {event.timer}" if isinstance(event, TimerFired) else ""
            happened = [(getattr(event, "deployment_id", ""), words.WAITING, f"{type(event).__name__}{timer}")]
        for subject, sign, text in (*happened, *self._decided(commands, rollout, event.at_ms)):
            self._write(f"{moment:>9}  {subject:<{SUBJECT_WIDTH}} {sign} {words.printable(' '.join(text.split()))}")

    def _decided(self, commands: Sequence[Command], rollout: Rollout | None, now_ms: int) -> Iterator[Line]:
        """The decisions; a stage that begins is told before what is done in it."""
        stages = [*self._begun(rollout, now_ms)] if rollout is not None else []
        for command in commands:
            taken = [*_taken(command, rollout)] if rollout is not None else []
            if stages and (taken or _is_of_stage(command)):
                yield from stages
                stages = []
            yield from taken
            yield from self._decision(command, rollout)
        yield from stages

    def _begun(self, rollout: Rollout, now_ms: int) -> Iterator[Line]:
        """The stages that have begun since the last event, of a deployment that has more than one."""
        told, begun = self._stages.get(rollout.deployment_id, -1), len(rollout.begun)
        if told == begun:
            return
        self._stages[rollout.deployment_id] = begun
        if len(rollout.stages) > 1:
            for stage in passed(rollout)[max(told, 0) :]:
                if told >= 0 or stage.began_ms == now_ms:  # whoever comes late is told of what begins now
                    yield rollout.deployment_id, stage.sign, f"{stage.heading}: {stage.stage}"

    def _decision(self, command: Command, rollout: Rollout | None) -> Iterator[Line]:
        if line := _decision(command, rollout):
            yield line
        elif self._every and not isinstance(command, Notify):
            host = getattr(command, "host", None) or command.deployment_id
            what = getattr(command, "name", "")
            if isinstance(command, StartTimer):
                what = f"{command.timer}, due at {words.clock(command.at_ms)}"
            yield host, "→", f"{type(command).__name__} {what}: {command.why}"


def _event(event: Event, rollout: Rollout | None) -> Iterator[Line]:
    teller = _TELLERS.get(type(event))
    return teller(event, rollout) if teller else iter(())


def _created(event: DeploymentCreated, _: Rollout | None) -> Iterator[Line]:
    deployment = event.deployment
    text = f"created by {deployment.creator}: {deployment.application}, {deployment.group}, {deployment.revision}"
    yield deployment.deployment_id, words.WAITING, text


def _not_created(event: DeploymentNotCreated, _: Rollout | None) -> Iterator[Line]:
    yield "request", words.WAITING if event.queued else words.FAILED, words.not_created(event)


def _set_out(event: PromotionRequested, _: Rollout | None) -> Iterator[Line]:
    yield "promotion", words.RUNNING, f"{event.revision} sets out through the environments"


def _gate_answered(event: GateAnswered, _: Rollout | None) -> Iterator[Line]:
    sign = words.SUCCEEDED if event.yes else words.STOPPED
    yield event.environment, sign, f"{event.by} said {'yes' if event.yes else 'no'} at the gate"


def _started(event: LifecycleEventStarted, _: Rollout | None) -> Iterator[Line]:
    yield event.host, words.RUNNING, f"{event.name} begins"


def _completed(event: LifecycleEventCompleted, _: Rollout | None) -> Iterator[Line]:
    lasted = words.took(event.at_ms - event.started_ms)
    if event.status is EventStatus.SUCCEEDED:
        yield event.host, words.SUCCEEDED, f"{event.name}, {lasted}"
        return
    found = event.diagnostics
    known = found is not None and found.error_code is not LifecycleErrorCode.UNKNOWN_ERROR
    code = f": {found.error_code}" if found and known else ""  # an unknown error is told by its cause, in the next line
    script = f" in {found.script_name}" if found and found.script_name else ""
    yield (
        event.host,
        words.SIGNS[event.status],
        f"{event.name} {event.status.lower()} after {lasted}{code}{script}",
    )


def _refused(event: AgentRefused, _: Rollout | None) -> Iterator[Line]:
    wrong = f"{duration(abs(event.ahead_ms))} {'ahead' if event.ahead_ms > 0 else 'behind'}"
    yield event.host, words.WARNING, f"its agent is refused ({event.code}): the host's clock is {wrong}"


def _busy(event: AgentBusy, _: Rollout | None) -> Iterator[Line]:
    if (event.waited_ms or 0) >= _TOLD_OF_WAITS_MS:
        waited = duration(event.waited_ms or 0)
        yield (
            event.host,
            words.WAITING,
            f"{event.deployment_id} waited {waited} for the agent, at {event.behind}'s command",
        )


def _health(event: HealthCheckReported, rollout: Rollout | None) -> Iterator[Line]:
    answer = f"GET {event.path} answered {event.seen}"
    if event.healthy:
        yield event.host, words.SUCCEEDED, f"healthy to the balancer: {answer}"
    elif event.seen == event.wanted:
        yield event.host, words.RUNNING, f"not yet healthy to the balancer: {answer}, which must last"
    else:
        yield event.host, words.WARNING, f"not healthy to the balancer: {answer}, wanted {event.wanted}"
    host = rollout.hosts.get(event.host) if rollout and not rollout.course else None
    if host is not None and host.health is event and event.healthy:
        yield from _let_in(host, event.at_ms)


def _spoke(event: OperatorSpoke | StopRequested, rollout: Rollout | None) -> Iterator[Line]:
    assert rollout is not None, "a word is said to a deployment"
    word = heard(event, rollout, refusal(event, rollout))
    yield event.deployment_id, word.sign, str(word)


def _provisioned(event: HostProvisioned, _: Rollout | None) -> Iterator[Line]:
    yield event.host, words.SUCCEEDED, "is there, out of traffic"


def _terminated(event: HostTerminated, rollout: Rollout | None) -> Iterator[Line]:
    stages = rollout.stages if rollout is not None and rollout.course else ()
    task_set = next((stage.what for stage in stages if isinstance(stage, Terminate)), "")
    what = f"has lost {task_set}" if task_set else (fate(rollout, event.host) if rollout else "") or "is gone"
    yield event.host, words.STOPPED, what


def _pool_changed(event: PoolChanged, _: Rollout | None) -> Iterator[Line]:
    held = f"; suspended: {', '.join(event.suspended)}" if event.suspended else ""
    yield event.pool, words.RUNNING, f"is to have {words.count(event.desired, 'host')}{held}"


def _launched(event: HostLaunched, _: Rollout | None) -> Iterator[Line]:
    exited = event.user_data
    ran = "" if exited is None else f"; its user data script exited with {exited}"
    yield event.host, words.WARNING if exited else words.SUCCEEDED, f"launched by {event.pool}, its agent runs{ran}"


def _ended(event: HostEnded, _: Rollout | None) -> Iterator[Line]:
    yield event.host, words.STOPPED, f"terminated by {event.pool}"


def _lost(event: HostLost, _: Rollout | None) -> Iterator[Line]:
    yield event.host, words.WARNING, f"is not running any more, says the health check of {event.pool}"


def _launch_timed_out(event: LaunchTimedOut, _: Rollout | None) -> Iterator[Line]:
    yield event.host, words.WARNING, "did not come up within the time of a launch"


def _shifted(event: TrafficShifted, rollout: Rollout | None) -> Iterator[Line]:
    by_alias = rollout is not None and rollout.deployment.compute_platform is ComputePlatform.LAMBDA
    who = "alias" if by_alias else "balancer"
    yield event.deployment_id, words.SUCCEEDED, f"the {who} sends traffic as it was asked"
    for host in rollout.hosts.values() if rollout is not None and rollout.course else ():
        yield from _let_in(host, event.at_ms)


def _let_in(host: Host, now_ms: int) -> Iterator[Line]:
    """AllowTraffic, which no host reports, where it has ended just now."""
    record = next((record for record in reversed(host.records[-2:]) if record.name == ALLOW_TRAFFIC), None)
    if record is not None and record.ended_ms == now_ms and record.started_ms is not None:
        yield host.name, words.SUCCEEDED, f"{ALLOW_TRAFFIC}, {words.took(record.ended_ms - record.started_ms)}"


def _alarm(event: AlarmChanged, _: Rollout | None) -> Iterator[Line]:
    sign = words.SUCCEEDED if event.state is AlarmState.OK else words.WARNING
    yield "alarm", sign, f"{event.alarm} is {event.state}: {event.why}"


def _analysed(event: AnalysisEnded, _: Rollout | None) -> Iterator[Line]:
    sign = words.SUCCEEDED if event.outcome is AnalysisOutcome.SUCCESSFUL else words.WARNING
    yield event.deployment_id, sign, f"the analysis is {event.outcome}: {event.why}"


def _fault(event: FaultChanged, _: Rollout | None) -> Iterator[Line]:
    yield "fault", *words.fault(event)


def _disks(event: DisksCompared, _: Rollout | None) -> Iterator[Line]:
    for residue in event.residue[:RESIDUE_TOLD_MAX]:
        yield "disks", words.WARNING, f"{residue.path} is {residue.was} at {words.named(list(residue.hosts))}"
    if not event.residue:
        where = ", ".join(event.directories) or "any directory that a revision installs to"
        yield "disks", words.SUCCEEDED, f"no residue of {event.undone} was found below {where}"


def _traffic(event: TrafficMeasured, _: Rollout | None) -> Iterator[Line]:
    answered = ", ".join(f"{revision or 'nobody'} {number:,}" for revision, number in event.by_revision)
    least = f"; least in service {event.in_service_min}" if event.in_service_min is not None else ""
    by = f"; answered by {answered}" if answered else ""
    text = f"{event.failed:,} of {event.total:,} requests failed so far{by}{least}"
    yield "traffic", words.WAITING, text


_TELLERS: Final[dict[type[Event], Callable[[Any, Rollout | None], Iterator[Line]]]] = {
    **dict.fromkeys((DeploymentCreated, RevisionRefused), _created),
    DeploymentNotCreated: _not_created,
    PromotionRequested: _set_out,
    GateAnswered: _gate_answered,
    LifecycleEventStarted: _started,
    LifecycleEventCompleted: _completed,
    AgentRefused: _refused,
    AgentBusy: _busy,
    HealthCheckReported: _health,
    OperatorSpoke: _spoke,
    HostProvisioned: _provisioned,
    HostTerminated: _terminated,
    PoolChanged: _pool_changed,
    HostLaunched: _launched,
    HostEnded: _ended,
    HostLost: _lost,
    LaunchTimedOut: _launch_timed_out,
    TrafficShifted: _shifted,
    AlarmChanged: _alarm,
    AnalysisEnded: _analysed,
    StopRequested: _spoke,
    FaultChanged: _fault,
    DisksCompared: _disks,
    TrafficMeasured: _traffic,
}
"""A timer that fires is told by what is decided then."""

_TOLD: Final[dict[Trigger, tuple[str, str]]] = {
    Trigger.DEPLOYMENT_START: (words.RUNNING, "begins: "),
    Trigger.INSTANCE_READY: (words.STOPPED, "Ready: "),
    Trigger.INSTANCE_SUCCESS: (words.SUCCEEDED, "Succeeded: "),
}
"""The notifications that are told as decisions; the others double a Finish or a CreateDeployment."""


_TAKEN: Final = {
    Part.WHOLE: "taken",
    Part.INSTALL: "taken",
    Part.ALLOW: "let in",
    Part.BLOCK: "taken out",
}
"""What is said of a host that is about to go through a part of its lifecycle. Of a service its stage says it all."""


def _taken(command: Command, rollout: Rollout) -> Iterator[Line]:
    """The decision that it is a host's turn, which is its first command in a stage."""
    if isinstance(command, RunLifecycleEvent) and command.name == rollout.sequence[0]:
        stage = rollout.stages[rollout.stage]
        part = stage.part if isinstance(stage, Deploy) else Part.WHOLE
        if (said := _TAKEN.get(part)) is not None:
            yield command.host, words.RUNNING, f"{said}: {command.why}"


def _is_of_stage(command: Command) -> bool:
    """Whether a command is the first that a new stage may bring, or what it ends with."""
    match command:
        case Notify(trigger=trigger):
            return trigger is Trigger.DEPLOYMENT_READY
        case StartTimer(timer=timer):
            return timer.startswith(STAGE_TIMER)
        case _:
            return isinstance(command, Finish | ProvisionHost | ShiftTraffic | TerminateHost)


def _decision(command: Command, rollout: Rollout | None) -> Line | None:
    match command:
        case Notify(trigger=Trigger.INSTANCE_FAILURE, host=str(host)) if rollout is not None:
            record = failed_record(rollout.hosts[host], rollout)
            return None if record is None else (host, words.FAILED, failure(record).replace("f", "F", 1))
        case Notify() if command.trigger in _TOLD:
            sign, verb = _TOLD[command.trigger]
            return command.host or command.deployment_id, sign, verb + command.why
        case Finish():
            code = f", {command.error.code}" if command.error else ""
            return (
                command.deployment_id,
                words.SIGNS[command.status],
                f"{command.status}{code}: {command.why}",
            )
        case EnterEnvironment():
            return command.environment, words.RUNNING, command.why
        case AskAtGate():
            return command.environment, words.STOPPED, command.why
        case ShutGate():
            return command.environment, words.STOPPED, command.why
        case StartGateTimer():
            return command.environment, words.WAITING, f"the gate is shut: {command.why}"
        case CreateDeployment():
            return (
                command.deployment_id or command.deployment.group,
                words.RUNNING,
                f"creates {command.deployment.deployment_id}: {command.why}",
            )
        case LaunchHost():
            return command.pool, words.RUNNING, f"launches {command.host}: {command.why}"
        case EndHost():
            return command.pool, words.STOPPED, f"terminates {command.host}: {command.why}"
        case GiveUpLaunching():
            return command.pool, words.WARNING, command.why
        case _:
            return None
