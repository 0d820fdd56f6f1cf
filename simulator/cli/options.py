"""Options that several verbs share, and the kinds of their values."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer


class FleetName(StrEnum):
    """Where the hosts are."""

    VIRTUAL = "virtual"
    DOCKER = "docker"


class RunOutput(StrEnum):
    """What a run prints on standard output."""

    TEXT = "text"
    JSON = "json"
    NDJSON = "ndjson"


class Output(StrEnum):
    """What any other verb prints on standard output."""

    TEXT = "text"
    JSON = "json"


OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="Print for a person, or one JSON value.", show_default=True)
]
ScenarioArgument = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A name from `drydeploy list`, a scenario file, or a bundle.")
]
HostsOption = Annotated[int | None, typer.Option("--hosts", min=1, help="With a bundle: how many hosts. Left out: 4.")]
StrategyOption = Annotated[
    str | None, typer.Option("--strategy", help="With a bundle: rolling or in-place. Left out: rolling.")
]
ConfigOption = Annotated[
    str | None,
    typer.Option(
        "--config",
        metavar="NAME",
        help="With a bundle: the deployment configuration, such as CodeDeployDefault.HalfAtATime.",
    ),
]
PortOption = Annotated[
    int | None,
    typer.Option(
        "--port", min=1, max=65535, help="With a bundle: where its application listens. Left out: no balancer."
    ),
]
PathOption = Annotated[
    str | None, typer.Option("--path", help="With a bundle and --port: what the health check asks for. Left out: /.")
]
IntervalOption = Annotated[
    str | None,
    typer.Option(
        "--interval",
        metavar="1s",
        help="With a bundle and --port: from one health check to the next. Left out: 1s. 2 in a row make a host "
        "healthy, 3 unhealthy. (An ALB's own: 30s, 5 and 2.)",
    ),
]
RunningOption = Annotated[
    str | None,
    typer.Option("--running", metavar="BUNDLE", help="With a bundle: the one that the hosts run before."),
]
