"""From the table of verbs to a typer application that knows only the verbs that are needed now."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence

import typer

from simulator.cli.errors import guarded

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def execute(verbs: Mapping[str, tuple[str, str]], arguments: Sequence[str]) -> int:
    """Carry out `arguments`, of which the first is one of `verbs`. Gives the exit code."""
    app = typer.Typer(
        name="drydeploy",
        help="Rehearse a deployment before it is real.",
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings=_CONTEXT,
    )

    @app.callback()
    def _root() -> None:
        """Rehearse a deployment before it is real."""

    for name in verbs:
        module = importlib.import_module(f"simulator.cli.{name}")
        if isinstance(inner := getattr(module, "app", None), typer.Typer):
            app.add_typer(inner, name=name)
        else:
            app.command(name, context_settings=_CONTEXT)(guarded(module.verb))
    try:
        app(list(arguments), prog_name="drydeploy")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0
