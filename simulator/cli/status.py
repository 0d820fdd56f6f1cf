"""`drydeploy status`: how a run stands, and with --watch what happens to it until its end."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from simulator.cli.errors import UsageError
from simulator.cli.options import Output, OutputOption
from simulator.cli.runs import RunArgument


def verb(
    run: RunArgument = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Then a line for each event, until the run has ended.")
    ] = False,
    output: OutputOption = Output.TEXT,
) -> None:
    """Tell how a run stands. With --watch and -o json, one JSON object a line."""
    from simulator.cli.runs import described, find, picture

    found = find(run)
    if watch:
        _watch(found.path, output)
        return
    standing = described(found)
    if output is Output.JSON:
        import msgspec

        from simulator.report.document import dumps

        sys.stdout.write(dumps(msgspec.to_builtins(standing)))
    else:
        typer.echo("\n".join(picture(standing)))


def _watch(path: Path, output: Output) -> None:
    import msgspec

    from simulator.cli.runs import picture
    from simulator.control import operator_client as client
    from simulator.control import operator_words as words
    from simulator.control.operator_runs import Unreachable
    from simulator.report.document import dumps

    try:
        for answer in client.watch(path):
            if isinstance(answer, words.Mistaken):
                raise UsageError(answer.why)
            if output is Output.JSON:
                sys.stdout.write(dumps(msgspec.to_builtins(answer), indent=False))
            elif isinstance(answer, words.Described):
                sys.stdout.write("".join(f"{line}\n" for line in picture(answer.run)))
            elif isinstance(answer, words.Happened):
                sys.stdout.write("".join(f"{line}\n" for line in answer.lines))
            elif isinstance(answer, words.Ended):
                sys.stdout.write(f"the run has ended: {answer.words}\n")
            sys.stdout.flush()
    except (client.ClientError, Unreachable) as error:
        raise UsageError(f"{error}") from error
