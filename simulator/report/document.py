"""A run as one JSON object: what `-o json` prints. The same seed and file give the same bytes."""

from __future__ import annotations

from typing import Any

import msgspec

from simulator.control.result import Finding, RunResult
from simulator.rollout.commands import Command
from simulator.rollout.events import Diagnostics, Event
from simulator.rollout.host import NEVER, Host
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import EventStatus

JsonObject = dict[str, Any]
"""What `json.loads` gives for an object."""


def document(result: RunResult) -> JsonObject:
    """The run, ready for JSON. The journal's path is not in it: it differs from run to run."""
    traffic = result.traffic
    return {
        "scenario": result.scenario.name,
        "fleet": result.fleet,
        "seed": result.seed,
        "version": result.version,
        "scenario_sha256": result.scenario_sha256,
        "journal_sha256": result.journal_sha256,
        "status": result.status.value,
        "outcome": result.outcome.value,
        "deployments": [_deployment(rollout, result.loops.get(rollout.deployment_id)) for rollout in result.rollouts],
        "in_service_min": result.in_service_min,
        "in_service_required": result.in_service_required,
        "availability": traffic.availability if traffic else None,
        "requests": {
            "total": traffic.total,
            "failed": traffic.failed,
            "by_revision": dict(traffic.by_revision),
        }
        if traffic
        else None,
        "duration_ms": result.duration_ms,
        "expectations": [{"text": f.name, "held": f.held, "why": f.why} for f in result.expectations],
        "invariants": [_invariant(finding) for finding in result.invariants],
        "replay": result.replay,
    }


def _deployment(rollout: Rollout, loop: str | None) -> JsonObject:
    """`loop`: what the deployment is the last of, in words, where a pool's launches end in a loop."""
    deployment = rollout.deployment
    error = rollout.error
    more = f". {loop}" if loop else ""
    return {
        "deployment_id": deployment.deployment_id,
        "revision": deployment.revision,
        "strategy": deployment.strategy,
        "creator": deployment.creator.value,
        "status": rollout.status.value,
        "error": {"code": error.code.value, "message": error.message + more} if error else None,
        "rollback_of": deployment.rollback_of,
        "hosts": {name: _host(host) for name, host in rollout.hosts.items()},
    }


def _host(host: Host) -> JsonObject:
    events = [
        {
            "name": record.name,
            "status": record.status.value,
            "started_ms": record.started_ms,
            "ended_ms": record.ended_ms,
            "diagnostics": _diagnostics(record.diagnostics),
        }
        for record in host.records
    ]
    if host.event:
        # A run that was interrupted leaves hosts in the middle of an event.
        started = None if host.started_ms == NEVER else host.started_ms
        status = EventStatus.PENDING if started is None else EventStatus.IN_PROGRESS
        events.append(
            {
                "name": host.event,
                "status": status.value,
                "started_ms": started,
                "ended_ms": None,
                "diagnostics": None,
            }
        )
    return {"status": host.status.value, "revision": host.revision, "events": events}


def _diagnostics(diagnostics: Diagnostics | None) -> JsonObject | None:
    if diagnostics is None:
        return None
    return {
        "error_code": diagnostics.error_code.value,
        "message": diagnostics.message,
        "script_name": diagnostics.script_name,
        "log_tail": diagnostics.log_tail,
    }


def _invariant(finding: Finding) -> JsonObject:
    return {"name": finding.name, "held": finding.held, "why": finding.why}


def event_object(event: Event) -> JsonObject:
    """An event as a line of `-o ndjson`: its kind under `event`, then its own fields."""
    return {"event": type(event).__name__, **msgspec.to_builtins(event)}


def decision_object(command: Command, at_ms: int) -> JsonObject:
    """A decision as a line of `-o ndjson`: its kind under `decision`, when it was taken, then its own fields."""
    return {"decision": type(command).__name__, "decided_ms": at_ms, **msgspec.to_builtins(command)}


def dumps(value: object, *, indent: bool = True) -> str:
    """JSON text with the keys in the order given, ending in one newline."""
    encoded = msgspec.json.encode(value)
    return (msgspec.json.format(encoded, indent=2) if indent else encoded).decode() + "\n"
