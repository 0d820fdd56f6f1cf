"""What a lifecycle event comes to on a virtual host, and how long it takes.

The agent's semantics, without running anything: which revision's scripts run, which is missing, what an install
meets on the disk. Scripts do what the scenario says of them, and succeed where it says nothing.
"""

from __future__ import annotations

from fleet.agent import messages, protocol
from fleet.base import bundle_location
from fleet.virtual.disk import Disks
from fleet.virtual.draws import mix, stream
from fleet.virtual.host import VirtualHost, Work
from fleet.virtual.revision import VirtualRevision, VirtualScript, corrupt_failure
from scenarios.model import ScriptExit
from simulator.rollout import lifecycle
from simulator.rollout.deployment import Deployment
from simulator.rollout.events import Diagnostics
from simulator.rollout.statuses import LifecycleErrorCode

_AGENT_MS = (5, 25)
"""Polling, acknowledging and reporting a command: measured on containers (benchmarks/)."""
_SCRIPT_MS = (100, 900)
_LASTS_MS = {lifecycle.DOWNLOAD_BUNDLE: (100, 900), lifecycle.INSTALL: (50, 450)}
"""Durations are drawn from these ranges, in milliseconds, ends included."""


class Workshop:
    """Works out lifecycle events of one deployment."""

    def __init__(
        self, deployment: Deployment, revision: VirtualRevision, disks: Disks, seed: int, ordinal: int
    ) -> None:
        self.revision = revision
        self._behaviour = str(deployment.file_exists_behavior)
        self._disks = disks
        self._draws = {
            name: stream(seed, "work", ordinal, name)
            for name in lifecycle.sequence(with_balancer=deployment.with_balancer)
        }

    def work(self, host: VirtualHost, name: str) -> Work:
        """What this lifecycle event comes to on this host, now."""
        draw = mix(host.draws, self._draws[name])
        agent_ms = _between(_AGENT_MS, draw)
        if name == lifecycle.DOWNLOAD_BUNDLE:
            return self._download(host, agent_ms + _between(_LASTS_MS[name], draw >> 16))
        if name == lifecycle.INSTALL:
            return self._install(host, agent_ms + _between(_LASTS_MS[name], draw >> 16))
        of_previous = name in lifecycle.FORGIVEN_WITH_APPLICATION_STOP
        revision = host.installed if of_previous else self.revision
        if revision is None:
            return Work(agent_ms)
        if revision.appspec is None:
            return Work(agent_ms, _unknown(revision.appspec_failure or ""))
        scripts = revision.scripts.get(name)
        if scripts is None:
            return Work(agent_ms)
        return _run(host, name, scripts, agent_ms, draw >> 16)

    def _download(self, host: VirtualHost, lasts_ms: int) -> Work:
        failure = self.revision.download_failure
        if host.bundle_fault == "missing":
            failure = messages.bundle_missing(bundle_location(self.revision.name, self.revision.kind))
        elif host.bundle_fault == "corrupt":
            failure = corrupt_failure(self.revision.kind)
        return Work(lasts_ms, _unknown(failure) if failure else None)

    def _install(self, host: VirtualHost, lasts_ms: int) -> Work:
        revision = self.revision
        if revision.appspec is None:
            return Work(lasts_ms, _unknown(revision.appspec_failure or ""))
        installed = self._disks.install(host.disk, revision.name, revision.appspec, revision.tree, self._behaviour)
        return Work(lasts_ms, _unknown(installed.failure) if installed.failure else None, installed.disk)


def _run(host: VirtualHost, name: str, scripts: tuple[VirtualScript, ...], agent_ms: int, draw: int) -> Work:
    """Run the scripts of a lifecycle event, one after the other, until one fails."""
    lasts_ms = agent_ms
    fault = host.script_faults.pop(name, None) if host.script_faults else None
    for number, script in enumerate(scripts):
        if fault == "missing":
            return Work(lasts_ms, script.missing)
        if script.failure is not None:
            return Work(lasts_ms, script.failure)
        took_ms = _between(_SCRIPT_MS, mix(draw, number)) if script.lasts_ms is None else script.lasts_ms
        if fault == "hang" or script.hangs or took_ms > script.timeout_ms:
            return Work(lasts_ms + script.timeout_ms, _timed_out(script))
        if fault is None and script.keeps_output_open:
            return Work(lasts_ms + script.timeout_ms, _output_left_open(script))
        lasts_ms += took_ms
        status = fault.exit if isinstance(fault, ScriptExit) else script.exit
        if status:
            message = messages.script_failed(script.location, script.runas, status)
            return Work(lasts_ms, Diagnostics(LifecycleErrorCode.SCRIPT_FAILED, message, script.location))
    return Work(lasts_ms)


def _timed_out(script: VirtualScript) -> Diagnostics:
    message = messages.script_timed_out(script.location, script.runas, script.timeout_ms // 1000)
    return Diagnostics(LifecycleErrorCode.SCRIPT_TIMED_OUT, message, script.location)


def _output_left_open(script: VirtualScript) -> Diagnostics:
    """The API has no code for it."""
    message = messages.output_left_open(script.location, script.runas, script.timeout_ms // 1000, ("stdout", "stderr"))
    return Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, message, script.location)


def restarted() -> Diagnostics:
    """What an agent reports of the command that it was at when it went down (code 7)."""
    return _unknown(protocol.restarted().message)


def _unknown(message: str) -> Diagnostics:
    return Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, message)


def _between(ends: tuple[int, int], draw: int) -> int:
    low, high = ends
    return low + (draw & 0xFFFF) % (high - low + 1)
