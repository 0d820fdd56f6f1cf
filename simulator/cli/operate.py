"""The verbs that speak to a run: `continue`, `pause`, `resume`, `promote`, `abort`, `stop`, `retry`, `undo`, …

What is impossible now is refused with the reason (exit 1), and changes nothing. Where no run goes on, or RUN means
none or several, the exit code is 2.
"""

from __future__ import annotations

import getpass
import os
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.errors import UsageError, tell
from simulator.cli.runs import GroupOption, RunArgument

if TYPE_CHECKING:
    from simulator.control.operator_words import Word

REFUSED = 1


def continue_verb(run: RunArgument = None, group: GroupOption = None) -> None:
    """Say yes to a deployment that waits for it.

    Exit codes: 0 heard · 1 refused, and nothing has changed · 2 usage, or no such run.
    """
    _say(run, "continue", group=group)


def pause_verb(run: RunArgument = None, group: GroupOption = None) -> None:
    """Hold a deployment: it takes no other host and begins no other stage; what is under way is finished.

    Exit codes: 0 heard · 1 refused, and nothing has changed · 2 usage, or no such run.
    """
    _say(run, "pause", group=group)


def resume_verb(run: RunArgument = None, group: GroupOption = None) -> None:
    """Let a paused deployment go on.

    Exit codes: 0 heard · 1 refused, and nothing has changed · 2 usage, or no such run.
    """
    _say(run, "resume", group=group)


def promote_verb(
    run: RunArgument = None,
    group: GroupOption = None,
    full: Annotated[bool, typer.Option("--full", help="Also every wait and analysis that is still to come.")] = False,
) -> None:
    """Cut the wait short in which a deployment is: an approval, a bake, or an analysis.

    Exit codes: 0 heard · 1 refused, and nothing has changed · 2 usage, or no such run.
    """
    _say(run, "promote-full" if full else "promote", group=group)


def skip_wait_verb(run: RunArgument = None, group: GroupOption = None) -> None:
    """Let the time that a deployment waits for be over: a bake, or the wait before old hosts are terminated.

    Exit codes: 0 heard · 1 refused, and nothing has changed · 2 usage, or no such run.
    """
    _say(run, "skip-wait", group=group)


def abort_verb(run: RunArgument = None, group: GroupOption = None) -> None:
    """Stop a deployment and roll it back, whatever the group has configured.

    Exit codes: 0 heard · 1 refused, and nothing has changed · 2 usage, or no such run.
    """
    _say(run, "abort", group=group)


def stop_verb(
    run: RunArgument = None,
    group: GroupOption = None,
    rollback: Annotated[
        bool | None,
        typer.Option("--rollback/--no-rollback", help="Roll back, or do not. Left out: as the group is configured."),
    ] = None,
) -> None:
    """Stop a deployment: hosts at work finish their lifecycle event, and the others are left as they are.

    Exit codes: 0 heard · 1 refused, and nothing has changed · 2 usage, or no such run.
    """
    _say(run, "stop", group=group, rollback=rollback)


def retry_verb(run: RunArgument = None, group: GroupOption = None) -> None:
    """Deploy once more what failed or was stopped, in a run that stays.

    Exit codes: 0 heard · 1 refused, and nothing has changed · 2 usage, or no such run.
    """
    _say(run, "retry", group=group)


def undo_verb(
    run: RunArgument = None,
    group: GroupOption = None,
    to: Annotated[
        str | None, typer.Option("--to", metavar="REVISION", help="A revision that was deployed with success before.")
    ] = None,
) -> None:
    """Deploy the revision that succeeded before the last one, in a run that stays.

    Exit codes: 0 heard · 1 refused, and nothing has changed · 2 usage, or no such run.
    """
    _say(run, "undo", group=group, revision=to)


def end_verb(run: RunArgument = None) -> None:
    """End a run that stays: now, or with the deployment that is under way.

    Exit codes: 0 heard · 1 refused, and nothing has changed · 2 usage, or no such run.
    """
    _say(run, "end")


def user_name() -> str:
    """Who speaks, as the journal will have it."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user that the system has no name for
        name = f"user {os.getuid()}"
    return "".join(letter for letter in name if letter.isprintable())[:64] or "somebody"


def _say(
    run: str | None,
    word: str,
    *,
    group: str | None = None,
    rollback: bool | None = None,
    revision: str | None = None,
) -> None:
    from simulator.cli.runs import find, group_of
    from simulator.control import operator_client as client
    from simulator.control import operator_words as words
    from simulator.control.operator_runs import Unreachable

    spoken: Word = words.Word(word)
    found = find(run)
    group = group_of(found, run, spoken, group)
    try:
        answer = client.ask(found.path, words.Say(spoken, user_name(), rollback, revision, group))
    except Unreachable:
        raise UsageError(f"the run {found.id} has ended") from None
    except client.ClientError as error:
        raise UsageError(f"{error}") from error
    match answer:
        case words.Done(said=said):
            typer.echo(said)
        case words.Refused(why=why):
            tell(f"{word} is refused: {why}")
            raise typer.Exit(REFUSED)
        case words.Mistaken(why=why):
            raise UsageError(f"{found.id}: {why}")
        case _:
            raise UsageError(f"{found.id} answers something else than was asked")
