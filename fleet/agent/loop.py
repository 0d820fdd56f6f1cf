"""The agent's life: recover, poll, and carry out each command to exactly one completion.

Polling goes on while a command is in hand, as with AWS's agents, so that the next command arrives as soon
as the service has it; a service that hands out two at once gets them carried out at once.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import BoundedSemaphore, Condition, Thread, get_ident
from typing import TypeVar

from fleet.agent.config import Config
from fleet.agent.envelope import Opener
from fleet.agent.executor import Executor
from fleet.agent.layout import Layout
from fleet.agent.protocol import (
    NOOP_MESSAGE,
    Command,
    Diagnostics,
    Service,
    ServiceAway,
    failed,
    restarted,
    succeeded,
)
from fleet.agent.specification import Specification

COMMANDS_MAX = 16
BACKOFF_FIRST_S = 0.1
EMPTY_POLL_MIN_S = 0.1
_T = TypeVar("_T")
_logger = logging.getLogger("fleet.agent")


class Stopped(BaseException):
    """Raised in the polling thread by a signal, to leave a poll or a pause that would last."""


class Agent:
    """One host's agent.

    ``run`` belongs to one thread; ``stop`` may be called from a signal handler in that thread.
    """

    def __init__(self, config: Config, service: Service, executor: Executor, opener: Opener, layout: Layout) -> None:
        self._config = config
        self._service = service
        self._executor = executor
        self._opener = opener
        self._layout = layout
        self._stopping = False
        self._waiting_thread: int | None = None
        self._slots = BoundedSemaphore(COMMANDS_MAX)
        self._in_hand: set[str] = set()
        self._changed = Condition()

    def run(self) -> bool:
        """Work until :meth:`stop`; then finish what is in hand.

        False if that took longer than the configured bound.
        """
        self.recover()
        errors = 0
        try:
            while not self._stopping:
                errors = self._turn(errors)
        except Stopped:
            _logger.info("stopping")
        return self.drain()

    def stop(self) -> None:
        """Ask the agent to finish what is in hand and leave.

        Raises Stopped where that interrupts a wait of the calling thread. Asked from another thread, the agent
        notices when its poll ends. Takes no lock: a signal handler could wait for one that it holds itself.
        """
        self._stopping = True
        if self._waiting_thread == get_ident():
            raise Stopped

    def drain(self) -> bool:
        """Wait for the commands in hand, within the bound.

        A command that is left is failed at the next start.
        """
        with self._changed:
            done = self._changed.wait_for(lambda: not self._in_hand, self._config.kill_agent_max_wait_s)
        if not done:
            _logger.error(
                "leaving with commands in hand, which took longer than %s s",
                self._config.kill_agent_max_wait_s,
            )
        return done

    def recover(self) -> None:
        """Fail the commands that were in hand when the agent died (code 7)."""
        for deployment, command_id in self._layout.interrupted().items():
            _logger.warning("the agent was restarted during a command of %s; failing it", deployment)
            if self._stopping:
                return
            if self._complete(command_id, restarted()):
                self._layout.untrack(deployment)

    def _turn(self, errors: int) -> int:
        """One poll; how many have failed in a row by now, of which ``errors`` had before."""
        started_s = time.monotonic()
        try:
            command = self._interruptibly(self._service.poll)
        except Exception as error:  # noqa: BLE001 - whatever a poll meets, the next one may not
            wait_s = min(self._config.wait_after_error_s, BACKOFF_FIRST_S * 2 ** min(errors, 20))
            _logger.error("polling failed (%s in a row), again in %.1f s: %s", errors + 1, wait_s, error)
            self._pause(wait_s)
            return errors + 1
        pause_s = self._config.wait_between_runs_s
        if command is not None:
            self._begin(command)
        else:
            # A service that does not hold its polls must not be asked in a tight loop.
            pause_s = max(pause_s, started_s + EMPTY_POLL_MIN_S - time.monotonic())
        self._pause(pause_s)
        return 0

    def _interruptibly(self, wait: Callable[[], _T]) -> _T:
        self._waiting_thread = get_ident()
        try:
            if self._stopping:
                raise Stopped
            return wait()
        finally:
            self._waiting_thread = None

    def _pause(self, pause_s: float) -> None:
        if pause_s > 0:
            self._interruptibly(lambda: time.sleep(pause_s))

    def _begin(self, command: Command) -> None:
        with self._changed:
            if command.id in self._in_hand:
                _logger.info("%s came again while it is in hand; ignored", command.name)
                return
            self._in_hand.add(command.id)
        self._slots.acquire()
        Thread(target=self._handle, args=(command,), name=f"command-{command.name}", daemon=True).start()

    def _handle(self, command: Command) -> None:
        try:
            self.process(command)
        finally:
            self._slots.release()
            with self._changed:
                self._in_hand.discard(command.id)
                self._changed.notify_all()

    def process(self, command: Command) -> None:
        """Carry one command from its specification to its completion.

        Never raises for a command that fails.
        """
        _logger.info("received %s of %s", command.name, command.execution_id)
        spec: Specification | None = None
        try:
            spec = self._patiently(lambda: self._specification(command))
            is_noop = self._executor.is_noop(command.name, spec)
            # Before the acknowledgement: whatever the service takes for begun, the next start knows of.
            self._layout.track(spec.deployment_id, command.id)
            status = self._patiently(lambda: self._service.acknowledge(command, is_noop=is_noop))
        except Exception as error:
            # A parse error, too, is reported without an acknowledgement, as by the open-source agent.
            _logger.exception("%s failed before it was acknowledged", command.name)
            if self._complete(command.id, failed(error)) and spec is not None:
                self._layout.untrack(spec.deployment_id)
            return
        if status in ("Succeeded", "Failed"):
            self._layout.untrack(spec.deployment_id)
            _logger.info("%s is not wanted any more: the service has it as %s", command.name, status)
            if status == "Failed" and is_noop:
                self._complete(command.id, succeeded(NOOP_MESSAGE))
            return
        self._execute(command, spec)

    def _specification(self, command: Command) -> Specification:
        envelope = self._service.specification(command)
        return self._opener.open(command.execution_id, envelope.form, envelope.payload)

    def _execute(self, command: Command, spec: Specification) -> None:
        try:
            self._executor.execute(command.name, spec)
        except Exception as error:
            _logger.exception("%s of %s failed", command.name, spec.deployment_id)
            diagnostics = failed(error)
        else:
            _logger.info("%s of %s succeeded", command.name, spec.deployment_id)
            diagnostics = succeeded()
        if self._complete(command.id, diagnostics):
            self._layout.untrack(spec.deployment_id)

    def _complete(self, command_id: str, diagnostics: Diagnostics) -> bool:
        """Report a completion, whatever goes wrong, for as long as is configured; False if that was in vain."""
        try:
            self._patiently(lambda: self._service.complete(command_id, diagnostics), Exception)
        except Exception as error:  # noqa: BLE001 - a completion that is lost must not end the agent
            _logger.error("giving up reporting %s: %s", diagnostics.status, error)
            return False
        return True

    def _patiently(self, call: Callable[[], _T], errors: type[Exception] = ServiceAway) -> _T:
        """The result of ``call``, tried again after each of ``errors`` until the configured time is over.

        So a controller may die and come back in the middle of an event, and nothing of the event is lost.
        """
        give_up_s = time.monotonic() + self._config.complete_retry_s
        wait_s = BACKOFF_FIRST_S
        while True:
            try:
                return call()
            except errors as error:
                if time.monotonic() + wait_s > give_up_s:
                    raise
                _logger.warning("again in %.1f s: %s", wait_s, error)
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, self._config.wait_after_error_s)
