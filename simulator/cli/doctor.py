"""`drydeploy doctor`: what is missing here, and how to get it."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from simulator.cli.options import Output, OutputOption

if TYPE_CHECKING:
    from fleet.docker.doctor import Finding


def verb(output: OutputOption = Output.TEXT) -> None:
    """Say what is missing here, and how to get it.

    Exit codes: 0 all is there · 1 something is missing that --fleet docker needs.
    """
    from fleet.docker.doctor import Finding, doctor

    virtual = Finding("virtual", True, "the virtual fleet needs nothing: it works here")
    findings = [virtual, *doctor()]
    missing = [finding for finding in findings if finding.needed and not finding.ok]
    if output is Output.JSON:
        _print_json(findings, ready=not missing)
    else:
        _print_text(findings, ready=not missing)
    raise typer.Exit(1 if missing else 0)


def _print_json(findings: list[Finding], *, ready: bool) -> None:
    from simulator.report.document import dumps

    rows = [
        {"name": f.name, "ok": f.ok, "needed": f.needed, "found": f.found, "remedy": f.remedy or None} for f in findings
    ]
    sys.stdout.write(dumps({"docker_ready": ready, "findings": rows}))


def _print_text(findings: list[Finding], *, ready: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    from simulator.cli.screen import show
    from simulator.report.words import FAILED, STYLES, SUCCEEDED, WARNING, printable

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for finding in findings:
        sign = SUCCEEDED if finding.ok else FAILED if finding.needed else WARNING
        told = Text(printable(finding.found))
        if finding.remedy:
            told.append(f"\n→ {printable(finding.remedy)}", style="bold")
        table.add_row(Text(sign, style=STYLES[sign]), finding.name, told)
    show(table)
    verdict = "rehearsals run on both fleets" if ready else "rehearsals run on the virtual fleet; Docker is not ready"
    typer.echo(f"\n{verdict}")
