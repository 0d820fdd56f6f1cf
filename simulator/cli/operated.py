"""A run that takes real time: it can be operated from elsewhere, and asks where it waits for somebody's yes."""

from __future__ import annotations

import os
import select
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple

from typing_extensions import override

from simulator.cli.errors import tell

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.model import Scenario
    from simulator.control.operator import Operations
    from simulator.control.operator_desk import Desk
    from simulator.control.result import RunResult
    from simulator.rollout.commands import Command
    from simulator.rollout.events import Event
    from simulator.rollout.machine import Rollout

ANSWERS: Final = frozenset({"continue", "promote", "promote-full", "stop", "abort"})
"""What answers an approval."""
_GATE: Final = "gate before "
"""So begin the names of gates among what waits: no deployment's id does."""


class Operated:
    """A run with a desk. `finish` says what came of it to those who watch."""

    def __init__(self, operations: Operations, journal: Path | None) -> None:
        self.operations = operations
        self.desk: Desk | None = None
        """Where it is reached; None where it is not."""
        self._journal = journal

    def finish(self, result: RunResult) -> None:
        """The run has ended."""
        if self.desk is None:
            return
        from simulator.control import operator_runs
        from simulator.control.operator_words import Ended
        from simulator.report.words import headline

        sign, sentence = headline(result)
        self.desk.farewell(Ended(result.status.value, result.outcome.value, f"{sign} {sentence}"))
        with suppress(OSError):  # it is a courtesy to those who ask late
            kept = f"; its journal: {self._journal.absolute()}" if self._journal is not None else ""
            operator_runs.remember(self.desk.path, f"{sign} {sentence}{kept}")


@contextmanager
def operated(
    scenario: Scenario, *, fleet: str, seed: int, stay: bool, ask: Callable[[str], None], journal: Path | None = None
) -> Iterator[Operated]:
    """Have a run operated. `ask` shows a question, and withdraws it when it is called with an empty one.

    `journal`: where the run's is kept, if it is. Where no socket can be made the run goes on without, and that is said.
    """
    from simulator.control.operator import Operations
    from simulator.control.operator_desk import Desk

    operations = Operations(scenario, fleet=fleet, seed=seed, tell=_lines, stay=stay)
    run = Operated(operations, journal)
    with ExitStack() as stack:
        reachable = True
        try:
            run.desk = stack.enter_context(Desk(operations))
        except OSError as error:
            reachable = False
            tell(f"this run cannot be operated from elsewhere: {error}")
        operations.asking = stack.enter_context(Asking(operations, scenario, ask, reachable=reachable))
        yield run


def _lines(event: Event, commands: Sequence[Command], rollout: Rollout | None) -> list[str]:
    """The lines that a person reads of an event."""
    from simulator.report.lines import Lines

    written: list[str] = []
    Lines(written.append)(event, commands, rollout)
    return written


class Question(NamedTuple):
    """Somebody's yes is waited for: by a deployment at a stage of its plan, or by the gate before an environment."""

    revision: str
    group: str | None
    """Whom an answer names; None where there is only one group."""
    where: str = ""
    stage: int = 0
    scripted: str = ""
    """What the scenario is going to say; `""` where nothing."""
    no: str = "abort"
    """The word for a no: at a gate nothing is undone, so it is stop."""


