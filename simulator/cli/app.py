"""From the table of verbs to a typer application that knows only the verbs that are needed now."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence

import typer

from simulator.cli import MODULES
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
        module = importlib.import_module(f"simulator.cli.{MODULES.get(name, name)}")
        if isinstance(inner := getattr(module, "app", None), typer.Typer):
            app.add_typer(inner, name=name)
        else:
            app.command(name, context_settings=_CONTEXT)(guarded(function_of(name)))
    try:
        app(list(arguments), prog_name="drydeploy")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def function_of(verb: str) -> Callable[..., None]:
    """The function of a verb: `verb` in the module of its name, or the one of its name in a module of several."""
    module = importlib.import_module(f"simulator.cli.{MODULES.get(verb, verb)}")
    function: Callable[..., None] = getattr(module, verb.replace("-", "_") + "_verb" if verb in MODULES else "verb")
    return function
