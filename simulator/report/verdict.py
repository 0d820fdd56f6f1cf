"""The verdict, for a person: what happened, why, what it cost, what was expected; and the line that replays it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from simulator.control.result import Finding, RunResult, RunStatus
from simulator.report import words
from simulator.report.causes import Cause, alike, causes, rule
from simulator.report.hosts import counted
from simulator.report.stages import passed, said
from simulator.rollout.host import NEVER
from simulator.rollout.statuses import Creator, DeploymentStatus
from strategies.plan import Shift

if TYPE_CHECKING:
    from pathlib import Path

    from simulator.rollout.machine import Rollout

CAUSES_MAX: Final = 5
"""So many causes of one deployment are shown; the others are counted."""

STAGES_MAX: Final = 12
"""So many stages of one deployment are named; the others are counted."""

Line = tuple[int, Text]
"""A line and its indent."""


def verdict(result: RunResult, *, journal: Path | None = None, every: bool = False) -> Iterator[Line]:
    """The lines of the verdict. `journal`: where it was kept. `every`: also the invariants that held, one by one."""
    sign, sentence = words.headline(result)
    name = f"{result.scenario.name} ({result.fleet} fleet, seed {result.seed}): "
    yield 0, Text.assemble(_signed(sign), " ", (name + sentence, "bold"))
    yield from _section("What happened", _history(result))
    yield from _section("Why", _reasons(result))
    yield from _section("What it cost", _cost(result))
    if result.status is RunStatus.COMPLETED:
        yield from _section("Expected", _findings(result.expectations, "expectation", every))
    elif result.expectations:
        unjudged = f"{words.SKIPPED} what was expected is not judged: the run did not come to its end"
        yield from _section("Expected", [(2, Text(unjudged, style="dim"))])
    yield from _section("Safe", _findings(result.invariants, "safety rule", every))
    yield from _section(
        "Worth knowing", ((2, Text(f"{words.WARNING} {flag}", style="yellow")) for flag in result.flags)
    )
    yield 0, Text()
    if journal is not None:
        yield 0, Text.assemble(("journal: ", "dim"), str(journal), no_wrap=True)
    if result.by_hand:
        yield 0, Text(words.BY_HAND, style="dim")
    how, command = words.again(result, journal)
    yield 0, Text.assemble((f"{how}: ", "dim"), command, no_wrap=True)


def print_verdict(console: Console, lines: Iterable[Line]) -> None:
    """Print it: wrapped under its own indent on a terminal, a line a line anywhere else.

    Lines that may not be wrapped are never broken: paths and commands are there to be copied.
    """
    for indent, text in lines:
        text.plain = words.printable(text.plain)
        if console.is_terminal and text.plain and not text.no_wrap:
            console.print(Padding(text, (0, 0, 0, indent), expand=False), highlight=False)
        else:
            console.print(Text(" " * indent).append_text(text), highlight=False, soft_wrap=True)


def _section(title: str, lines: Iterable[Line]) -> Iterator[Line]:
    first = True
    for line in lines:
        if first:
            yield 0, Text()
            yield 0, Text(title, style="bold")
            first = False
        yield line


def _signed(sign: str) -> tuple[str, str]:
    return sign, words.STYLES.get(sign, "")


def _history(result: RunResult) -> Iterator[Line]:
    """Every deployment; among those of several groups each with its group's name."""
    several = len(result.scenario.all_groups) > 1
    for rollout in result.rollouts:
        yield from _told(rollout, result.duration_ms, several=several)
    for sign, name, revision, passage in words.passages(result):
        yield 2, Text.assemble(_signed(sign), f" {name}  ", (revision, "magenta"), f"  {passage}")
    for event in result.not_created:
        sign = words.WAITING if event.queued else words.FAILED
        yield 2, Text.assemble(_signed(sign), f" {words.clock(event.at_ms)} {words.not_created(event)}")


