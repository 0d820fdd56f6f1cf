"""One host in one deployment: where it stands, and what it has been through."""

from __future__ import annotations

from typing import NamedTuple

from simulator.rollout.deployment import Target
from simulator.rollout.events import AgentRefused, Diagnostics, HealthCheckReported
from simulator.rollout.statuses import EventStatus, Label, TargetStatus

NEVER = -1
"""A time that has not come, in milliseconds."""


class Record(NamedTuple):
    """One lifecycle event that has ended. A skipped one has no `started_ms`, as in CodeDeploy's own answers."""

    name: str
    status: EventStatus
    started_ms: int | None
    ended_ms: int
    diagnostics: Diagnostics | None


class Host:
    """The state of one host. Only `simulator.rollout` writes it; everybody may read."""

    __slots__ = (
        "armed_ms",
        "behind",
        "command",
        "deadline_ms",
        "ended_by",
        "ended_ms",
        "event",
        "gone",
        "health",
        "label",
        "name",
        "records",
        "refused",
        "revision",
        "sent_ms",
        "started_ms",
        "status",
        "step",
        "target",
        "unborn",
    )

    def __init__(self, target: Target) -> None:
        self.target = target
        self.name = target.name
        self.status = TargetStatus.PENDING
        self.revision = target.revision
        """What is installed, as far as the core knows; None: nothing, or nobody can tell. Of a service or a function:
        the revision that was last given all of the traffic."""
        self.label = Label.NONE
        self.unborn = False
        """Whether the host is still to be provisioned."""
        self.gone = False
        """Whether the host was terminated, or has left the group; of a service, whether its task set was, from which
        the traffic was taken."""
        self.ended_ms = NEVER
        """When it was terminated behind the deployment's back."""
        self.ended_by = ""
        """By whom: `its pool`, or another deployment's id."""
        self.step = 0
        """Index of the lifecycle event in hand."""
        self.event = ""
        """Name of the lifecycle event in hand, `""` between events."""
        self.command = ""
        """Id of the command in hand, `""` where there is none."""
        self.behind = ""
        """The deployment for whose command the one in hand waits, at the host's agent; `""` where it does not."""
        self.sent_ms = NEVER
        self.started_ms = NEVER
        self.deadline_ms = NEVER
        self.armed_ms = NEVER
        """When the host's timer fires: never later than the deadline; where it is sooner, it is set again."""
        self.health: HealthCheckReported | None = None
        """The balancer's last word on this host in this deployment."""
        self.refused: AgentRefused | None = None
        """Why the agent was last not believed, and about which command."""
        self.records: list[Record] = []

    def copy(self) -> Host:
        """The same state, apart."""
        twin = Host.__new__(Host)
        for name in Host.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.records = self.records.copy()
        return twin

    @property
    def not_believed(self) -> AgentRefused | None:
        """Why what the agent says of the command in hand is refused; None where it is not."""
        return self.refused if self.refused is not None and self.refused.cause == self.command else None

    def key(self) -> tuple[object, ...]:
        """What decides about this host's future, without its name: alike hosts have equal keys."""
        health = self.health
        return (
            self.target.zone,
            self.label,
            self.gone,
            self.unborn,
            self.target.healthy,
            self.target.revision or "",
            self.status,
            self.revision or "",
            self.step,
            self.event,
            self.sent_ms,
            self.started_ms,
            self.deadline_ms,
            self.armed_ms,
            (health.healthy, health.seen) if health else (),
            self.not_believed is not None,
            tuple((record.name, record.status) for record in self.records),
        )
