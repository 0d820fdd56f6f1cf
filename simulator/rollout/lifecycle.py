"""The lifecycle tables: which events a host goes through, in what order, and who carries each one out.

Source: AWS CodeDeploy user guide, "AppSpec 'hooks' section"; the agent's own order of events.
`Start` and `End` are markers of the documentation; no agent is sent them and no API lists them.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from simulator.rollout.statuses import ErrorCode
from strategies.plan import Part

BEFORE_BLOCK_TRAFFIC: Final = "BeforeBlockTraffic"
BLOCK_TRAFFIC: Final = "BlockTraffic"
AFTER_BLOCK_TRAFFIC: Final = "AfterBlockTraffic"
APPLICATION_STOP: Final = "ApplicationStop"
DOWNLOAD_BUNDLE: Final = "DownloadBundle"
BEFORE_INSTALL: Final = "BeforeInstall"
INSTALL: Final = "Install"
AFTER_INSTALL: Final = "AfterInstall"
APPLICATION_START: Final = "ApplicationStart"
VALIDATE_SERVICE: Final = "ValidateService"
BEFORE_ALLOW_TRAFFIC: Final = "BeforeAllowTraffic"
ALLOW_TRAFFIC: Final = "AllowTraffic"
AFTER_ALLOW_TRAFFIC: Final = "AfterAllowTraffic"
ALLOW_TEST_TRAFFIC: Final = "AllowTestTraffic"
AFTER_ALLOW_TEST_TRAFFIC: Final = "AfterAllowTestTraffic"


class CarriedOutBy(StrEnum):
    """Who does the work of a lifecycle event."""

    SCRIPTS = "scripts"
    AGENT = "agent"
    BALANCER = "balancer"


_INSTALLATION = (
    APPLICATION_STOP,
    DOWNLOAD_BUNDLE,
    BEFORE_INSTALL,
    INSTALL,
    AFTER_INSTALL,
    APPLICATION_START,
    VALIDATE_SERVICE,
)
_BLOCKING = (BEFORE_BLOCK_TRAFFIC, BLOCK_TRAFFIC, AFTER_BLOCK_TRAFFIC)
_ALLOWING = (BEFORE_ALLOW_TRAFFIC, ALLOW_TRAFFIC, AFTER_ALLOW_TRAFFIC)

IN_PLACE: Final = _INSTALLATION
IN_PLACE_WITH_BALANCER: Final = _BLOCKING + _INSTALLATION + _ALLOWING

CARRIED_OUT_BY: Final[dict[str, CarriedOutBy]] = {
    event: CarriedOutBy.BALANCER
    if event in (BLOCK_TRAFFIC, ALLOW_TRAFFIC)
    else CarriedOutBy.AGENT
    if event in (DOWNLOAD_BUNDLE, INSTALL)
    else CarriedOutBy.SCRIPTS
    for event in IN_PLACE_WITH_BALANCER
}

SCRIPT_EVENTS: Final = tuple(event for event in IN_PLACE_WITH_BALANCER if CARRIED_OUT_BY[event] is CarriedOutBy.SCRIPTS)
"""The events under which an AppSpec may name scripts."""

FORGIVEN_WITH_APPLICATION_STOP: Final = frozenset({BEFORE_BLOCK_TRAFFIC, AFTER_BLOCK_TRAFFIC, APPLICATION_STOP})
"""The events whose failure `ignoreApplicationStopFailures` forgives: those that run the previous revision's scripts."""


_REPLACING = (BEFORE_INSTALL, INSTALL, AFTER_INSTALL, ALLOW_TEST_TRAFFIC, AFTER_ALLOW_TEST_TRAFFIC)

ECS: Final = _REPLACING + _ALLOWING
LAMBDA: Final = _ALLOWING
COURSES: Final[dict[str, tuple[str, ...]]] = {
    "ecs": ECS,
    "ecs-back": (ALLOW_TRAFFIC,),
    "lambda": LAMBDA,
    "lambda-back": (ALLOW_TRAFFIC,),
}
"""By the strategy, the events of a target that is no host: a service or a function. On the way back no hook is run
(chosen; the documentation says only that traffic returns)."""

BACK: Final = {"ecs": "ecs-back", "lambda": "lambda-back"}
"""How a deployment on ECS or Lambda is undone while what had the traffic before still stands."""
WAYS_BACK: Final = frozenset(BACK.values())

HOOKS: Final[dict[str, tuple[str, ...]]] = {
    "ECS": (BEFORE_INSTALL, AFTER_INSTALL, AFTER_ALLOW_TEST_TRAFFIC, BEFORE_ALLOW_TRAFFIC, AFTER_ALLOW_TRAFFIC),
    "Lambda": (BEFORE_ALLOW_TRAFFIC, AFTER_ALLOW_TRAFFIC),
}
"""By the compute platform, the events under which an AppSpec may name a function."""

NOTHING_TO_UNDO: Final = frozenset({("ecs", BEFORE_INSTALL)})
"""After these alone, by strategy and event, no rollback is possible: there is no replacement task set yet."""


def fails_with(event: str) -> ErrorCode:
    """The code with which a deployment on ECS or Lambda fails that fails at this event."""
    return ErrorCode.ECS_UPDATE_ERROR if event in (INSTALL, ALLOW_TEST_TRAFFIC) else ErrorCode.HOOK_EXECUTION_FAILURE


PARTS: Final[dict[Part, tuple[str, ...]]] = {
    Part.WHOLE: IN_PLACE_WITH_BALANCER,
    Part.INSTALL: _INSTALLATION,
    Part.ALLOW: _ALLOWING,
    Part.BLOCK: _BLOCKING,
    Part.LAUNCH: _INSTALLATION + _ALLOWING,
    Part.TERMINATION: (*_BLOCKING, APPLICATION_STOP),
    Part.REPLACE: _REPLACING,
    Part.BEFORE: (BEFORE_ALLOW_TRAFFIC,),
    Part.AFTER: (AFTER_ALLOW_TRAFFIC,),
}
"""The events of each part of a lifecycle, behind a balancer."""
_TRAFFIC = frozenset((*_BLOCKING, *_ALLOWING))


def sequence(*, with_balancer: bool, part: Part = Part.WHOLE) -> tuple[str, ...]:
    """The events of a part of the lifecycle on one host, in order. Without a balancer none is about traffic."""
    return PARTS[part] if with_balancer else _WITHOUT_BALANCER[part]


_WITHOUT_BALANCER: Final = {
    part: tuple(event for event in events if event not in _TRAFFIC) for part, events in PARTS.items()
}
