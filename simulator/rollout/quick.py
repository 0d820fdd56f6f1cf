"""A quick way to make frozen dataclasses, for the few that are made for every lifecycle event.

A frozen dataclass with slots sets its fields through `object.__setattr__`, at a tenth of a microsecond each: a third
of what an event costs in all. A twin that is not frozen sets them directly, and then becomes the frozen class.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from typing import Any, ParamSpec, TypeVar, cast

P = ParamSpec("P")
T = TypeVar("T")


def quick(kind: Callable[P, T]) -> Callable[P, T]:
    """What makes the same objects as this frozen dataclass with slots, three times as fast.

    A dataclass that derives fields or checks them (`default_factory`, `__post_init__`) has to be made by itself.
    """
    frozen = cast("Any", kind)
    names = [field.name for field in fields(frozen)]
    defaults = [field.default for field in fields(frozen) if field.default is not MISSING]
    body = "".join(f"\n    self.{name} = {name}" for name in names)
    made: dict[str, Any] = {"_frozen": frozen}
    exec(f"def __init__(self, {', '.join(names)}):{body}\n    self.__class__ = _frozen", made)
    made["__init__"].__defaults__ = tuple(defaults) or None
    open_again = {"__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    twin = type(frozen.__name__, (frozen,), {"__slots__": (), "__init__": made["__init__"], **open_again})
    return cast("Callable[P, T]", twin)
