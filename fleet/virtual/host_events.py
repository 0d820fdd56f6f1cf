"""What the virtual fleet tells of hosts that come, go, and begin to work, as events."""

from __future__ import annotations

from collections.abc import Callable

from fleet.balancer.words import registration_refused
from scenarios.model import Image
from simulator.rollout import lifecycle
from simulator.rollout.commands import (
    AllowTraffic,
    BlockTraffic,
    EndHost,
    LaunchHost,
    ProvisionHost,
    RunLifecycleEvent,
    TerminateHost,
)
from simulator.rollout.events import (
    Diagnostics,
    Event,
    HostEnded,
    HostLaunched,
    HostProvisioned,
    HostTerminated,
    LifecycleEventCompleted,
    LifecycleEventStarted,
)
from simulator.rollout.statuses import EventStatus, LifecycleErrorCode

Happens = Callable[[int, int], Event]
"""What happened, but for the event's id and its time."""


def provisioned(command: ProvisionHost, event_id: int, at_ms: int) -> Event:
    """A deployment's new host is there."""
    return HostProvisioned(event_id, at_ms, command.id, command.deployment_id, command.host)


def terminated(command: TerminateHost, event_id: int, at_ms: int) -> Event:
    """A deployment has ended a host."""
    return HostTerminated(event_id, at_ms, command.id, command.deployment_id, command.host)


def launched(command: LaunchHost, image: Image, event_id: int, at_ms: int) -> Event:
    """A pool's new host is there, its user data run."""
    exited = image.user_data.behaves.exit if image.user_data else None
    return HostLaunched(event_id, at_ms, command.id, command.pool, command.host, exited)


def ended(command: EndHost, event_id: int, at_ms: int) -> Event:
    """A pool has ended a host."""
    return HostEnded(event_id, at_ms, command.id, command.pool, command.host)


def started(command: RunLifecycleEvent, event_id: int, at_ms: int) -> Event:
    """A host has begun a lifecycle event."""
    return LifecycleEventStarted(event_id, at_ms, command.id, command.deployment_id, command.host, command.name)


def not_registered(command: AllowTraffic, event_id: int, at_ms: int) -> Event:
    """The balancer refuses to register a host."""
    refused = Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, registration_refused(command.host))
    return LifecycleEventCompleted(
        *(event_id, at_ms, command.id, command.deployment_id, command.host),
        *(lifecycle.ALLOW_TRAFFIC, EventStatus.FAILED, at_ms, refused),
    )


def drained(command: BlockTraffic, began_ms: int, event_id: int, at_ms: int) -> Event:
    """The requests are answered that were under way when a host was taken out."""
    return LifecycleEventCompleted(
        *(event_id, at_ms, command.id, command.deployment_id, command.host),
        *(lifecycle.BLOCK_TRAFFIC, EventStatus.SUCCEEDED, began_ms),
    )
