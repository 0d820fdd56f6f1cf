"""The command line: `drydeploy VERB …`, one module a verb.

The overview is printed from the table below, and only the verb that was asked for is imported: `drydeploy --help`
costs little more than starting Python. Everything heavy (pydantic, networkx, rich, docker) is imported within verbs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Final

VERBS: Final[dict[str, tuple[str, str]]] = {
    "run": ("SCENARIO", "rehearse a deployment: a scenario's name or file, or a bundle"),
    "plan": ("SCENARIO", "show what would be done, before anything is"),
    "validate": ("FILE", "check a scenario or an appspec.yml; tell every mistake, and its remedy"),
    "list": ("", "list the library of scenarios"),
    "show": ("NAME", "tell what a scenario teaches, and where it happened"),
    "faults": ("[NAME]", "list what can go wrong, how it is written, and where"),
    "schema": ("", "print the JSON Schema of scenarios, for editors"),
    "init": ("[DIR]", "write a scenario and a bundle to start from"),
    "replay": ("JOURNAL", "play a journal again, event by event"),
    "ps": ("", "list the runs that go on, and what they wait for"),
    "status": ("[RUN]", "tell how a run stands; --watch: and what happens"),
    "continue": ("[RUN]", "say yes to a deployment that waits for it"),
    "pause": ("[RUN]", "hold a deployment: no other host, no other stage"),
    "resume": ("[RUN]", "let a paused deployment go on"),
    "promote": ("[RUN]", "cut a wait short; --full: and all that are to come"),
    "skip-wait": ("[RUN]", "let the time that a deployment waits for be over"),
    "abort": ("[RUN]", "stop a deployment, and roll it back"),
    "stop": ("[RUN]", "stop a deployment; roll back as the group does"),
    "retry": ("[RUN]", "deploy once more what failed or was stopped"),
    "undo": ("[RUN]", "deploy the revision that succeeded before; --to: another"),
    "end": ("[RUN]", "end a run that stays (run --stay)"),
    "image": ("build", "make the image that Docker hosts run on"),
    "doctor": ("", "say what is missing here, and how to get it"),
    "clean": ("", "remove what killed runs left behind"),
}
"""Every verb: its argument, and what it does. The module of the same name has a function `verb`."""

MODULES: Final[dict[str, str]] = dict.fromkeys(
    ("continue", "pause", "resume", "promote", "skip-wait", "abort", "stop", "retry", "undo", "end"), "operate"
)
"""The verbs that share a module: there, the function of `skip-wait` is `skip_wait_verb`."""

_OPTIONS: Final = (
    ("--version", "print the version"),
    ("--help", "print this; after a verb, print its options"),
    ("--install-completion", "complete verbs and options in this shell"),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Carry out a command line, and give its exit code. No traceback reaches the user."""
    # The verb `list` is a module of this package, and hides the built-in once it was imported.
    arguments = [*(sys.argv[1:] if argv is None else argv)]
    _whole_world()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without ✔ shows \u2714, and no error
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain again when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE
    except KeyboardInterrupt:
        return _INTERRUPTED
    except Exception as error:  # noqa: BLE001  the last place where an error can be put into words
        from simulator.cli.errors import report

        return report(error)
    return code


def _whole_world() -> None:
    """What the shell has closed (`>&-`) leads nowhere, and an empty HOME is none."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8", closefd=False))  # noqa: SIM115
    if os.environ.get("HOME") == "":
        del os.environ["HOME"]


_INTERRUPTED: Final = 130
_BROKEN_PIPE: Final = 141


def _dispatch(arguments: list[str]) -> int:
    first = arguments[0] if arguments else "--help"
    completing = "_DRYDEPLOY_COMPLETE" in os.environ or first in ("--install-completion", "--show-completion")
    if completing:
        from simulator.cli.app import execute

        return execute(VERBS, arguments)
    if first in ("--help", "-h", "help"):
        from simulator.cli.width import columns

        sys.stdout.write(overview(columns()))
        return 0
    if first in ("--version", "-V"):
        from simulator.version import VERSION

        sys.stdout.write(f"drydeploy {VERSION}\n")
        return 0
    if first not in VERBS:
        sys.stderr.write(_unknown(first))
        return 2
    from simulator.cli.app import execute

    return execute({first: VERBS[first]}, arguments)


def overview(width: int | None = None) -> str:
    """What `drydeploy --help` prints on a terminal of so many columns; None: no line is broken."""
    from simulator.cli.width import beside

    lines = ["Usage: drydeploy VERB [OPTIONS]", "", "Rehearse a deployment before it is real.", "", "Verbs:"]
    lines += [beside(f"  {f'{verb} {argument}':<18} ", does, width) for verb, (argument, does) in VERBS.items()]
    lines += ["", "Options:", *(beside(f"  {option:<22} ", does, width) for option, does in _OPTIONS)]
    lines += ["", "Begin with:", "  drydeploy run health-check-404", "  drydeploy run ./my-bundle --hosts 4"]
    return "\n".join(lines) + "\n"


def _unknown(word: str) -> str:
    import difflib

    near = difflib.get_close_matches(word, VERBS, n=1)
    kind = "option" if word.startswith("-") else "verb"
    remedy = f"did you mean {near[0]}?" if near else "see: drydeploy --help"
    return f"drydeploy: error: there is no {kind} {word}; {remedy}\n"
