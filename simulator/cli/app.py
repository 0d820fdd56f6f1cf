"""From the table of verbs to a typer application that knows only the verbs that are needed now."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence

import typer
from pydantic import ValidationError
from typer.core import TyperGroup
from typing_extensions import override

from simulator.cli import MODULES
from simulator.cli.errors import guarded

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Verbs(TyperGroup):
    """The verbs; what cannot be read on a command line is told in drydeploy's words, and not in the validator's."""

    @override
    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            if isinstance(cause := error.__cause__, ValidationError):
                error.message = _in_words(cause)
            raise


def _in_words(error: ValidationError) -> str:
    """What was expected of an option's value, what was found, and what to write."""
    from scenarios.problems import either, nearest

    found = error.errors()[0]
    value, kind = found["input"], found["type"].removesuffix("_parsing")
    if kind in _KINDS:
        return f"expected {_KINDS[kind]}, found {value}"
    message = str(found.get("ctx", {}).get("error", found["msg"]))
    choices = message.partition(" is not one of ")[2].rstrip(".").replace("'", "")
    if not choices:
        return message
    near = nearest(str(value), choices.split(", "))
    return f"expected {either(choices.split(', '))}, found {value}" + (f"; did you mean {near}?" if near else "")


_KINDS = {"int": "a whole number", "float": "a number", "bool": "true or false"}


def execute(verbs: Mapping[str, tuple[str, str]], arguments: Sequence[str]) -> int:
    """Carry out `arguments`, of which the first is one of `verbs`. Gives the exit code."""
    app = typer.Typer(
        name="drydeploy",
        cls=_Verbs,
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
