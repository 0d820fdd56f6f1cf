"""`drydeploy ps`: the runs of this user that go on."""

from __future__ import annotations

import sys

import typer

from simulator.cli.options import Output, OutputOption


def verb(output: OutputOption = Output.TEXT) -> None:
    """List the runs that go on, and what they wait for. None is no error."""
    from simulator.cli.runs import columns, waits
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

    rows = [("RUN", "SCENARIO", "FLEET", "FOR", "DEPLOYMENT", "REVISION", "STATUS", "WAITS")]
    for each in going:
        run = each.run
        if run is None:
            rows.append((each.id, "", "", "", "", "", "does not answer", ""))
        elif not run.deployments:
            rows.append((run.run, run.scenario, run.fleet, took(run.at_ms), "", "", "preparing", ""))
        else:
            last = run.deployments[-1]
            waiting = waits(last.waits_for) if last.waits_for else "for end" if run.state == "staying" else ""
            status = f"{last.status}, paused" if last.paused else last.status
            rows.append(
                (run.run, run.scenario, run.fleet, took(run.at_ms), last.deployment_id, last.revision, status, waiting)
            )
    for line in columns(rows):
        typer.echo(line)
