"""`drydeploy ps`: the runs of this user that go on."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from simulator.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from collections.abc import Iterator

    from simulator.control import operator_words as words

Row = tuple[str, str, str, str, str, str, str, str, str]
"""The cells of a line."""


def verb(output: OutputOption = Output.TEXT) -> None:
    """List the runs that go on, and what they wait for. None is no error."""
    from simulator.cli.runs import columns
    from simulator.control.operator_client import all_runs

    going = all_runs()
    if output is Output.JSON:
        import msgspec

        from simulator.report.document import dumps

        sys.stdout.write(dumps([msgspec.to_builtins(each.run) for each in going if each.run is not None]))
        return
    if not going:
        typer.echo("no run goes on")
        return
    several = any(len({d.group for d in each.run.deployments}) > 1 for each in going if each.run is not None)
    rows = [("RUN", "SCENARIO", "FLEET", "FOR", "DEPLOYMENT", "GROUP", "REVISION", "STATUS", "WAITS")]
    for each in going:
        rows += [(each.id, "", "", "", "", "", "", "does not answer", "")] if each.run is None else _rows(each.run)
    for line in columns(rows if several else [(*row[:5], *row[6:]) for row in rows]):
        typer.echo(line)


def _rows(run: words.Run) -> Iterator[Row]:
    """Every deployment under way, and the gates that wait; where none is, the last one, and what the run waits for."""
    from simulator.cli.runs import ENDED, waits
    from simulator.report.words import took

    which = run.run, run.scenario, run.fleet, took(run.at_ms)
    gates = f"for a person's yes before {' and '.join(run.gates)}" if run.gates else ""
    under_way = [told for told in run.deployments if told.status not in ENDED]
    if not run.deployments:
        yield *which, "", "", "", "preparing", ""
    elif not under_way:
        last = run.deployments[-1]
        idle = gates or ("for end" if run.state == "staying" else "")
        yield *which, last.deployment_id, last.group, last.revision, last.status, idle
    for told in under_way:
        status = f"{told.status}, paused" if told.paused else told.status
        waiting = waits(told.waits_for) if told.waits_for else ""
        yield *which, told.deployment_id, told.group, told.revision, status, waiting
    if under_way and gates:
        yield *which, "", "", "", "", gates
