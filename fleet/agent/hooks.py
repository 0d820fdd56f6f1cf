"""The script events: whose scripts run, with what around them, and how their ends are reported.

Rules and codes are the open-source agent's (aws-codedeploy-agent, hook_executor.rb).
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from fleet.agent import messages
from fleet.agent.appspec import SCRIPT_EVENTS, AppSpec, Script, load
from fleet.agent.errors import AgentError, Code, ScriptFailure
from fleet.agent.layout import Layout, Place
from fleet.agent.script_log import ScriptLog, open_log
from fleet.agent.script_process import Outcome, command_line, run
from fleet.agent.specification import Specification

HOST_OS = "linux"
_FIRST_LINE_BYTES = 256

_LAST_SUCCESSFUL = "last successful"
_MOST_RECENT = "most recent"
_CURRENT = "current"
_REVISIONS = dict.fromkeys(SCRIPT_EVENTS, _CURRENT) | dict.fromkeys(
    ("BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop"), _LAST_SUCCESSFUL
)
_REVISIONS_OF_ROLLBACK = (
    _REVISIONS
    | dict.fromkeys(("BeforeBlockTraffic", "AfterBlockTraffic"), _MOST_RECENT)
    | dict.fromkeys(("BeforeAllowTraffic", "AfterAllowTraffic"), _LAST_SUCCESSFUL)
)


def scripts_place(event: str, spec: Specification, layout: Layout) -> Place | None:
    """The deployment whose scripts run for ``event``; None where there is none yet, and nothing runs.

    The events before DownloadBundle are the previous revision's, as long as the current one is not
    unpacked; in the rollback of a blue/green deployment so are those around AllowTraffic, and those around
    BlockTraffic are those of the revision that was downloaded last.
    """
    is_rollback = spec.creator == "codeDeployRollback" and spec.deployment_type == "BLUE_GREEN"
    revision = (_REVISIONS_OF_ROLLBACK if is_rollback else _REVISIONS)[event]
    current = layout.place(spec.group_id, spec.deployment_id)
    if revision == _CURRENT or current.archive.exists():
        return current
    root = layout.last_successful(spec.group_id) if revision == _LAST_SUCCESSFUL else layout.most_recent(spec.group_id)
    return Place(root) if root else None


def read_appspec(place: Place, name: str) -> AppSpec:
    """Read the AppSpec of an unpacked bundle.

    Raises AgentError where it is not there, AppSpecError where it is wrong.
    """
    file = place.archive / name
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AgentError(_missing(place, name)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise AgentError(f"the AppSpec file {file} cannot be read: {error}") from error
    return load(text, name=name, host_os=HOST_OS)


def _missing(place: Place, name: str) -> str:
    if not place.archive.is_dir():
        return f"the AppSpec file `{name}` is not there: its revision is no longer unpacked at {place.archive}"
    names = sorted(entry.name for entry in place.archive.iterdir())
    nested = sorted(str(path.relative_to(place.archive)) for path in place.archive.glob(f"*/{name}"))
    return messages.appspec_missing(name, str(place.archive / name), names, nested)


def is_noop(event: str, spec: Specification, layout: Layout) -> bool:
    """Whether ``event`` has no script to run. Raises what :func:`read_appspec` raises."""
    place = scripts_place(event, spec, layout)
    return place is None or not read_appspec(place, spec.appspec_name).scripts(event)


@dataclass(frozen=True, slots=True)
class HookRun:
    """One script event of one deployment on this host."""

    event: str
    spec: Specification
    layout: Layout
    deployments_log: bool = True

    def execute(self) -> None:
        """Run the scripts in order.

        Raises ScriptFailure at the first that fails, AgentError for anything else.
        """
        place = scripts_place(self.event, self.spec, self.layout)
        if place is None:
            return
        scripts = read_appspec(place, self.spec.appspec_name).scripts(self.event)
        if not scripts:
            return
        own = self.layout.place(self.spec.group_id, self.spec.deployment_id).scripts_log
        shared = self.layout.deployments_log if self.deployments_log else None
        with open_log(own, shared, self.spec.deployment_id) as log:
            log.write(f"LifecycleEvent - {self.event}")
            for script in scripts:
                self._run(script, place.archive, log)

    def environment(self) -> dict[str, str]:
        """The environment of a script: the agent's own, and what is being deployed."""
        added: dict[str, str | None] = {
            "LIFECYCLE_EVENT": self.event,
            "DEPLOYMENT_ID": self.spec.deployment_id,
            "APPLICATION_NAME": self.spec.application,
            "DEPLOYMENT_GROUP_NAME": self.spec.group_name,
            "DEPLOYMENT_GROUP_ID": self.spec.group_id,
            **self.spec.revision_environment(),
        }
        kept = {name: value for name, value in os.environ.items() if name not in added}
        return kept | {name: value for name, value in added.items() if value is not None}

    def _run(self, script: Script, archive: Path, log: ScriptLog) -> None:
        path = archive / script.location.lstrip("/")
        if not path.exists():
            raise ScriptFailure(
                Code.SCRIPT_MISSING,
                script.location,
                messages.script_missing(script.location, self.event, str(path), _elsewhere(path, archive)),
                log.tail,
            )
        self._make_executable(script, path, log)
        try:
            log.write(f"Script - {script.location}")
            command = command_line(path, script.runas, script.sudo)
            outcome = run(command, self.environment(), script.timeout_s, log.write)
        except OSError as error:
            reason = explain_start(path) or str(error)
            raise ScriptFailure(
                Code.SCRIPT_FAILED,
                script.location,
                messages.script_not_run(script.location, script.runas, reason),
                log.tail,
            ) from error
        self._judge(script, path, outcome, log)

    def _make_executable(self, script: Script, path: Path, log: ScriptLog) -> None:
        if os.access(path, os.X_OK):
            return
        try:
            path.chmod(stat.S_IMODE(path.stat().st_mode) | 0o111)
        except OSError as error:
            raise ScriptFailure(
                Code.SCRIPT_NOT_EXECUTABLE,
                script.location,
                f"the script {script.location} is not executable, and could not be made so: "
                f"{error}; set its mode in the bundle",
                log.tail,
            ) from error

    def _judge(self, script: Script, path: Path, outcome: Outcome, log: ScriptLog) -> None:
        called = script.location, script.runas
        if outcome.end == "timed out":
            message = messages.script_timed_out(*called, script.timeout_s)
            raise ScriptFailure(Code.SCRIPT_TIMED_OUT, script.location, message, log.tail)
        if outcome.end == "output left open":
            message = messages.output_left_open(*called, script.timeout_s, outcome.open_streams, outcome.holders)
            raise ScriptFailure(Code.OUTPUT_LEFT_OPEN, script.location, message, log.tail)
        if outcome.status != 0:
            reason = explain_start(path) if outcome.status in (126, 127) else None
            message = messages.script_failed(*called, outcome.status, reason)
            raise ScriptFailure(Code.SCRIPT_FAILED, script.location, message, log.tail)


def explain_start(path: Path) -> str | None:
    """Why the system would not start ``path``, as far as its first line tells; None if it does not."""
    if path.is_dir():
        return messages.IS_A_DIRECTORY
    try:
        with path.open("rb") as file:
            first = file.read(_FIRST_LINE_BYTES).split(b"\n", 1)[0]
    except OSError:
        return None
    if not first.startswith(b"#!"):
        return None
    interpreter = os.fsdecode(first[2:].strip().split(None, 1)[0]) if first[2:].strip() else ""
    if first.endswith(b"\r"):
        return (
            "its first line ends in a carriage return, so that the system looks for an "
            f"interpreter named `{interpreter}\\r`; "
            "save it with Unix line ends"
        )
    if interpreter and not Path(interpreter).exists():
        return f"its first line names the interpreter `{interpreter}`, which this host does not have"
    return None


def _elsewhere(path: Path, archive: Path) -> list[str]:
    return sorted(str(found.relative_to(archive)) for found in archive.rglob("*") if found.name == path.name)
