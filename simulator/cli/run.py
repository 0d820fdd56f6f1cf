"""`drydeploy run`: rehearse a deployment, show it, and say what came of it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.errors import UsageError, tell
from simulator.cli.options import (
    ConfigOption,
    FleetName,
    HostsOption,
    IntervalOption,
    PathOption,
    PortOption,
    RunningOption,
    RunOutput,
    ScenarioArgument,
    StrategyOption,
)

if TYPE_CHECKING:
    from scenarios.model import Scenario
    from simulator.cli.presenters import Presenter
    from simulator.cli.sources import Source
    from simulator.control.notifications import Post
    from simulator.control.operator import Operations
    from simulator.control.result import Observer, RunResult


@dataclass(frozen=True, slots=True)
class _Settings:
    """How a scenario is played."""

    fleet: FleetName
    seed: int
    journal: Path | None
    time_limit_ms: int | None
    speed: float | None
    strict: bool
    stay: bool

    @property
    def pace(self) -> float | None:
        """Seconds of the run in each real one; None where it takes no time that a person could notice."""
        return 1.0 if self.fleet is FleetName.DOCKER else self.speed


def verb(
    scenario: ScenarioArgument,
    fleet: Annotated[FleetName, typer.Option(help="Hosts as events on a heap, or as containers.")] = FleetName.VIRTUAL,
    seed: Annotated[int, typer.Option(min=0, help="The same seed and file give the same run.")] = 0,
    output: Annotated[
        RunOutput, typer.Option("--output", "-o", help="For a person, one JSON object, or a JSON object a line.")
    ] = RunOutput.TEXT,
    junit: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write JUnit XML.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also write a page.")] = None,
    speed: Annotated[
        float | None, typer.Option(metavar="X", help="Virtual fleet: play X seconds in each second, to watch.")
    ] = None,
    journal: Annotated[Path | None, typer.Option(metavar="FILE", help="Where the journal is kept.")] = None,
    time_limit: Annotated[
        str | None, typer.Option(metavar="10m", help="Give up after so much real time; exit 124.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail if any host fails.")] = False,
    stay: Annotated[
        bool, typer.Option("--stay", help="Stay after the last deployment, for retry and undo, until drydeploy end.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the verdict alone.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print every command, reason and safety rule, in lines.")
    ] = False,
    hosts: HostsOption = None,
    strategy: StrategyOption = None,
    config: ConfigOption = None,
    running: RunningOption = None,
    port: PortOption = None,
    path: PathOption = None,
    interval: IntervalOption = None,
) -> None:
    """Rehearse a deployment: a scenario's name or file, or a bundle.

    Exit codes: 0 as expected · 1 failed · 2 usage, or it could not be played · 3 rolled back, unexpectedly · 4 a safety
    rule was violated, or a rollback failed · 5 inconclusive · 124 time limit · 130 interrupted.
    """
    from simulator.cli.journals import default_path
    from simulator.cli.presenters import presenter
    from simulator.cli.sources import BundleOptions, resolve
    from simulator.control.exits import exit_code

    if speed is not None and (fleet is not FleetName.VIRTUAL or speed <= 0):
        raise UsageError("--speed takes a number above 0, with --fleet virtual; Docker plays in real time")
    if stay and fleet is FleetName.VIRTUAL and speed is None:
        raise UsageError("--stay goes with a run that takes real time: --fleet docker, or --speed 1")
    _writable(junit, report)
    source = resolve(scenario, BundleOptions(hosts, strategy, config, running, port, path, interval))
    name = source.scenario.name
    limit_ms = _limit_ms(time_limit)
    settings = _Settings(fleet, seed, journal or default_path(name, fleet, seed), limit_ms, speed, strict, stay)
    title = f"{name} · {fleet} fleet · seed {seed}"
    shown = presenter(output, title, pace=settings.pace, quiet=quiet, every=verbose, prepares=fleet is FleetName.DOCKER)
    with _posted(source.scenario, settings) as post:
        with shown.showing():
            observers = shown.observers if post is None else (*shown.observers, post)
            result = _play(source, settings, shown, observers)
        if post is not None:
            result = post.settle(result, tell, quiet=quiet or output is not RunOutput.TEXT)
    shown.finish(result, settings.journal)
    written = _write_files(result, settings.journal, junit, report)
    raise typer.Exit(exit_code(result) or int(not written))


def _posted(scenario: Scenario, settings: _Settings) -> AbstractContextManager[Post | None]:
    """What delivers the run's notifications, where a group has somebody to notify."""
    if not scenario.subscribed():
        return nullcontext()
    from simulator.control.notifications import Post

    mark = secrets.token_hex(4)  # the run's own: its seed gives every run of a scenario the same ids
    return Post(scenario, settings.journal, virtual=settings.fleet is FleetName.VIRTUAL, mark=mark)


