"""Scenarios with a pool, in few words."""

from __future__ import annotations

from typing import Any

from simulator.control.result import RunResult
from tests.support.rehearsals import scenario

BLUE_GREEN = {
    "strategy": {"blue-green": {"deployment_ready": {"action_on_timeout": "STOP_DEPLOYMENT", "wait_time": "1h"}}},
    "deployment_config": "CodeDeployDefault.AllAtOnce",
    "auto_rollback": ["DEPLOYMENT_FAILURE"],
}
"""A group whose deployments wait at Ready for a word, and roll back where they fail."""


def pools(**parts: Any) -> Any:
    """A pool of three hosts that run v1, and v2 to be deployed to them."""
    pool = {"min": 1, "desired": 3, "max": 6, "image": {"boots": "2s"}, **parts.pop("pool", {})}
    if "groups" not in parts:
        parts["group"] = {"pools": ["web"], "running": "v1", **parts.get("group", {})}
    return scenario(**{"fleet": None, "pools": {"web": pool}, "group": None, **parts})


def change(when: Any, **what: Any) -> dict[str, Any]:
    """Somebody does this with the pool then."""
    return {"when": when, "do": {"pool": {"name": "web", **what}}}


def told(result: RunResult) -> list[tuple[str, str, str]]:
    """Every deployment of a run: who asked for it, what it brought, how it ended."""
    return [(r.deployment.creator.value, r.deployment.revision, r.status.value) for r in result.rollouts]
