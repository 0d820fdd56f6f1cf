"""What is made for the documentation from the tables in the code, a function for each kind of block."""

from __future__ import annotations

import ast
import importlib
import inspect
import tempfile
from collections.abc import Callable
from dataclasses import fields
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, get_args, get_type_hints

from docs.machine import machine_diagram, machine_table
from docs.scenario_reference import scenario_reference
from docs.tables import table
from docs.transcripts import excerpt, output
from scenarios import library
from scenarios.incidents import INCIDENTS
from simulator.cli import VERBS, overview
from simulator.cli.app import function_of
from simulator.control import invariants, journal, rehearse
from simulator.rollout import lifecycle, statuses
from simulator.rollout.commands import COMMANDS
from simulator.rollout.events import EVENTS
from simulator.rollout.lifecycle import CARRIED_OUT_BY, CarriedOutBy
from strategies.configuration import PREDEFINED, PREDEFINED_ELSEWHERE

_SIZES = (1, 2, 3, 4, 5, 10, 100)


def first_paragraph(thing: object) -> str:
    """The first paragraph of a docstring, on one line."""
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


# -- lifecycle ------------------------------------------------------------------------------------------------------


def lifecycle_events() -> str:
    """Every lifecycle event of an in-place deployment: who does the work, and whose scripts run."""
    rows = []
    for number, event in enumerate(lifecycle.IN_PLACE_WITH_BALANCER, 1):
        by = CARRIED_OUT_BY[event]
        previous = event in lifecycle.FORGIVEN_WITH_APPLICATION_STOP
        scripts = (
            "" if by is not CarriedOutBy.SCRIPTS else "the previous revision's" if previous else "the new revision's"
        )
        always = "" if event in lifecycle.IN_PLACE else "only with a balancer"
        rows.append((str(number), f"`{event}`", f"the {by}" if by is not CarriedOutBy.SCRIPTS else "", scripts, always))
    return table(("", "Event", "Carried out by", "Runs scripts", ""), rows)


# -- tables of words ------------------------------------------------------------------------------------------------


def words(name: str) -> str:
    """The members of one of CodeDeploy's enumerations."""
    return ", ".join(f"`{member}`" for member in getattr(statuses, name))


def configurations() -> str:
    """The predefined configurations, and what each means for fleets of several sizes."""
    rows = []
    for config in PREDEFINED.values():
        minimum = config.minimum_healthy_hosts
        sizes = [f"{minimum.required(size)} / {max(size - minimum.required(size), 0)}" for size in _SIZES]
        rows.append((f"`{config.name}`", str(minimum), *sizes))
    return table(("Name", "Minimum", *(f"{size} host{'s' * (size != 1)}" for size in _SIZES)), rows)


def configurations_elsewhere() -> str:
    """The predefined configurations of Lambda and ECS, and what comes nearest to each on servers."""
    rows = [
        (f"`{config.name}`", str(config.routing), f"`{config.routing.strategy}`")
        for config in PREDEFINED_ELSEWHERE.values()
    ]
    return table(("Name", "Shifts", "On servers, the strategy"), rows)


def rules() -> str:
    """The invariants that are checked in every run."""
    return "\n".join(f"* {rule}" for rule in invariants._HELD)


def events() -> str:
    """The kinds of events in a journal."""
    return _kinds(EVENTS)


def commands() -> str:
    """The kinds of commands: the core's decisions."""
    return _kinds(COMMANDS)


def _kinds(kinds: dict[str, Any]) -> str:
    rows = [
        (f"`{name}`", ", ".join(f"`{field.name}`" for field in fields(kind)), first_paragraph(kind))
        for name, kind in kinds.items()
    ]
    return table(("Kind", "Fields", "Meaning"), rows)


