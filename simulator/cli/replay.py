"""`drydeploy replay`: a journal, folded again event by event."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.options import RunOutput


def verb(
    journal: Annotated[Path, typer.Argument(metavar="JOURNAL", help="A file that a run has kept.")],
    output: Annotated[
        RunOutput, typer.Option("--output", "-o", help="For a person, one JSON object, or a JSON object a line.")
    ] = RunOutput.TEXT,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict alone.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print every command, reason and safety rule, in lines.")
    ] = False,
) -> None:
    """Play a journal again, event by event. The exit code is the run's own."""
    from simulator.cli.presenters import presenter
    from simulator.control.exits import exit_code
    from simulator.control.replay import replay

    shown = presenter(output, f"replay of {journal}", pace=None, quiet=quiet, every=verbose)
    with shown.showing():
        result = replay(journal, shown.observers)
    shown.finish(result, journal)
    raise typer.Exit(exit_code(result))
