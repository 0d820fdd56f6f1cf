"""What a Docker fleet tells the driver, as events; and which revision each host serves."""

from __future__ import annotations

from typing import Final

from fleet.balancer.words import registration_refused
from fleet.base import INVALID_SIGNATURE, Emit
from fleet.docker.mailbox import Completion, HostCommand
from scenarios.model import Balancer
from simulator.rollout import lifecycle
from simulator.rollout.commands import AllowTraffic, BlockTraffic
from simulator.rollout.events import (
    LOG_TAIL_BYTES,
    AgentRefused,
    Diagnostics,
    Event,
    HealthCheckReported,
    LifecycleEventCompleted,
    LifecycleEventStarted,
)
from simulator.rollout.statuses import EventStatus, LifecycleErrorCode

ERROR_CODES: Final = {
    0: LifecycleErrorCode.SUCCESS,
    1: LifecycleErrorCode.SCRIPT_MISSING,
    2: LifecycleErrorCode.SCRIPT_NOT_EXECUTABLE,
    3: LifecycleErrorCode.SCRIPT_TIMED_OUT,
    4: LifecycleErrorCode.SCRIPT_FAILED,
}
"""An agent's numbers.

5, 6 and 7 are unknown errors to the API (source: the open-source agent, hook_executor.rb).
"""

_Began = dict[str, int]


class Reports:
    """Makes events of what happens, and hands them to `emit`."""

    def __init__(self, emit: Emit, balancer: Balancer | None) -> None:
        self._emit = emit
        self._balancer = balancer
        self._started_ms: dict[HostCommand, int] = {}
        self._refused: set[HostCommand] = set()
        self._serves: dict[str, str] = {}
        self.revisions: dict[str, str] = {}
        """The revision of each deployment whose hosts are behind the balancer."""
        self.starts: dict[str, bool] = {}
        """Whether a revision's AppSpec has scripts under ApplicationStart."""

    def serves(self, host: str) -> str | None:
        """The revision whose application was started last on a host; None before the first."""
        return self._serves.get(host)

    def now_serves(self, host: str, revision: str) -> None:
        """What runs there serves this revision from its beginning: a task, or a version of a function."""
        self._serves[host] = revision

    def forget(self, host: str) -> None:
        """A host of this name comes anew: nothing is installed on it."""
        self._serves.pop(host, None)

    def health(self, host: str, healthy: bool, seen: str, cause: str) -> None:
        """The balancer's opinion of a host changed, or what it sees."""
        assert self._balancer is not None, "only a balancer has opinions"
        check = self._balancer.health_check
        path, wanted = check.path, str(check.status)
        self._emit(lambda id, at_ms: HealthCheckReported(id, at_ms, cause, host, healthy, path, wanted, seen))

    def started(self, command: HostCommand) -> None:
        """An agent acknowledged a command."""

        def make(id: int, at_ms: int) -> Event:
            self._started_ms.setdefault(command, at_ms)
            return LifecycleEventStarted(
                id, at_ms, command.command_id, command.deployment_id, command.host, command.name
            )

        self._emit(make)

    def refused(self, command: HostCommand, ahead_ms: int) -> None:
        """What an agent says of a command is not believed; told once a command."""
        if command in self._refused:
            return
        self._refused.add(command)
        about = (command.command_id, command.deployment_id, command.host, INVALID_SIGNATURE, ahead_ms)
        self._emit(lambda id, at_ms: AgentRefused(id, at_ms, *about))

    def completed(self, command: HostCommand, completion: Completion) -> None:
        """An agent completed a command."""
        if completion.succeeded:
            self._note_serving(command)
        status = EventStatus.SUCCEEDED if completion.succeeded else EventStatus.FAILED
        diagnostics = diagnostics_of(completion)

        def make(id: int, at_ms: int) -> Event:
            started_ms = self._started_ms.get(command, at_ms)
            return LifecycleEventCompleted(
                *(id, at_ms, command.command_id, command.deployment_id, command.host, command.name),
                *(status, started_ms, diagnostics),
            )

        self._emit(make)

    def _note_serving(self, command: HostCommand) -> None:
        """An application serves a revision from its ApplicationStart, or from Install where nothing starts it."""
        revision = self.revisions.get(command.deployment_id)
        if revision is None:
            return
        decides = lifecycle.APPLICATION_START if self.starts.get(revision) else lifecycle.INSTALL
        if command.name == decides:
            self._serves[command.host] = revision

    def blocking(self) -> _Began:
        """BlockTraffic begins; nothing is emitted, but the time is noted."""
        began: _Began = {}

        def note(_id: int, at_ms: int) -> None:
            began["at_ms"] = at_ms

        self._emit(note)
        return began

    def blocked(self, command: BlockTraffic, began: _Began) -> None:
        """BlockTraffic has ended: the host gets no more requests."""
        self._emit(
            lambda id, at_ms: LifecycleEventCompleted(
                *(id, at_ms, command.id, command.deployment_id, command.host),
                *(lifecycle.BLOCK_TRAFFIC, EventStatus.SUCCEEDED, began.get("at_ms", at_ms)),
            )
        )

    def not_registered(self, command: AllowTraffic, said: str) -> None:
        """AllowTraffic has failed: the balancer does not take the host in."""
        refused = Diagnostics(LifecycleErrorCode.UNKNOWN_ERROR, registration_refused(command.host, said))
        self._emit(
            lambda id, at_ms: LifecycleEventCompleted(
                *(id, at_ms, command.id, command.deployment_id, command.host),
                *(lifecycle.ALLOW_TRAFFIC, EventStatus.FAILED, at_ms, refused),
            )
        )


def diagnostics_of(completion: Completion) -> Diagnostics | None:
    """An agent's diagnostics in the API's words; None where all went well and nothing more is said."""
    code = ERROR_CODES.get(completion.error_code, LifecycleErrorCode.UNKNOWN_ERROR)
    if completion.succeeded:
        if not completion.log:
            return None
        code = LifecycleErrorCode.SUCCESS
    elif code is LifecycleErrorCode.SUCCESS:
        code = LifecycleErrorCode.UNKNOWN_ERROR
    tail = completion.log.encode()[-LOG_TAIL_BYTES:].decode("utf-8", "ignore")
    return Diagnostics(code, completion.message, completion.script_name, tail)
