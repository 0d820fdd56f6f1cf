"""From decisions to outboxes: an observer of the run, and what is waited for and told at its end."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from scenarios.model import Scenario
from scenarios.notifications import TriggerTarget
from scenarios.platforms import SERVER
from simulator.control.journal import UNDELIVERED_SUFFIX, beside
from simulator.control.notifications.file import File
from simulator.control.notifications.message import VIRTUAL_EPOCH_S, message
from simulator.control.notifications.outbox import Outbox, Report
from simulator.control.notifications.receiver import NotificationError, Receiver
from simulator.control.notifications.sns import Sns
from simulator.control.notifications.webhook import Webhook
from simulator.control.result import Finding, RunResult, RunStatus
from simulator.rollout.commands import Command, Notify
from simulator.rollout.events import DeploymentCreated, Event
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import Trigger

QUIET_S: Final = 1.0
"""So long is waited for the last messages before anything is said of that."""
BROKEN_OFF_S: Final = 2.0
"""A run that was interrupted, or ran into its time limit, waits no longer than this for its messages."""
GRACE_S: Final = 1.0
"""An attempt under way when its time is up has so much longer than its own limit."""


class Post:
    """An observer that has a run's notifications delivered. Used as a context; `settle` once, after the run.

    `virtual`: time 0 is VIRTUAL_EPOCH_S in every message; else it is what the clock says at the first event.
    `mark`: what ids end with where the receiver may remember those of another run, which has the same ones.
    """

    def __init__(self, scenario: Scenario, journal: Path | None, *, virtual: bool, mark: str = "") -> None:
        """Make every target ready. Raises NotificationError where one can never be delivered to."""
        self._triggers = scenario.subscribed()
        self._of_hosts = scenario.compute_platform == SERVER
        """Whether there are hosts to tell of: a service and a function are no instances."""
        self._on_premises = {host.name for host in scenario.fleet.named_hosts() if host.on_premises}
        self._journal = journal
        self._epoch_s: float | None = VIRTUAL_EPOCH_S if virtual else None
        self._mark = mark
        self._outboxes: dict[tuple[str, ...], Outbox] = {}
        """By the receiver's address, so that one receiver has one order, however it is written."""
        self._ways: dict[TriggerTarget, Outbox] = {}
        for trigger in (trigger for triggers in self._triggers.values() for trigger in triggers):
            address, receiver = _receiver(trigger.target, journal)
            outbox = self._outboxes.get(address)
            if outbox is None:
                outbox = self._outboxes[address] = Outbox(receiver())
            self._ways[trigger.target] = outbox
        self._numbers: Counter[str] = Counter()
        self._undone: dict[str, Notify] = {}
        """DeploymentRollback is told of the rollback, when that is there."""

    def __enter__(self) -> Post:
        return self

    def __exit__(self, *_: object) -> None:
        for outbox in self._outboxes.values():
            outbox.close()
            outbox.give_up()

    # -- during the run -----------------------------------------------------------------------------------------

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """An observer: what was decided is put into the outboxes."""
        if self._epoch_s is None:
            self._epoch_s = time.time() - event.at_ms / 1000
        if rollout is None:
            return
        told = [command for command in commands if isinstance(command, Notify)]
        if isinstance(event, DeploymentCreated):
            undone = self._undone.pop(rollout.deployment.rollback_of or "", None)
            if undone is not None:
                begun = bool(told) and told[0].trigger is Trigger.DEPLOYMENT_START
                told.insert(int(begun), undone)
        for notify in told:
            if notify.trigger is Trigger.DEPLOYMENT_ROLLBACK and notify.deployment_id == rollout.deployment_id:
                self._undone[notify.deployment_id] = notify
            else:
                self._tell(notify, rollout, event.at_ms, self._epoch_s)

    def _tell(self, notify: Notify, rollout: Rollout, at_ms: int, epoch_s: float) -> None:
        if notify.host is not None and not self._of_hosts:
            return
        for trigger in self._triggers.get(rollout.deployment.group, ()):
            if notify.trigger in trigger.events:
                self._numbers[rollout.deployment_id] += 1
                number = self._numbers[rollout.deployment_id]
                told = message(notify, rollout, trigger.name, number, at_ms, epoch_s, self._on_premises)
                outbox = self._ways[trigger.target]
                marked = self._mark if outbox.receiver.remembers else ""
                outbox.put(replace(told, id=f"{told.id}-{marked}") if marked else told)

    # -- after the run ------------------------------------------------------------------------------------------

    def settle(self, result: RunResult, tell: Callable[[str], None], *, quiet: bool = False) -> RunResult:
        """Wait for the outboxes, within their limits; tell what became of the messages, and the result with it.

        `quiet`: what was delivered is not told. Ctrl-C ends the wait, and not the run, which is over.
        """
        outboxes = list(self._outboxes.values())
        for outbox in outboxes:
            outbox.close()
        with suppress(KeyboardInterrupt):
            self._wait(outboxes, result.status, tell)
        for outbox in outboxes:
            outbox.give_up()
        for outbox in outboxes:
            outbox.finished(outbox.receiver.timeout_s + GRACE_S)
        reports = [outbox.report() for outbox in outboxes]
        kept = self._keep(reports, tell)
        for report in reports:
            if report.reason:
                tell(f"error: {report}. {kept} What became of the deployment is not changed by that")
            elif not quiet:
                tell(str(report))
        return judged(result, reports)

    @staticmethod
    def _wait(outboxes: Sequence[Outbox], status: RunStatus, tell: Callable[[str], None]) -> None:
        began_s = time.monotonic()

        def in_time(outbox: Outbox, most_s: float) -> bool:
            return outbox.finished(began_s + most_s - time.monotonic())

        def limit_s(outbox: Outbox) -> float:
            return outbox.receiver.retry_for_s if status is RunStatus.COMPLETED else BROKEN_OFF_S

        waiting = [outbox for outbox in outboxes if not in_time(outbox, min(limit_s(outbox), QUIET_S))]
        waiting.sort(key=limit_s)
        if waiting and (longest_s := limit_s(waiting[-1])) > QUIET_S:
            tell(f"{'; '.join(map(_waits, waiting))}. Waiting for at most {longest_s:g} s; Ctrl-C ends that")
        for outbox in waiting:
            if not in_time(outbox, limit_s(outbox)):
                outbox.give_up()

    def _keep(self, reports: Sequence[Report], tell: Callable[[str], None]) -> str:
        """Keep what was not delivered, and say where that is."""
        lines = [
            json.dumps({"target": report.where, "reason": report.reason, "notification": json.loads(lost.body())})
            for report in reports
            for lost in report.undelivered
        ]
        if not lines:
            return "Look at it and run again."
        if self._journal is None:
            return "They are not kept: the run has no journal; --journal gives it one."
        path = beside(self._journal, UNDELIVERED_SUFFIX)
        try:
            path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        except OSError as error:
            tell(f"error: {path} could not be written: {error.strerror}")
            return "They are not kept."
        return f"They are kept in {path}; see that the receiver is up, and send them again or run again."