def _play(source: Source, settings: _Settings, shown: Presenter, observers: Sequence[Observer]) -> RunResult:
    """Play it; whoever wants to may speak to it, if it takes the time for that."""
    if settings.pace is None:
        return _drive(source, settings, observers, None)
    from simulator.cli.operated import operated

    with operated(
        source.scenario,
        fleet=settings.fleet.value,
        seed=settings.seed,
        stay=settings.stay,
        ask=shown.ask,
        journal=settings.journal,
    ) as run:
        result = _drive(source, settings, observers, run.operations)
        run.finish(result)
    return result


def _drive(
    source: Source, settings: _Settings, observers: Sequence[Observer], operations: Operations | None
) -> RunResult:
    options = ["--seed", str(settings.seed)]
    if settings.fleet is not FleetName.VIRTUAL:
        options += ["--fleet", settings.fleet.value]
    if settings.strict:
        options.append("--strict")
    replay = source.command("run", *options)
    if settings.fleet is FleetName.VIRTUAL:
        from simulator.control.rehearse import virtual

        return virtual(
            source.scenario,
            seed=settings.seed,
            scenario_sha256=source.sha256,
            replay=replay,
            journal=settings.journal,
            observers=observers,
            time_limit_ms=settings.time_limit_ms,
            speed=settings.speed,
            strict=settings.strict,
            operations=operations,
        )
    from simulator.api.host_commands import HostCommandEndpoint
    from simulator.control.controller import docker

    return docker(
        source.scenario,
        commands=HostCommandEndpoint(),
        seed=settings.seed,
        scenario_sha256=source.sha256,
        replay=replay,
        journal=settings.journal,
        observers=observers,
        time_limit_ms=settings.time_limit_ms,
        strict=settings.strict,
        operations=operations,
    )


def _limit_ms(text: str | None) -> int | None:
    if text is None:
        return None
    from scenarios.model import duration_ms

    try:
        limit = duration_ms(text)
    except ValueError as error:
        raise UsageError(f"--time-limit {text}: {error}") from error
    assert isinstance(limit, int), "duration_ms gives milliseconds, or raises"
    return limit


def _writable(*paths: Path | None) -> None:
    """Refuse before the run what could not be written after it: by opening it for writing, which changes nothing."""
    for path in paths:
        if path is None:
            continue
        if path.is_dir() or not path.parent.is_dir():
            found = "is a directory" if path.is_dir() else f"there is no directory {path.parent}"
            raise UsageError(f"{path} cannot be written: {found}; name a file in a directory that exists")
        there = os.path.lexists(path)
        try:
            path.open("ab").close()
            if not there:
                path.unlink()
        except OSError as error:
            raise UsageError(f"{path} cannot be written: {error.strerror}; name another file") from error


def _write_files(result: RunResult, journal: Path | None, junit: Path | None, report: Path | None) -> bool:
    """Write what was asked for. False: something could not be written after all, which is told."""
    texts: list[tuple[Path, str]] = []
    if junit is not None:
        from simulator.report.junit import junit as as_junit

        texts.append((junit, as_junit(result, journal)))
    if report is not None:
        from simulator.report.html import html

        texts.append((report, html(result, journal)))
    written = True
    for path, text in texts:
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            tell(f"error: the run came to its end, but {path} could not be written: {error.strerror}")
            written = False
    return written