def _told(rollout: Rollout, now_ms: int, *, several: bool) -> Iterator[Line]:
    yield _happened(rollout, several=several)
    began = passed(rollout)
    if len(rollout.stages) > 1 and began:
        lasting = [one for one in began if not (isinstance(one.stage, Shift) and one.ended_ms == one.began_ms)]
        shown = [f"{stage.stage.name} {stage.lasted(now_ms)}" for stage in lasting[:STAGES_MAX]]
        if len(lasting) > STAGES_MAX:
            shown.append(f"{len(lasting) - STAGES_MAX} more")
        left = len(rollout.stages) - len(began)
        never = f"; {words.count(left, 'stage')} never began" if left else ""
        yield 4, Text(f"stages: {', '.join(shown)}{never}", style="dim")
    for heard in said(rollout):
        yield 4, Text.assemble(_signed(heard.sign), f" {words.clock(heard.at_ms)} ", str(heard))


def _happened(rollout: Rollout, *, several: bool) -> Line:
    deployment = rollout.deployment
    hosts = f": {told}" if (told := counted(rollout)) else ""
    lasted = "" if rollout.ended_ms == NEVER else f" after {words.took(rollout.ended_ms - rollout.started_ms)}"
    how = f"{deployment.strategy}, {deployment.config.name}"
    by_itself = deployment.creator is Creator.ROLLBACK
    if deployment.description and not by_itself:
        how += f"; {deployment.description}"
    if by_itself:
        how = f"rollback of {deployment.rollback_of}"
    return 2, Text.assemble(
        _signed(words.SIGNS[rollout.status]),
        f" {deployment.deployment_id}  {f'{deployment.group}  ' * several}",
        (deployment.revision, "magenta"),
        f"  {rollout.status}{lasted}{hosts}",
        (f"  ({how})", "dim"),
    )


def _reasons(result: RunResult) -> Iterator[Line]:
    for rollouts in alike(result.rollouts):
        rollout, found = rollouts[0], causes(*rollouts)
        if rollout.status is DeploymentStatus.SUCCEEDED and not found:
            continue
        ended = [*_error(rollouts, found)]
        if rollout.status is DeploymentStatus.STOPPED:  # whoever stopped it is the cause, of failed hosts, too
            yield from ended
        for cause in found[:CAUSES_MAX]:
            yield 2, Text.assemble(_signed(words.FAILED), f" {cause}")
            if cause.log:
                of = f"{cause.script} on {cause.hosts[0]}" if cause.script else cause.hosts[0]
                yield 4, Text(f"the end of what {of} wrote:", style="dim")
                yield from ((4, Text(f"│ {line}", style="dim")) for line in cause.log)
        if len(found) > CAUSES_MAX:
            yield 2, Text(f"… and {words.count(len(found) - CAUSES_MAX, 'other cause')}", style="dim")
        if rollout.status is not DeploymentStatus.STOPPED:
            yield from ended


def _error(rollouts: Sequence[Rollout], told: Sequence[Cause]) -> Iterator[Line]:
    """The error of deployments that are alike, without what was `told` already."""
    error = rollouts[0].error
    if error is not None:
        message = rule(error, told=bool(told))
        why = error.code if message in map(str, told) else f"{error.code}: {message}"
        who = words.named([rollout.deployment_id for rollout in rollouts])
        yield 2, Text.assemble(_signed(words.SIGNS[rollouts[0].status]), f" {who}: {why}")


def _cost(result: RunResult) -> Iterator[Line]:
    traffic = result.traffic
    if traffic is not None and traffic.availability is not None:
        yield 2, Text(f"availability   {words.percent(traffic.availability)}: {words.requests(traffic)}")
    if (service := words.in_service(result)) is not None:
        yield 2, Text(f"in service     {service}")
    if (nobody := words.nobody_yet(result)) is not None:
        yield 2, Text(f"at first       {nobody}")
    virtual = " of virtual time" if result.fleet == "virtual" else ""
    yield 2, Text(f"time           {words.took(result.duration_ms)}{virtual}, {words.count(result.events, 'event')}")


def _findings(findings: Sequence[Finding], noun: str, every: bool) -> Iterator[Line]:
    """Those that did not hold, each with its reason; those that did are counted, unless `every` one is wanted."""
    for finding in findings:
        if every or not finding.held:
            sign = words.SUCCEEDED if finding.held else words.FAILED
            yield 2, Text.assemble(_signed(sign), f" {finding.name}", (f"  {finding.why}", "dim"))
    held = sum(finding.held for finding in findings)
    if held and not every:
        yield 2, Text.assemble(_signed(words.SUCCEEDED), f" {words.count(held, noun)} held")