_LIMITS = (
    "simulator.rollout.deployment:HOSTS_MAX",
    "scenarios.words:HOSTS_MAX",
    "scenarios.words:DEPLOYMENTS_MAX",
    "scenarios.words:FAULTS_MAX",
    "scenarios.words:DURATION_MAX_MS",
    "scenarios.loader:FILE_BYTES_MAX",
    "scenarios.bundle:APPSPEC_BYTES_MAX",
    "strategies.configuration:FLEET_PERCENT_MAX",
    "simulator.control.journal:JOURNAL_MAX_BYTES",
    "simulator.control.rehearse:STEPS_MAX",
    "simulator.cli.journals:KEPT_MAX",
    "simulator.rollout.story:STORY_EVENTS_MAX",
    "simulator.rollout.messages:FAILURES_NAMED_MAX",
    "simulator.rollout.events:LOG_TAIL_BYTES",
    "scenarios.notifications:TRIGGERS_MAX",
    "scenarios.notifications:TIMEOUT_MAX_MS",
    "scenarios.notifications:RETRY_FOR_MAX_MS",
    "simulator.control.notifications.outbox:WAITING_MAX",
    "simulator.control.notifications.outbox:FIRST_WAIT_S",
    "simulator.control.notifications.outbox:LONGEST_WAIT_S",
    "simulator.control.notifications.outbox:RETRY_AFTER_MAX_S",
    "simulator.control.notifications.post:BROKEN_OFF_S",
    "simulator.control.notifications.post:GRACE_S",
    "fleet.agent.archive:UNPACKED_MAX_BYTES",
    "fleet.agent.archive:MEMBERS_MAX",
    "fleet.agent.bundle:MAX_REVISIONS",
    "fleet.agent.loop:COMMANDS_MAX",
    "fleet.docker.refusals:HOSTS_MAX",
    "fleet.docker.fleet:UP_S",
    "fleet.balancer.haproxy_runtime:ANSWER_S",
    "fleet.balancer.haproxy_runtime:LOST_S",
    "fleet.docker.hosts:PIDS_MAX",
    "fleet.docker.traffic:PATIENCE_S",
)


def limits() -> str:
    """The bounds that are constants in the code."""
    rows = []
    for place in _LIMITS:
        module_name, _, name = place.partition(":")
        module = importlib.import_module(module_name)
        value = getattr(module, name)
        text = f"{value:,}" if isinstance(value, int | float) else str(value)
        rows.append((f"`{name}`", text, f"`{module_name}`", _docstring_of(module, name)))
    return table(("Constant", "Value", "Module", "Meaning"), rows)


def _docstring_of(module: ModuleType, name: str) -> str:
    """The string that stands below a constant."""
    body = ast.parse(inspect.getsource(module)).body
    for node, after in pairwise(body):
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        named = any(isinstance(target, ast.Name) and target.id == name for target in targets)
        if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            return " ".join(str(after.value.value).split())
    return ""


# -- the command line -----------------------------------------------------------------------------------------------


def verbs() -> str:
    """The table of verbs, with a link to the page of each."""
    return _verbs("")


def verbs_for_readme() -> str:
    """The same, as the README links it."""
    return _verbs("docs/reference/")


def _verbs(directory: str) -> str:
    rows = [
        (f"[`{f'{verb} {argument}'.strip()}`]({directory}verbs/{verb}.md)", does)
        for verb, (argument, does) in VERBS.items()
    ]
    return table(("Verb", "What it does"), rows)


class Parameter(NamedTuple):
    """An argument or an option of a verb. `names` is empty for an argument."""

    names: tuple[str, ...]
    value: str
    meaning: str
    left_out: str


def parameters(verb: str) -> list[Parameter]:
    """What a verb takes (`run`, or `image build`), from the signature of its function."""
    name, _, inner = verb.partition(" ")
    named = getattr(importlib.import_module(f"simulator.cli.{name}"), inner) if inner else function_of(name)
    function = inspect.unwrap(named)
    hints = get_type_hints(function, include_extras=True)
    return [_parameter(each, hints[each.name]) for each in inspect.signature(function).parameters.values()]


