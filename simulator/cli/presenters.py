"""How a run is shown while it goes on, and at its end: a live tree, plain lines, one JSON object, or JSON lines."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from simulator.cli.errors import tell
from simulator.cli.options import RunOutput
from simulator.report.document import decision_object, document, dumps, event_object

if TYPE_CHECKING:
    from rich.console import Console

    from simulator.control.result import Observer, RunResult
    from simulator.report.tree import LiveTree
    from simulator.rollout.commands import Command
    from simulator.rollout.events import Event
    from simulator.rollout.machine import Rollout


class Presenter(Protocol):
    """What shows a run. `observers` watch it from within `showing()`; `finish` is called once, after it."""

    observers: Sequence[Observer]

    def showing(self) -> AbstractContextManager[object]:
        """What is on the screen while the run goes on."""
        ...

    def ask(self, question: str) -> None:
        """Show what somebody is asked. An empty question: it is asked no longer."""
        ...

    def finish(self, result: RunResult, journal: Path | None) -> None:
        """Show what came of it."""
        ...


class _AsksBeside:
    """Standard output is for a program: a person is asked on standard error."""

    def ask(self, question: str) -> None:
        """Ask there."""
        if question:
            tell(question)


class Preparations:
    """Tells on standard error that hosts which take a while are being prepared, and that time 0 has come.

    It is an observer: the first event is the end of the preparations.
    """

    def __init__(self, *, long: bool) -> None:
        self._awaited = long
        self.observers: tuple[Observer, ...] = (self,) if long else ()

    def begin(self) -> AbstractContextManager[object]:
        """The run begins with them."""
        if self._awaited:
            tell("the hosts are being prepared …")
        return nullcontext()

    def __call__(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        """Whatever happens, happens after them."""
        del event, commands, rollout
        if self._awaited:
            self._awaited = False
            tell("the hosts are there: time 0")


class Json(_AsksBeside):
    """One JSON object at the end, and nothing else."""

    def __init__(self, preparations: Preparations) -> None:
        self.showing = preparations.begin
        self.observers: Sequence[Observer] = preparations.observers

    def finish(self, result: RunResult, journal: Path | None) -> None:
        """Print the object. The journal's place is not in it: the same run gives the same bytes."""
        del journal
        sys.stdout.write(dumps(document(result)))


class NdJson(_AsksBeside):
    """A JSON object a line: every event, every decision, and at last the verdict."""

    def __init__(self, preparations: Preparations) -> None:
        self.showing = preparations.begin
        self.observers: Sequence[Observer] = (*preparations.observers, self._tell)

    def _tell(self, event: Event, commands: Sequence[Command], rollout: Rollout | None) -> None:
        del rollout
        lines = [event_object(event), *(decision_object(command, event.at_ms) for command in commands)]
        sys.stdout.write("".join(dumps(line, indent=False) for line in lines))
        sys.stdout.flush()

    def finish(self, result: RunResult, journal: Path | None) -> None:
        """Print the verdict as the last line."""
        del journal
        sys.stdout.write(dumps(document(result), indent=False))


class PlainText:
    """A line for each event and decision, then the verdict. `quiet`: the verdict alone.

    The heading comes with the first line, so that an error has none before it.
    """

    def __init__(self, console: Console, title: str, preparations: Preparations, *, quiet: bool, every: bool) -> None:
        from simulator.report.lines import Lines

        self._console = console
        self._title = title
        self._quiet = quiet
        self._every = every
        self._headed = quiet
        self.showing = preparations.begin
        begun = preparations.observers
        self.observers: Sequence[Observer] = begun if quiet else (*begun, Lines(self._write, every=every))

    def ask(self, question: str) -> None:
        """Ask in a line of its own; on standard error where there are no others."""
        if question and self._quiet:
            tell(question)
        elif question:
            self._write(question)

    def _write(self, line: str) -> None:
        if not self._headed:
            self._headed = True
            sys.stdout.write(self._title + "\n")
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def finish(self, result: RunResult, journal: Path | None) -> None:
        """Print the verdict."""
        from simulator.report.verdict import print_verdict, verdict

        if not self._quiet:
            self._write("")
        print_verdict(self._console, verdict(result, journal=journal, every=self._every))


class TerminalText:
    """A tree that lives while the run goes on, then the verdict. `pace` None: the tree is drawn once, at the end."""

    def __init__(self, console: Console, title: str, *, pace: float | None) -> None:
        from simulator.report.tree import LiveTree

        self._console = console
        self._title = title
        self._tree: LiveTree | None = None if pace is None else LiveTree(title, pace)
        self.observers: Sequence[Observer] = () if self._tree is None else (self._tree,)

    def showing(self) -> AbstractContextManager[object]:
        """The live tree, which leaves the screen when the run has ended: the final one takes its place."""
        if self._tree is None:
            return nullcontext()
        from rich.live import Live

        return Live(self._tree, console=self._console, refresh_per_second=8, transient=True)

    def ask(self, question: str) -> None:
        """Ask below the tree."""
        if self._tree is not None:
            self._tree.question = question

    def finish(self, result: RunResult, journal: Path | None) -> None:
        """Print the tree and the verdict."""
        from simulator.report.tree import final_tree
        from simulator.report.verdict import print_verdict, verdict

        self._console.print(final_tree(self._title, result))
        self._console.print()
        print_verdict(self._console, verdict(result, journal=journal))


def presenter(
    output: RunOutput, title: str, *, pace: float | None, quiet: bool, every: bool, prepares: bool = False
) -> Presenter:
    """What fits the options, and where standard output leads: a tree on a terminal, lines anywhere else.

    `pace`: seconds of the run in each real one; None where it takes no time that a person could watch. `every`
    command and reason can only be told in lines. `prepares`: the hosts take a while to be there.
    """
    preparations = Preparations(long=prepares)
    match output:
        case RunOutput.JSON:
            return Json(preparations)
        case RunOutput.NDJSON:
            return NdJson(preparations)
        case RunOutput.TEXT:
            from simulator.cli.screen import Screen

            console = Screen(highlight=False)
            if console.is_terminal and not console.is_dumb_terminal and not quiet and not every:
                return TerminalText(console, title, pace=pace)
            return PlainText(console, title, preparations, quiet=quiet, every=every)
