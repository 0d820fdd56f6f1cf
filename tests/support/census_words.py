"""Every word that a random scenario can draw, from the scenario format itself: a new word is asked for at once."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from scenarios.faults import EFFECTS, TRIGGERS, Effect, Fault, OperatorAction, When, Where
from scenarios.groups import EC2_FILTERS, ON_PREMISES_FILTERS, Group
from scenarios.model import Deploy, Scenario
from scenarios.platforms import Function
from scenarios.pools import Pool
from scenarios.strategies import STRATEGIES_WITH_OPTIONS, StrategyName, StrategyOptions, key_of
from scenarios.words import Model

_NAMES = frozenset({"name", "content"})
"""Keys that say of what something is told, and not what."""


def possible(annotation: Any, prefix: str, *, within: bool = True) -> Iterator[str]:
    """What can be written where this type stands: each word, or each key of a model, and its words (`within`)."""
    if get_origin(annotation) is Literal:
        yield from (f"{prefix} {word}" for word in get_args(annotation))
    elif get_origin(annotation) is Annotated:
        yield from possible(get_args(annotation)[0], prefix, within=within)
    elif parts := get_args(annotation):
        yield from dict.fromkeys(word for part in parts for word in possible(part, prefix, within=within))
    elif within and isinstance(annotation, type) and issubclass(annotation, Model):
        for name, field in annotation.model_fields.items():
            if name not in _NAMES:
                yield from possible(field.annotation, f"{prefix} {name}", within=False)
    elif annotation not in (NoneType, ...):
        yield prefix


def written(value: Any, prefix: str, *, within: bool = True) -> Iterator[str]:
    """The same of what is written."""
    if isinstance(value, str):
        yield f"{prefix} {value}"
    elif isinstance(value, tuple):
        for part in value:
            yield from written(part, prefix, within=within)
    elif within and isinstance(value, Model):
        for name in sorted(value.model_fields_set - _NAMES):
            yield from written(getattr(value, name), f"{prefix} {name}", within=False)
    elif value is not None:
        yield prefix


def faults() -> Iterator[str]:
    """Every kind of fault: `health status`, `network cut both`, `disk full`, …"""
    for kind in EFFECTS:
        yield from possible(Effect.model_fields[kind].annotation, kind)


def kinds_of(fault: Fault) -> tuple[str, ...]:
    """The kinds of one fault; several of what is done with a pool."""
    return tuple(written(getattr(fault.do, fault.do.kind), fault.do.kind))


_GROUP = ("deployment_option", "outdated_instances_strategy", "auto_scaling_group_processes_to_suspend")
_POOL = ("suspended", "termination_hook", "zones")
_STRATEGIES = (*get_args(StrategyName), *(key_of(name) for name in STRATEGIES_WITH_OPTIONS))
DRAWN = tuple(
    dict.fromkeys(
        (
            *(f"fault: {kind}" for kind in faults()),
            *(f"where: {key}" for key in Where.model_fields),
            *("for: a while", "for: good", "probability: a chance"),
            *(f"{who}, when: {key}" for who in ("fault", "person", "deployment") for key in TRIGGERS),
            *(f"when: {key}" for key in ("host", "nth", "deployment")),
            *(f"person{word}" for word in possible(OperatorAction.model_fields["do"].annotation, ":")),
            *(f"strategy: {name}" for name in _STRATEGIES),
            *(f"group: has {key}" for key in (*EC2_FILTERS, *ON_PREMISES_FILTERS, "pools", "running", "application")),
            *(f"group:{word}" for key in _GROUP for word in possible(Group.model_fields[key].annotation, f" {key}")),
            *(
                word
                for key in ("if_active",)
                for word in possible(Deploy.model_fields[key].annotation, f"deploy: {key}")
            ),
            *(f"pool: {key}" for key in _POOL),
            *(f"function: {key}" for key in Function.model_fields if key != "handler"),
            *("gate: stood", "gate: approval", "asked for: 1", "asked for: 2", "asked for: 3"),
            *(f"platform {name}" for name in possible(Group.model_fields["compute_platform"].annotation, ":")),
            *("stands by: one deployment's", "stands by: two deployments'"),
        )
    )
)
"""What random scenarios must draw."""


def of_scenario(asked: Scenario) -> Iterator[str]:
    """What one scenario has drawn."""
    for fault in asked.faults:
        yield from (f"fault: {kind}" for kind in kinds_of(fault))
        yield from (f"where: {key}" for key in fault.where.model_fields_set)
        yield f"for: {'good' if fault.lasts is None else 'a while'}"
        if fault.probability < 1:
            yield "probability: a chance"
        yield from _when("fault", fault.when)
    for action in asked.operator:
        yield f"person: {action.do}"
        yield from _when("person", action.when)
    for deploy in asked.deploy:
        yield from _when("deployment", deploy.when)
        yield from written(deploy.if_active, "deploy: if_active") if deploy.when else ()
        yield from _strategy(deploy.strategy)
    for group in asked.all_groups:
        yield from _group(group)
    for pool in asked.pools.values():
        yield from _pool(pool)
    for function in asked.functions.values():
        yield from (f"function: {key}" for key in function.model_fields_set)
    for environment in asked.environments.values():
        yield from (f"gate: {key}" for key in environment.gate.model_fields_set)
    yield f"asked for: {len(asked.deploy)}"
    yield f"platform : {asked.compute_platform}"
    yield from _standing_by(asked)


def _when(who: str, when: When | None) -> Iterator[str]:
    for key in when.model_fields_set if when is not None else ():
        yield f"{who}, when: {key}" if key in TRIGGERS else f"when: {key}"


def _strategy(strategy: str | StrategyOptions | None) -> Iterator[str]:
    if isinstance(strategy, str):
        yield f"strategy: {strategy}"
    elif strategy is not None:
        yield from (f"strategy: {key_of(key)}" for key in strategy.model_fields_set)


def _group(group: Group) -> Iterator[str]:
    yield from (f"group: has {key}" for key in group.model_fields_set)
    yield from _strategy(group.strategy)
    for key in _GROUP:
        yield from written(getattr(group, key), f"group: {key}")


def _pool(pool: Pool) -> Iterator[str]:
    yield from (f"pool: {key}" for key in _POOL if getattr(pool, key))


def _standing_by(asked: Scenario) -> Iterator[str]:
    told = (deploy.strategy for deploy in asked.deploy)
    by = [each.blue_green for each in told if isinstance(each, StrategyOptions) and each.blue_green]
    if count := sum(bool(each.target_instances) for each in by):
        yield f"stands by: {'one deployment' if count == 1 else 'two deployments'}'s".replace("s's", "s'")