def _parameter(parameter: inspect.Parameter, hint: Any) -> Parameter:
    kind, info = get_args(hint)[:2]
    kind = next((each for each in get_args(kind) if each is not type(None)), kind)
    default = parameter.default
    left_out = "required" if default is inspect.Parameter.empty else ""
    if default is not inspect.Parameter.empty and default is not None and not isinstance(default, bool):
        left_out = f"`{default}`"
    if type(info).__name__ == "ArgumentInfo":
        return Parameter((), info.metavar or parameter.name.upper(), info.help, left_out)
    option = parameter.name.replace("_", "-")
    # In an Annotated hint, typer takes the first name for a default until it builds the command.
    first = (info.default,) if isinstance(info.default, str) and info.default.startswith("-") else ()
    usual = (f"--{option}", f"--no-{option}") if kind is bool else (f"--{option}",)
    names = (*first, *(info.param_decls or ())) or usual
    names = tuple(sorted(names, key=lambda each: each.startswith("--")))
    if kind is bool:
        value = ""
    elif issubclass(kind, StrEnum):
        value = "|".join(kind)
    else:
        value = info.metavar or {int: "N", float: "X"}.get(kind, "NAME")
    return Parameter(names, value, info.help, left_out)


def options(verb: str) -> str:
    """The arguments and options of a verb."""
    rows = [
        (
            ", ".join(f"`{name}`" for name in each.names) + f" `{each.value}`" * bool(each.value),
            each.meaning,
            each.left_out,
        )
        for each in parameters(verb)
    ]
    return table(("Name", "Meaning", "Left out"), rows) if rows else "None but `--help`."


def overview_text() -> str:
    """What `drydeploy --help` prints."""
    return f"```text\n{overview()}```"


# -- scenarios ------------------------------------------------------------------------------------------------------


def library_list() -> str:
    """The library, by what becomes of the deployment."""
    parts = []
    for heading, found in library.by_outcome():
        parts.append(
            f"**{heading}**\n\n" + table(("Scenario", "What happens"), [(f"`{s.name}`", s.title) for s in found])
        )
    return "\n\n".join(parts)


def library_pages() -> str:
    """The library, with what each scenario teaches and where it happened."""
    parts = []
    for scenario in library.all():
        about = " ".join(scenario.about.split())
        where = "".join(f"\n* {source}" for source in scenario.source)
        parts.append(
            f"## {scenario.name}\n\n**{scenario.title}.** {about}" + (f"\n\nSeen at:\n{where}" if where else "")
        )
    return "\n\n".join(parts)


def incidents() -> str:
    """The failures that people had, and for each the scenarios that play it, with words of their verdicts."""
    rows = []
    for incident in INCIDENTS:
        where = ", ".join(f"[{number}]({source})" for number, source in enumerate(incident.sources, start=1))
        what = f"{incident.what} ({where})"
        for name, words in incident.plays.items():
            rows.append((what, f"[`{name}`](library.md#{name})", "<br>".join(f"“{each}”" for each in words)))
            what = ""
    return table(("What happened", "Play it", "What its verdict says"), rows)


def scenario_file(name: str) -> str:
    """The text of a scenario of the library."""
    return f"```yaml\n{library.path_of(name).read_text(encoding='utf-8')}```"


def journal_head(name: str) -> str:
    """The kinds of the first lines of a run's journal."""
    scenario = next(s for s in library.all() if s.name == name)
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "journal"
        rehearse.virtual(scenario, seed=7, scenario_sha256="…", replay=f"drydeploy run {name} --seed 7", journal=path)
        _, happened = journal.read(path)
        shown = [next(happened) for _ in range(4)][1:]
        lines = path.read_text(encoding="utf-8").splitlines()[2 : 2 + len(shown)]
    return "\n".join(["```json", *lines, "```"])


BLOCKS: dict[str, Callable[..., str]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        lifecycle_events,
        machine_diagram,
        machine_table,
        words,
        configurations,
        configurations_elsewhere,
        rules,
        events,
        commands,
        limits,
        verbs,
        verbs_for_readme,
        options,
        overview_text,
        output,
        excerpt,
        library_list,
        library_pages,
        incidents,
        scenario_file,
        scenario_reference,
        journal_head,
    )
}
"""The function that makes a block, by the block's name in a page."""
