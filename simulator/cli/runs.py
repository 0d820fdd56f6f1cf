"""What a user means by RUN, and what is told of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from simulator.cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulator.control import operator_words as words
    from simulator.control.operator_client import Found

RunArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[RUN]",
        help="A run's id or the beginning of it, its scenario's name, or the id of one of its deployments. Left out: "
        "the only one that goes on.",
        show_default=False,
    ),
]
GroupOption = Annotated[
    str | None,
    typer.Option(
        "--group",
        metavar="NAME",
        help="To this group's deployment. Left out: to the newest under way.",
        show_default=False,
    ),
]

_NONE = (
    "no run goes on that could be operated. One that takes time can be: drydeploy run SCENARIO --fleet docker, "
    "or with --speed 1"
)


def find(word: str | None) -> Found:
    """The one run that `word` means. Raises UsageError where there is none, or more than one."""
    from simulator.control.operator_client import all_runs
    from simulator.control.operator_runs import ended

    going = all_runs()
    if not going:
        raise UsageError((ended(word) if word else None) or _NONE)
    if word is None:
        meant = going
    else:
        meant = [each for each in going if each.id == word]
        meant = meant or [each for each in going if each.run is not None and each.run.scenario == word]
        meant = meant or [each for each in going if _deployment_of(each, word) is not None]
        meant = meant or [each for each in going if each.id.startswith(word)]
    if len(meant) == 1:
        return meant[0]
    listed = "; ".join(f"{each.id} ({each.run.scenario if each.run else 'does not answer'})" for each in meant or going)
    if not meant:
        told = ended(word) if word else None
        raise UsageError(f"{told or f'there is no run {word}'}; what goes on: {listed}")
    raise UsageError(f"{'more than one run goes on' if word is None else f'{word} may be'}: name one: {listed}")


def _deployment_of(found: Found, word: str) -> words.Deployment | None:
    """The deployment of a run that is called so; None where there is none."""
    deployments = found.run.deployments if found.run is not None else []
    return next((each for each in deployments if each.deployment_id == word), None)


def group_of(found: Found, run: str | None, word: words.Word, group: str | None) -> str | None:
    """The group that is spoken to: that of the deployment by which RUN was named, or what `--group` says.

    Raises UsageError where the two differ, or where that deployment has ended and cannot hear a word.
    """
    meant = _deployment_of(found, run) if run is not None else None
    if meant is None:
        return group
    if group not in (None, meant.group):
        raise UsageError(f"{run} is a deployment of {meant.group}, and not of {group}")
    if meant.status in ENDED and word not in ("retry", "undo", "end"):
        raise UsageError(f"{run} has ended, {meant.status}; the run is {found.id}")
    return meant.group if word != "end" else None


ENDED = frozenset({"Succeeded", "Failed", "Stopped"})
"""The statuses of a deployment that has ended."""


def described(found: Found) -> words.Run:
    """How it stands. Raises UsageError where it does not answer."""
    if found.run is None:
        raise UsageError(f"the run {found.id} does not answer; was it stopped by Ctrl-Z?")
    return found.run


def picture(run: words.Run) -> Iterator[str]:
    """A run in lines for a person."""
    from simulator.report.words import required, took

    yield f"{run.run} · {run.scenario} · {run.fleet} fleet · seed {run.seed} · {_state(run, took(run.at_ms))}"
    several = len({deployment.group for deployment in run.deployments}) > 1
    for deployment in run.deployments:
        yield from _deployment(deployment, run.run, several=several)
    for gate in run.gates:
        yield f"the gate before {gate} waits for somebody's yes"
        yield f"  answer: drydeploy continue {run.run} --group {gate}, or drydeploy stop {run.run} --group {gate}"
    if (service := run.in_service) is not None:
        yield f"in service {service.now:,} of {service.hosts:,}, {required(service.required)}"
    if run.possible:
        yield f"possible: {', '.join(_TYPED.get(word, word) for word in run.possible)}"


def _state(run: words.Run, lasted: str) -> str:
    """While its hosts are prepared, a run has no time of its own yet."""
    told = {
        "preparing": "preparing its hosts",
        "running": f"for {lasted}",
        "staying": f"its deployments have ended, for {lasted}",
    }
    return told.get(run.state, f"{run.state} {lasted}")


def _deployment(deployment: words.Deployment, run: str, *, several: bool) -> Iterator[str]:
    from simulator.report.words import SIGNS, WAITING, count

    held = ", paused" if deployment.paused else ""
    sign = SIGNS.get(deployment.status, WAITING)
    how = f"({deployment.strategy}, {deployment.deployment_config}, created by {deployment.creator})"
    group = f" {deployment.group}" * several
    yield f"{sign} {deployment.deployment_id}{group} {deployment.revision} {deployment.status}{held} {how}"
    if deployment.error:
        yield f"  {deployment.error}"
    if (stage := deployment.stage) is not None and deployment.status not in ENDED:
        yield f"  stage {stage.number} of {stage.of}: {stage.words}"
    if deployment.waits_for is not None:
        yield f"  waits: {waits(deployment.waits_for)}"
        if deployment.waits_for.kind == "approval":
            to = f" --group {deployment.group}" * several
            says = f"; {deployment.waits_for.scripted}" if deployment.waits_for.scripted else ""
            yield f"  answer: drydeploy continue {run}{to}, or drydeploy abort {run}{to}{says}"
    yield f"  {count(sum(deployment.hosts.values()), 'host')}: " + ", ".join(
        f"{number:,} {status}" for status, number in deployment.hosts.items()
    )


_TYPED = {"promote-full": "promote --full"}
"""Words that are typed otherwise than they are said."""
_WAITS = {
    "approval": "for a person's yes",
    "bake": "in its bake",
    "analysis": "for its analysis",
    "termination": "to terminate the old hosts",
}


def waits(wait: words.Wait) -> str:
    """What a deployment waits for, in a phrase."""
    from simulator.report.words import took

    what = _WAITS.get(wait.kind, "for resume")
    return what if wait.left_ms is None else f"{what}, {took(wait.left_ms)} left"


def columns(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as lines, their columns aligned."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
