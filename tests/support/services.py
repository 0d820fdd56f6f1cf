"""Rehearsals on ECS and Lambda from a few words, on the virtual fleet."""

from __future__ import annotations

from typing import Any

from scenarios.model import Scenario
from tests.support import rehearsals
from tests.support.rehearsals import BUNDLES

BALANCER = {
    "health_check": {"path": "/health.html", "interval": "500ms", "timeout": "400ms", "rise": 2, "fall": 2},
    "draining": "1s",
}
TASK = {"command": ["python3", "server.py", "8080", "site"]}


def revision(name: str, **behaves: Any) -> dict[str, Any]:
    """A revision of the library's; `behaves`: what it answers."""
    return {"bundle": str(BUNDLES / name), "task": TASK, "behaves": {"answers": behaves.get("answers", {})}}


def ecs(**parts: Any) -> Scenario:
    """A service of two tasks goes from v1 to v2, a tenth first, unless the parts say otherwise."""
    group = {
        "compute_platform": "ECS",
        "deployment_config": {"canary": {"percent": 10, "every": "5s"}},
        "auto_rollback": ["DEPLOYMENT_FAILURE"],
        **parts.pop("group", {}),
    }
    base = {
        "fleet": {"hosts": 2, "running": "v1"},
        "balancer": BALANCER,
        "revisions": {"v1": revision("ecs-v1"), "v2": revision("ecs-v2")},
        "functions": {"visit-test-traffic": {}, "say-all-is-well": {}},
        "group": group,
        "limits": {"start": "10s", "event": "20s"},
    }
    return rehearsals.scenario(**{**base, **parts})


def aws_lambda(**parts: Any) -> Scenario:
    """A function goes from version 1 to version 2, in halves, unless the parts say otherwise."""
    group = {
        "compute_platform": "Lambda",
        "deployment_config": {"linear": {"percent": 50, "every": "5s"}},
        "auto_rollback": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM"],
        **parts.pop("group", {}),
    }
    base = {
        "application": "greeting",
        "fleet": {"hosts": 1, "running": "v1"},
        "balancer": BALANCER,
        "revisions": {"v1": str(BUNDLES / "lambda-v1"), "v2": str(BUNDLES / "lambda-v2")},
        "functions": {"say-all-is-well": {}},
        "group": group,
        "limits": {"start": "10s", "event": "20s"},
    }
    return rehearsals.scenario(**{**base, **parts})
