"""The Install event: clean up after the group's previous deployment, plan, write the plan down, carry it out.

The order is the open-source agent's (aws-codedeploy-agent, installer.rb and command_executor.rb): because
the clean-up comes first, the files of the previous deployment never conflict, and after a conflict they
are gone all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from fleet.agent import messages
from fleet.agent.apply import carry_out
from fleet.agent.appspec_model import SCRIPT_EVENTS, SERVICE_EVENTS, AppSpec
from fleet.agent.cleanup import clean_up
from fleet.agent.errors import AgentError
from fleet.agent.instructions import Instructions
from fleet.agent.layout import Layout, Place
from fleet.agent.plan import plan_install
from fleet.agent.tree import DiskTree

__all__ = ["check_events", "install", "plan_install"]


def install(appspec: AppSpec, place: Place, layout: Layout, group: str, behaviour: str) -> Instructions:
    """Install the archive of ``place``; ``behaviour`` is the deployment's option for files that exist.

    Raises AgentError. A failure while planning leaves the host without the previous deployment's files and
    without the new ones; a failure later leaves those that were copied, listed in the clean-up file.
    """
    layout.instructions.mkdir(parents=True, exist_ok=True)
    cleanup_file = layout.cleanup_file(group)
    removed = clean_up(cleanup_file) if cleanup_file.exists() else ()
    try:
        plan = plan_install(
            appspec,
            DiskTree(place.archive),
            os.path.exists,
            behaviour,
            is_directory=os.path.isdir,
            archive=str(place.archive),
        )
    except AgentError as error:
        if removed:
            raise AgentError(messages.stripped(str(error))) from error
        raise
    layout.install_file(group).write_text(plan.to_json(), encoding="utf-8")
    _carry_out(plan, cleanup_file)
    layout.mark_last_successful(group, place)
    return plan


def _carry_out(plan: Instructions, cleanup_file: Path) -> None:
    with cleanup_file.open("wb", buffering=0) as file:
        for step in plan.steps:
            carry_out(step, lambda line: _append(file.fileno(), line))


def _append(descriptor: int, line: str) -> None:
    os.write(descriptor, os.fsencode(line) + b"\n")


def check_events(appspec: AppSpec, possible: Iterable[str] | None, name: str) -> None:
    """Compare the AppSpec's hooks with the events that the deployment knows, where the specification lists
    them.

    Raises AgentError for a hook that is none of them, and for an event of the deployment's own that has no
    hook.
    """
    if possible is None:
        return
    allowed = set(possible)
    strangers = [event for event in dict.fromkeys((*appspec.hooks, *SCRIPT_EVENTS)) if event not in allowed]
    if strangers:
        raise AgentError(
            f"{name} or the agent knows lifecycle events that this deployment does not: "
            f"{', '.join(strangers)}; "
            f"it has {', '.join(sorted(allowed))}"
        )
    usual = {*SCRIPT_EVENTS, *SERVICE_EVENTS, *appspec.hooks}
    missing = sorted(allowed - usual)
    if missing:
        raise AgentError(f"{name} has no hook for lifecycle events of this deployment: {', '.join(missing)}")
