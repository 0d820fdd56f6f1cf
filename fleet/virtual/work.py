"""What a lifecycle event comes to on a virtual host, and how long it takes.

The agent's semantics, without running anything: which revision's scripts run, which is missing, what an install
meets on the disk. Scripts do what the scenario says of them, and succeed where it says nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from fleet import bundle_store
from fleet.agent import messages, protocol
from fleet.agent.layout import ROOT_DIR
from fleet.base import WAY_BACK, bundle_location
from fleet.virtual.disk import Disks
from fleet.virtual.draws import mix, stream
from fleet.virtual.host import WELL, Outcome, VirtualHost
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

Work = tuple[int, Outcome]
"""How long a lifecycle event takes, in milliseconds, and what it comes to."""


class Workshop:
    """Works out lifecycle events of one deployment."""

    def __init__(
        self, deployment: Deployment, revision: VirtualRevision, disks: Disks, seed: int, ordinal: int
    ) -> None:
        self.revision = revision
        self.group = deployment.group
        self.serves = deployment.with_balancer
        """Whether users meet what is started: an application behind no balancer is none of theirs."""
        self._behaviour = str(deployment.file_exists_behavior)
        self._kinds = _KINDS_OF_WAY_BACK if deployment.strategy == WAY_BACK else _KINDS
        self._disks = disks
        self._draws = {
            name: stream(seed, "work", ordinal, name)
            for name in lifecycle.sequence(with_balancer=deployment.with_balancer)
        }

    def work(self, host: VirtualHost, name: str) -> Work:
        """How long this lifecycle event takes on this host, now, and what it comes to."""
        draw = self.draw(host, name)
        if host.suffers("disk"):
            return _between(_AGENT_MS, draw), Outcome(_unknown(messages.not_noted(messages.DISK_FULL, ROOT_DIR)))
        return self._kinds[name](self, host, name, draw)

    def draw(self, host: VirtualHost, name: str) -> int:
        """What is drawn for this lifecycle event on this host."""
        return mix(host.draws, self._draws[name])

    def _scripts(self, host: VirtualHost, name: str, draw: int) -> Work:
        return self._leaving(name, self.revision, _run(host, name, self.revision, draw))

    def _scripts_of_previous(self, host: VirtualHost, name: str, draw: int) -> Work:
        previous = host.installed.get(self.group)
        return self._leaving(name, previous, _run(host, name, previous, draw))

    @staticmethod
    def _leaving(name: str, revision: VirtualRevision | None, work: Work) -> Work:
        """The same work, and the files that the scripts leave on the disk."""
        leaves = revision.leaves.get(name) if revision else None
        if not leaves:
            return work
        lasts_ms, outcome = work
        return lasts_ms, outcome._replace(leaves=leaves)

    def _download(self, host: VirtualHost, name: str, draw: int) -> Work:
        lasts_ms = _between(_AGENT_MS, draw) + _between(_LASTS_MS[name], draw >> 16)
        failure = self.revision.download_failure
        if (fault := host.bundle_fault) is not None:
            failure = _BUNDLES[fault](host, self.revision)
        return lasts_ms, Outcome(_unknown(failure)) if failure else WELL

    def _install(self, host: VirtualHost, name: str, draw: int) -> Work:
        lasts_ms = _between(_AGENT_MS, draw) + _between(_LASTS_MS[name], draw >> 16)
        revision = self.revision
        if revision.appspec is None:
            return lasts_ms, Outcome(_unknown(revision.appspec_failure or ""))
        appspec, tree = revision.appspec, revision.tree
        installed = self._disks.install(host.disk, self.group, revision.name, appspec, tree, self._behaviour)
        return lasts_ms, Outcome(_unknown(installed.failure) if installed.failure else None, installed.disk)


def _denied(host: VirtualHost, revision: VirtualRevision) -> str:
    key = bundle_store.key(revision.name, revision.kind)
    where = f"s3://{bundle_store.BUCKET}/{key}"
    return messages.fetch_refused(where, bundle_store.ACCESS_DENIED, bundle_store.denial(host.name, key))


_BUNDLES: dict[str, Callable[[VirtualHost, VirtualRevision], str]] = {
    "missing": lambda _, revision: messages.bundle_missing(bundle_location(revision.name, revision.kind)),
    "corrupt": lambda _, revision: corrupt_failure(revision.kind),
    "access-denied": _denied,
}
"""What an agent says of a bundle, by what is wrong with it."""

_KINDS: dict[str, Callable[[Workshop, VirtualHost, str, int], Work]] = {
    **dict.fromkeys(lifecycle.SCRIPT_EVENTS, Workshop._scripts),
    **dict.fromkeys(lifecycle.FORGIVEN_WITH_APPLICATION_STOP, Workshop._scripts_of_previous),
    lifecycle.DOWNLOAD_BUNDLE: Workshop._download,
    lifecycle.INSTALL: Workshop._install,
}
_KINDS_OF_WAY_BACK = _KINDS | dict.fromkeys(
    (lifecycle.BEFORE_ALLOW_TRAFFIC, lifecycle.AFTER_ALLOW_TRAFFIC), Workshop._scripts_of_previous
)
"""On the way back of a blue/green deployment nothing is downloaded: the scripts are those that a host has."""


def _run(host: VirtualHost, name: str, revision: VirtualRevision | None, draw: int) -> Work:
    """Run the scripts that a revision has for a lifecycle event, one after the other, until one fails."""
    lasts_ms = _between(_AGENT_MS, draw)
    if revision is None:
        return lasts_ms, WELL
    if revision.appspec is None:
        return lasts_ms, Outcome(_unknown(revision.appspec_failure or ""))
    scripts = revision.scripts.get(name)
    if scripts is None:
        return lasts_ms, WELL
    fault = host.script_faults.pop(name, None) if host.script_faults else None
    for number, script in enumerate(scripts):
        if fault == "missing":
            return lasts_ms, Outcome(script.missing)
        if script.failure is not None:
            return lasts_ms, Outcome(script.failure)
        took_ms = _between(_SCRIPT_MS, mix(draw >> 16, number)) if script.lasts_ms is None else script.lasts_ms
        if fault == "hang" or script.hangs or took_ms > script.timeout_ms:
            return lasts_ms + script.timeout_ms, Outcome(_timed_out(script))
        if fault == "keeps-output-open" or (fault is None and script.keeps_output_open):
            return lasts_ms + script.timeout_ms, Outcome(_output_left_open(script))
        lasts_ms += took_ms
        status = fault.exit if isinstance(fault, ScriptExit) else script.exit
        if status:
            message = messages.script_failed(script.location, script.runas, status)
            return lasts_ms, Outcome(Diagnostics(LifecycleErrorCode.SCRIPT_FAILED, message, script.location))
    return lasts_ms, WELL


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
