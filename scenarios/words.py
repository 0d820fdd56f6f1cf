"""What the scenario format is made of: durations, names, lifecycle events, and the base of the models."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

HOSTS_MAX: Final = 1_000_000
DEPLOYMENTS_MAX: Final = 100
FAULTS_MAX: Final = 100
GROUPS_MAX: Final = 100
HOST_NAME: Final = r"^[a-zA-Z0-9]([a-zA-Z0-9_-]{0,61}[a-zA-Z0-9])?$"
RESOURCE_NAME: Final = r"^[A-Za-z0-9+=,.@_-]{1,100}$"
"""CodeDeploy's own rule for the names of applications, groups and configurations."""
FLEET_PERCENT_MAX: Final = 99
NO_REVISION: Final = "none"
"""What a scenario calls the revision of a host that carries none; no revision may have this name."""

LifecycleEvent = Literal[
    "BeforeBlockTraffic",
    "BlockTraffic",
    "AfterBlockTraffic",
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
    "BeforeAllowTraffic",
    "AllowTraffic",
    "AfterAllowTraffic",
    "AllowTestTraffic",
    "AfterAllowTestTraffic",
]
DeploymentStatus = Literal["InProgress", "Ready", "Baking", "Succeeded", "Failed", "Stopped"]
ErrorCode = Literal[
    "ALARM_ACTIVE",
    "CUSTOMER_APPLICATION_UNHEALTHY",
    "ECS_UPDATE_ERROR",
    "HEALTH_CONSTRAINTS",
    "HEALTH_CONSTRAINTS_INVALID",
    "HOOK_EXECUTION_FAILURE",
    "INTERNAL_ERROR",
    "INVALID_ECS_SERVICE",
    "INVALID_LAMBDA_CONFIGURATION",
    "INVALID_LAMBDA_FUNCTION",
    "INVALID_REVISION",
    "MANUAL_STOP",
    "NO_INSTANCES",
    "TIMEOUT",
]
Trigger = Literal[
    "DeploymentStart",
    "DeploymentSuccess",
    "DeploymentFailure",
    "DeploymentStop",
    "DeploymentRollback",
    "DeploymentReady",
    "InstanceStart",
    "InstanceSuccess",
    "InstanceFailure",
    "InstanceReady",
]

_UNITS_MS: Final = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000}
DURATION_PATTERN: Final = r"^(\d+(?:\.\d+)?)(ms|s|m|h)$"
_DURATION: Final = re.compile(DURATION_PATTERN)
DURATION_MAX_MS: Final = 30 * 24 * 3_600_000
"""Thirty days: more is a slip of the keyboard."""


class RuleError(ValueError):
    """A rule that spans several keys is broken. The loader finds these by itself, at a better place."""


def duration_ms(value: object) -> object:
    """`"1500ms"`, `"10s"`, `"5m"`, `"1h"` as integer milliseconds. A number without a unit is refused."""
    if isinstance(value, str) and (match := _DURATION.match(value.strip())):
        result = round(float(match[1]) * _UNITS_MS[match[2]])
        if result > DURATION_MAX_MS:
            raise ValueError(f"expected a duration of at most 720h, found {value}: write at most 720h")
        return result
    raise ValueError(f"expected a duration such as 1500ms, 10s, 5m or 1h, found {_found(value)}" + _unit_hint(value))


def _found(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else "something else"


def _unit_hint(value: object) -> str:
    """What the writer probably meant, where a number stands without a unit that we know."""
    if isinstance(value, bool):
        return ""
    number = str(value) if isinstance(value, int | float) else None
    if isinstance(value, str) and (match := re.match(r"^\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*$", value)):
        unit = match[2].lower()
        guess = "ms" if unit.startswith(("ms", "milli")) else unit[:1] if unit[:1] in ("s", "m", "h") else "s"
        return f": write {match[1]}{guess}"
    return f": write {number}s" if number is not None else ""


def duration_text(value_ms: int) -> str:
    """Milliseconds as a scenario writes them, in the largest unit that divides them: `30000` is `30s`."""
    for unit in ("h", "m", "s"):
        if value_ms and value_ms % _UNITS_MS[unit] == 0:
            return f"{value_ms // _UNITS_MS[unit]}{unit}"
    return f"{value_ms}ms"


_AS_WRITTEN = PlainSerializer(lambda ms: f"{ms}ms", return_type=str, when_used="json")
"""A scenario that is written out can be read again."""

Duration = Annotated[
    int,
    BeforeValidator(duration_ms, json_schema_input_type=str),
    _AS_WRITTEN,
    Field(json_schema_extra={"pattern": DURATION_PATTERN, "examples": ["10s", "5m"]}),
]
"""Milliseconds, written with a unit."""


def some_time_ms(value: object) -> object:
    """As `duration_ms`, but not nothing: a check every 0s would never let time go on."""
    if (result := duration_ms(value)) == 0:
        raise ValueError(f"expected some time, found {value}: write at least 1ms")
    return result


SomeTime = Annotated[
    int,
    BeforeValidator(some_time_ms, json_schema_input_type=str),
    _AS_WRITTEN,
    Field(json_schema_extra={"pattern": DURATION_PATTERN, "examples": ["10s", "5m"]}),
]
"""A duration that is more than nothing."""


def exactly_one(names: Iterable[str]) -> dict[str, Any]:
    """The JSON Schema of a mapping in which exactly one of these keys stands."""
    return {"oneOf": [{"required": [name]} for name in names]}


class Model(BaseModel):
    """What every part of a scenario has in common: it is immutable, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")