class Asking:
    """An observer that asks while anything waits for a yes, one question at a time: at the keyboard where there is one.

    What the scenario answers in the moment in which it is asked, nobody is asked.
    """

    def __init__(
        self, operations: Operations, scenario: Scenario, ask: Callable[[str], None], *, reachable: bool
    ) -> None:
        self._operations = operations
        self._ask = ask
        self._reachable = reachable
        self._several = len(scenario.all_groups) > 1
        answers = [action.when for action in scenario.operator if action.do in ANSWERS]
        self._answered_at_once = sum(when.status == "Ready" for when in answers)
        self._answered_gates = {when.gate for when in answers}
        self._open: dict[str, Question] = {}
        """What waits, by the id of the deployment or the name of the environment; the first is asked."""
        self._unasked: set[tuple[str, int]] = set()
        """The waits that the scenario answers at once: deployment and stage."""
        self._asked: Question | None = None
        self._keyboard: Keyboard | None = None

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self._withdraw()

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """Ask when a wait begins, and no longer when it ends, whoever has answered."""
        del commands
        if rollout is not None:
            self._deployment(rollout, event.at_ms)
        self._gates()
        first = next(iter(self._open.values()), None)
        if first != self._asked:
            self._withdraw()
            if first is not None:
                self._begin(first)

    def _deployment(self, rollout: Rollout, at_ms: int) -> None:
        wait = self._operations.picture.wait(rollout, at_ms)
        if wait is None or wait.kind != "approval":
            self._open.pop(rollout.deployment_id, None)
            return
        waiting = rollout.deployment_id, rollout.stage
        known = self._open.get(rollout.deployment_id)
        if waiting in self._unasked or (known is not None and known.stage == rollout.stage):
            return
        if self._answered_at_once:
            self._answered_at_once -= 1
            self._unasked.add(waiting)
            return
        group = rollout.deployment.group if self._several else None
        where = f" in {group}" if group is not None else ""
        question = Question(rollout.deployment.revision, group, where, rollout.stage, wait.scripted)
        self._open[rollout.deployment_id] = question

    def _gates(self) -> None:
        gates = self._operations.gates()
        for name in [each for each in self._open if each.startswith(_GATE) and each.removeprefix(_GATE) not in gates]:
            del self._open[name]
        for environment, (revision, group) in gates.items():
            if environment not in self._answered_gates:
                question = Question(revision, group, f" to enter {environment}", no="stop")
                self._open.setdefault(f"{_GATE}{environment}", question)

    def _begin(self, question: Question) -> None:
        self._asked = question
        scripted = f"; {question.scripted}" if question.scripted else ""
        waits, no = f"{question.revision} waits for", question.no
        if at_the_keyboard():
            self._keyboard = Keyboard(partial(self._pressed, question))
            self._keyboard.start()
            self._ask(f"{waits} your yes{question.where}: [c]ontinue, [{no[0]}]{no[1:]}{scripted}")
        elif self._reachable:
            run = self._operations.run_id + (f" --group {question.group}" if question.group is not None else "")
            how = f"drydeploy continue {run}, or drydeploy {no} {run}"
            self._ask(f"{waits} a yes{question.where}: {how}{scripted}")

    def _withdraw(self) -> None:
        if self._keyboard is not None:
            self._keyboard.stop()
            self._keyboard = None
        if self._asked is not None:
            self._asked = None
            self._ask("")

    def _pressed(self, question: Question, key: str) -> None:
        """In the keyboard's thread."""
        from simulator.cli.operate import user_name
        from simulator.control.operator_words import Say, Word

        keys = {word[0]: word for word in ("continue", question.no)}
        if (word := keys.get(key.lower())) is not None:
            self._operations.ask(Say(Word(word), user_name(), group=question.group), lambda _: None)


def at_the_keyboard() -> bool:
    """Whether somebody sits there: standard input is a terminal, and this program has it, not another one."""
    try:
        return sys.stdin.isatty() and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


class Keyboard(threading.Thread):
    """Reads keys, one by one and without an echo, until it is stopped; then the terminal is as it was."""

    def __init__(self, pressed: Callable[[str], None]) -> None:
        super().__init__(name="keyboard", daemon=True)
        self._pressed = pressed
        self._woken, self._wake = os.pipe()

    def stop(self) -> None:
        """Read no more. It waits for the terminal to be as it was."""
        with suppress(OSError):  # it has stopped already: the terminal had gone
            os.write(self._wake, b".")
        if threading.current_thread() is not self:
            self.join()
        os.close(self._wake)

    @override
    def start(self) -> None:
        """From now on no key is shown; then read."""
        import termios
        import tty

        terminal = sys.stdin.fileno()
        self._before = termios.tcgetattr(terminal)
        tty.setcbreak(terminal, termios.TCSANOW)
        super().start()

    @override
    def run(self) -> None:
        """Read until `stop`."""
        import termios

        terminal = sys.stdin.fileno()
        try:
            while True:
                ready, _, _ = select.select([terminal, self._woken], [], [])
                if self._woken in ready or not at_the_keyboard():
                    return
                keys = os.read(terminal, 1024)
                if not keys:
                    return
                for key in keys.decode("utf-8", "replace"):
                    self._pressed(key)
        except OSError:
            return  # the terminal has gone
        finally:
            if at_the_keyboard():
                termios.tcsetattr(terminal, termios.TCSANOW, self._before)
            os.close(self._woken)
