"""Rehearsals as files: the format, the loader, the library, and the bundles that it deploys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios.from_bundle import bundle_scenario

__all__ = ["bundle_scenario"]


def __getattr__(name: str) -> Any:
    """Import late: the models cost more than the rest of the command line together."""
    if name == "bundle_scenario":
        from scenarios.from_bundle import bundle_scenario

        return bundle_scenario
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
