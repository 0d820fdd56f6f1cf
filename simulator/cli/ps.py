"""`drydeploy ps`: the runs of this user that go on."""

from __future__ import annotations

import sys

import typer

from simulator.cli.options import Output, OutputOption


def verb(output: OutputOption = Output.TEXT) -> None:
    """List the runs that go on, and what they wait for. None is no error."""
    from simulator.cli.runs import ENDED, columns, waits
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
    from simulator.report.words import took

    several = any(len({d.group for d in each.run.deployments}) > 1 for each in going if each.run is not None)
    rows = [("RUN", "SCENARIO", "FLEET", "FOR", "DEPLOYMENT", "GROUP", "REVISION", "STATUS", "WAITS")]
    for each in going:
        run = each.run
        if run is None:
            rows.append((each.id, "", "", "", "", "", "", "does not answer", ""))
        elif not run.deployments:
            rows.append((run.run, run.scenario, run.fleet, took(run.at_ms), "", "", "", "preparing", ""))
        else:
            for told in [d for d in run.deployments if d.status not in ENDED] or run.deployments[-1:]:
                waiting = waits(told.waits_for) if told.waits_for else "for end" if run.state == "staying" else ""
                status = f"{told.status}, paused" if told.paused else told.status
                its = told.deployment_id, told.group, told.revision, status, waiting
                rows.append((run.run, run.scenario, run.fleet, took(run.at_ms), *its))
    for line in columns(rows if several else [(*row[:5], *row[6:]) for row in rows]):
        typer.echo(line)
