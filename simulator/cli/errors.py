"""What a user is told when something goes wrong: never a traceback, always what to do."""

from __future__ import annotations

import functools
import os
import shlex
import sys
import traceback
from collections.abc import Callable
from typing import Final, ParamSpec

import typer

P = ParamSpec("P")

USAGE: Final = 2
DEFECT: Final = 1
INTERRUPTED: Final = 130
BROKEN_PIPE: Final = 141
DEBUG: Final = "DRYDEPLOY_DEBUG"


class UsageError(Exception):
    """The command line, or a file that it names, cannot be used. The message says what was found and what to do."""


def guarded(verb: Callable[P, None]) -> Callable[P, None]:
    """The verb, but for its errors: those that have a name become a message and exit 2, all others a defect."""

    @functools.wraps(verb)
    def careful(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            verb(*args, **kwargs)
            sys.stdout.flush()
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            tell("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None
        except Exception as error:  # noqa: BLE001  the last place where an error can be put into words
            raise typer.Exit(report(error)) from None

    return careful


def tell(message: str) -> None:
    """A message on standard error, under the program's name."""
    typer.echo(f"drydeploy: {message}", err=True)


def report(error: Exception) -> int:
    """Tell an error in words, and give the exit code. Under DRYDEPLOY_DEBUG=1 also where it was raised."""
    if os.environ.get(DEBUG, "0") not in ("", "0"):
        typer.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    problems = getattr(error, "problems", None)
    if _known(error):
        if problems:
            for problem in problems:
                typer.echo(problem.render(), err=True)
        else:
            tell(f"error: {_in_words(error)}")
        return USAGE
    words = str(getattr(error, "problem", error)).splitlines() or [""]
    tell(f"this is a defect of drydeploy, please report it: {type(error).__name__}: {words[0]}")
    typer.echo(f"run again: {DEBUG}=1 {shlex.join(['drydeploy', *sys.argv[1:]])}", err=True)
    return DEFECT


def _in_words(error: Exception) -> str:
    """What the system refused, by the file's name; any other error has words of its own."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    reason = error.strerror[:1].lower() + error.strerror[1:]
    if error.filename is None:
        return reason
    name = os.fsdecode(error.filename) if isinstance(error.filename, bytes) else str(error.filename)
    if isinstance(error, PermissionError):
        return f"{name}: {reason}; change its permissions or those of its directory, or name another place"
    return f"{name}: {reason}"


def _known(error: Exception) -> bool:
    """Whether it is an error of the user's world, made to be read. Imports are late: only an error pays for them."""
    if isinstance(error, UsageError | OSError):
        return True
    from fleet.base import FleetError
    from scenarios.problems import ScenarioError
    from simulator.control.journal import JournalError
    from simulator.control.notifications import NotificationError

    return isinstance(error, ScenarioError | FleetError | JournalError | NotificationError)
