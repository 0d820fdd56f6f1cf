"""A scenario made from a bundle alone, for `drydeploy run ./my-bundle --hosts 4`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final, get_args

from pydantic import ValidationError

from scenarios.bundle import ARCHIVES, is_bundle, platform_of
from scenarios.commits import is_kept, short
from scenarios.model import HealthCheck, Scenario
from scenarios.platforms import SERVER
from scenarios.problems import Problem, ScenarioError, either, suggest
from scenarios.strategies import NEEDS_OPTIONS, StrategyName
from scenarios.words import HOSTS_MAX, NO_REVISION, duration_text, some_time_ms

STRATEGIES: Final = ("in-place", "rolling")
INTERVAL: Final = "1s"
"""From one health check to the next, for a bare bundle: at an ALB's 30 s a first rehearsal would take minutes."""
RISE: Final = 2
FALL: Final = 3
_TIMEOUT_MAX_MS: Final = 5_000
_EXAMPLES: Final = {"ECS": "ecs-canary", "Lambda": "lambda-canary"}
"""By the platform, a scenario of the library to begin with."""
_CONFIGS: Final = {"in-place": "CodeDeployDefault.AllAtOnce", "rolling": "CodeDeployDefault.OneAtATime"}


def bundle_scenario(
    bundle: Path,
    *,
    hosts: int,
    strategy: str = "rolling",
    config: str | None = None,
    running: Path | None = None,
    port: int | None = None,
    path: str = "/",
    interval: str = INTERVAL,
) -> Scenario:
    """The rehearsal of one bundle: `hosts` hosts, one deployment, no faults, nothing expected.

    `config` is a deployment configuration by name; left out, `rolling` goes one at a time and `in-place` all at once.
    `running` is the bundle that the hosts were deployed to before; without one they are new, and with one a failure
    rolls back to it. With a `port`, a balancer asks for `path` there, every `interval`. A broken AppSpec does not
    matter here: it fails the deployment, as it would on AWS. One for ECS or Lambda does: there are no hosts then.

    Raises ScenarioError if an argument makes no sense; all of them are told at once.
    """
    problems = [*_bundles(bundle, running), *_choices(hosts, strategy, config), *_balancer(port, path, interval)]
    if problems:
        raise ScenarioError(problems)
    name = _revision_name(bundle, "new")
    data: dict[str, Any] = {
        "name": re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:63].strip("-") or "bundle",
        "title": f"{name} is deployed to {hosts} host{'s' * (hosts != 1)}",
        "fleet": {"hosts": hosts},
        "revisions": {name: {"bundle": bundle.resolve()}},
        "group": {"strategy": strategy, "deployment_config": config or _CONFIGS[strategy]},
        "deploy": ({"revision": name},),
    }
    if running is not None:
        before = _revision_name(running, "old")
        before = f"{before}-before" if before == name else before
        data["revisions"][before] = {"bundle": running.resolve()}
        data["fleet"]["running"] = before
        data["group"]["auto_rollback"] = ("DEPLOYMENT_FAILURE",)
    if port is not None:
        data["balancer"] = {"port": port, "health_check": _health_check(path, interval), "traffic": {"path": path}}
    return Scenario.model_validate(data)


def _health_check(path: str, interval: str) -> dict[str, Any]:
    every_ms = some_time_ms(interval)
    assert isinstance(every_ms, int), "some_time_ms gives milliseconds, or raises"
    timeout = duration_text(min(every_ms, _TIMEOUT_MAX_MS))
    return {"path": path, "interval": duration_text(every_ms), "timeout": timeout, "rise": RISE, "fall": FALL}


def _revision_name(bundle: Path, otherwise: str) -> str:
    if is_kept(bundle):
        return short(bundle)
    name = bundle.resolve().name
    for suffix in ARCHIVES:
        name = name.removesuffix(suffix)
    return otherwise if name in ("", NO_REVISION) else name


def _bundles(bundle: Path, running: Path | None) -> list[Problem]:
    remedy = f"give a directory or an archive ({either(ARCHIVES)})"
    problems = []
    for path in (bundle, running):
        if path is not None and not is_bundle(path):
            message = "there is no bundle here" if not path.exists() else "this is no bundle"
            problems.append(Problem(str(path), 0, 0, message, remedy))
        elif path is not None and (platform := platform_of(path)) != SERVER:
            message = f"its AppSpec is for {platform}, and a bundle by itself is deployed to servers"
            example = _EXAMPLES.get(platform, either(_EXAMPLES.values()))
            start = f"write a scenario with group: {{compute_platform: {platform}}}; see `drydeploy show {example}`"
            problems.append(Problem(str(path), 0, 0, message, start))
    return problems


def _choices(hosts: int, strategy: str, config: str | None) -> list[Problem]:
    from strategies.configuration import PREDEFINED, elsewhere, named

    problems = []
    if not 1 <= hosts <= HOSTS_MAX:
        problems.append(Problem("--hosts", 0, 0, f"expected 1 to {HOSTS_MAX:,} hosts, found {hosts:,}", "write 4"))
    if strategy in (*get_args(StrategyName), *NEEDS_OPTIONS) and strategy not in STRATEGIES:
        message = f"{strategy} takes a scenario: by itself, a bundle is deployed {either(STRATEGIES)}"
        written = NEEDS_OPTIONS.get(strategy)
        line = f"{{{written}}}" if written else strategy
        remedy = f"`drydeploy init` writes a scenario; write group: {{strategy: {line}}} there"
        problems.append(Problem("--strategy", 0, 0, message, remedy))
    elif strategy not in STRATEGIES:
        remedy = suggest(strategy, STRATEGIES)
        problems.append(Problem("--strategy", 0, 0, f"no strategy is called {strategy}", remedy))
    if config is not None and (other := elsewhere(config)) is not None:
        problems.append(Problem("--config", 0, 0, *other.refusal()))
    elif config is not None and named(config) is None:
        message = f"no deployment configuration is called {config}"
        problems.append(Problem("--config", 0, 0, message, suggest(config, PREDEFINED)))
    return problems


def _balancer(port: int | None, path: str, interval: str) -> list[Problem]:
    problems = []
    if port is not None and not 1 <= port <= 65535:
        problems.append(Problem("--port", 0, 0, f"expected a port of 1 to 65535, found {port}", "write 8080"))
    try:
        HealthCheck(path=path)
    except ValidationError:
        remedy = "write /health" if not path.strip("/ ") else f"write /{''.join(path.split()).lstrip('/')}"
        message = f"expected a path that begins with / and has no blanks, found {path!r}"
        problems.append(Problem("--path", 0, 0, message, remedy))
    try:
        some_time_ms(interval)
    except ValueError as error:
        problems.append(Problem("--interval", 0, 0, str(error), f"left out, it is {INTERVAL}"))
    return problems
