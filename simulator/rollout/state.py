"""The state of a deployment, as a value: it can be read, copied and compared. Only the machine changes it."""

from __future__ import annotations

from collections import deque
from enum import Enum, auto
from typing import Self

from simulator.rollout import lifecycle, messages, rollback
from simulator.rollout.commands import Command, Error
from simulator.rollout.deployment import HOSTS_MAX, Deployment, Target
from simulator.rollout.events import AnalysisEnded, Event, HealthCheckReported, OperatorSpoke, StopRequested
from simulator.rollout.health import HealthBudget
from simulator.rollout.host import NEVER, Host
from simulator.rollout.statuses import DeploymentStatus, EventStatus, Label, TargetStatus
from simulator.rollout.story import STORY_EVENTS_MAX
from strategies.plan import Stage, Terminate


class Phase(Enum):
    """What a deployment is doing, as far as it changes what an event means."""

    CREATED = auto()
    ROLLING = auto()
    STOPPING = auto()
    ENDED = auto()


class RolloutState:
    """One deployment and all its hosts. Raises ValueError for more hosts than HOSTS_MAX."""

    def __init__(self, deployment: Deployment) -> None:
        if len(deployment.targets) > HOSTS_MAX:
            raise ValueError(f"a deployment has at most {HOSTS_MAX:,} hosts; found {len(deployment.targets):,}")
        self.deployment = deployment
        self.status = DeploymentStatus.CREATED
        self.error: Error | None = None
        self.hosts: dict[str, Host] = {target.name: Host(target) for target in deployment.targets}
        self.counts: dict[TargetStatus, int] = dict.fromkeys(TargetStatus, 0)
        self.counts[TargetStatus.PENDING] = len(self.hosts)
        self.healthy_to_come = sum(target.healthy for target in deployment.targets)
        """Hosts that were healthy before, and are still Pending."""
        self.started_ms = NEVER
        self.ended_ms = NEVER
        self.sequence = lifecycle.sequence(with_balancer=deployment.with_balancer)
        self.ignored = 0
        """Events that came too late to mean anything: second completions, and whatever came after the end."""
        self.stages: tuple[Stage, ...] = ()
        self.stage = 0
        self.begun: list[int] = []
        """When each stage so far began, in milliseconds."""
        self.budget = HealthBudget((), (), 0)
        self.phase = Phase.CREATED
        self.stop: StopRequested | None = None
        self.alarm = ""
        """The alarm that stops the deployment, and why; `""` while none does."""
        self.judged: AnalysisEnded | None = None
        """The last analysis that ended, and what it found."""
        self.paused = False
        """Whether an operator holds the deployment: no host is taken, no stage begins."""
        self.promoted: OperatorSpoke | None = None
        """The word by which an operator has waived every wait and every analysis that is still to come."""
        self.unjudged: dict[str, OperatorSpoke] = {}
        """The analyses that a person did without, by the stage's name, and the word that said so."""
        self.stage_over = False
        """Whether the stage has ended, and only the pause holds the next one."""
        self.spoken: list[tuple[OperatorSpoke | StopRequested, str | None]] = []
        """What people have said, each with the reason why it was impossible at the time; None where it was not."""
        self.waits_to_terminate = False
        """Whether the original hosts still stand only because their termination waits."""
        self.course = lifecycle.COURSES.get(deployment.strategy, ())
        """All events of a target that is no host, a service or a function; empty where there are hosts."""
        self.shifting = ""
        """The target in whose event AllowTraffic traffic is being shifted; `""` where there is none."""
        self.through = TargetStatus.SUCCEEDED
        """Where a host stands that is through the stage: there may be more to come."""
        self.awaited: dict[str, str] = {}
        """Commands of the stage that are under way and concern no lifecycle event: id, and host."""
        self.share: int | None = None
        """The percentage of the traffic that was shifted to the new hosts; None where none was."""
        self.forsaken: list[str] = []
        """The stages in which the old hosts began to leave while none of the new ones was healthy."""
        self.sick: dict[str, HealthCheckReported] = {}
        """Hosts that succeeded, and that the balancer has found unhealthy since; with its last word."""
        self.failures: list[messages.Failure] = []
        self._recent: deque[Event] = deque(maxlen=STORY_EVENTS_MAX)
        self._commands: list[Command] = []
        self._event_id = 0
        self._first = 0
        """The number of the first command that the event in hand is answered with."""

    @property
    def deployment_id(self) -> str:
        """The deployment's id."""
        return self.deployment.deployment_id

    @property
    def ended(self) -> bool:
        """Whether the status is final."""
        return self.phase is Phase.ENDED

    @property
    def touched(self) -> bool:
        """Whether anything was done that there may be to undo: at a host, or a new one was brought up."""
        if self.course:
            return any(
                record.status is not EventStatus.SKIPPED
                and (self.deployment.strategy, record.name) not in lifecycle.NOTHING_TO_UNDO
                for host in self.hosts.values()
                for record in host.records
            )
        counts = self.counts
        if counts[TargetStatus.SUCCEEDED] + counts[TargetStatus.FAILED] + counts[TargetStatus.READY]:
            return True
        known = {target.name for target in self.deployment.targets}
        return any(not host.unborn for name, host in self.hosts.items() if name not in known)

    def awaits(self, command_id: str) -> bool:
        """Whether the deployment goes on, and still waits for what this command is to bring about."""
        return not self.ended and command_id in self.awaited

    @property
    def terminates(self) -> bool:
        """Whether the hosts that the plan is to end are terminated, in place of leaving the group and running on."""
        return not self.course and any(isinstance(stage, Terminate) and not stage.keep for stage in self.stages)

    @property
    def aftermath(self) -> tuple[Target, ...]:
        """The group's hosts as this deployment leaves them."""
        return rollback.aftermath(self.hosts.values(), self.sick, self.side_that_stays)

    @property
    def side_that_stays(self) -> Label:
        """Which side of a blue/green deployment is the group as this deployment leaves it; NONE where it has none."""
        return rollback.side_that_stays(self.deployment, self.hosts.values(), self.share)

    def copy(self) -> Self:
        """The same state, apart: what happens to one does not happen to the other."""
        twin = type(self).__new__(type(self))
        twin.__dict__.update(self.__dict__)
        twin.hosts = {name: host.copy() for name, host in self.hosts.items()}
        twin.counts = self.counts.copy()
        twin.budget = self.budget.copy()
        twin.awaited = self.awaited.copy()
        twin.begun = self.begun.copy()
        twin.spoken = self.spoken.copy()
        twin.unjudged = self.unjudged.copy()
        twin.sick = self.sick.copy()
        twin.forsaken = self.forsaken.copy()
        twin.failures = self.failures.copy()
        twin._recent = self._recent.copy()
        twin._commands = []
        return twin

    def key(self) -> tuple[object, ...]:
        """Equal for states that differ only by which of several alike hosts did what."""
        return (
            self.deployment_id,
            self.phase.name,
            self.status,
            self.stage,
            self.alarm,
            self.judged.outcome if self.judged else None,
            self.paused,
            self.promoted is not None,
            self.stage_over,
            self.waits_to_terminate,
            self.share,
            len(self.sick),
            len(self.awaited),
            self.budget.key(),
            tuple(sorted((host.key() for host in self.hosts.values()), key=repr)),
        )