def judged(result: RunResult, reports: Sequence[Report]) -> RunResult:
    """The result of a run with what became of its notifications: a word on each target that missed some.

    The deployment's outcome is what it was. `expect.notifications_delivered` is judged here, where it is known.
    """
    missed = [str(report) for report in reports if report.reason]
    expectations = result.expectations
    if result.scenario.expect is not None and result.scenario.expect.notifications_delivered:
        total = sum(report.total for report in reports)
        why = "; ".join(missed) or f"all {total:,} were"
        expectations += (Finding("every notification is delivered", not missed, why),)
    return replace(result, expectations=expectations, flags=(*result.flags, *missed))


def _waits(outbox: Outbox) -> str:
    number, trouble = outbox.waiting
    many = f"{number:,} notification{'s' * (number != 1)} {'is' if number == 1 else 'are'}"
    return f"{many} still to be delivered to {outbox.receiver.where}{f', {trouble}' if trouble else ''}"


def _receiver(target: TriggerTarget, journal: Path | None) -> tuple[tuple[str, ...], Callable[[], Receiver]]:
    """The address of a target, and what makes it ready."""
    if target.webhook is not None:
        return target.address, partial(Webhook, target.webhook)
    if target.sns is not None:
        return target.address, partial(Sns, target.sns)
    assert target.file is not None, "one of the three is there"
    path = _path(target.file, journal)
    return ("file", str(path.resolve())), partial(File, path)


def _path(file: str, journal: Path | None) -> Path:
    path = Path(file).expanduser()
    if path.is_absolute():
        return path
    if journal is None:
        raise NotificationError(
            f"the notifications' file {file} belongs beside the journal, and the run has none: name a "
            "journal with --journal, or write an absolute path"
        )
    directory = journal.absolute().parent
    parent = (directory / path).parent
    found = f"there is no directory {parent}"
    if parent.resolve().is_relative_to(directory.resolve()):  # elsewhere nothing is made
        try:
            parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            found = f"the directory {parent} cannot be made: {error.strerror}"
    if not parent.is_dir():
        raise NotificationError(
            f"the notifications cannot be written to {directory / path}: {found}; {file} begins at the journal's "
            f"directory, {directory}, within which directories are made: name a file there, or write an absolute path"
        )
    return directory / path
