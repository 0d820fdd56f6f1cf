"""The house: who may import whom, and what the core may not touch."""

from __future__ import annotations

import ast
import sys

import pytest

from tests.tidy.sources import PACKAGES, Module, imports, modules, within

VALUES = tuple(
    f"simulator.rollout.{name}"
    for name in ("commands", "deployment", "events", "lifecycle", "statuses", "quick", "messages")
)
"""What the core and the fleets speak in, what makes it, and the words for it."""

ALLOWED: dict[str, tuple[str, ...]] = {
    "strategies": ("strategies",),
    "simulator.rollout": ("simulator.rollout", "strategies"),
    "scenarios": ("scenarios", "strategies"),
    "fleet.agent": ("fleet.agent",),
    "fleet": ("fleet", "scenarios", "simulator.version", *VALUES),
    "simulator.control": (
        "simulator.control",
        "simulator.rollout",
        "simulator.version",
        "fleet",
        "scenarios",
        "strategies",
    ),
    "simulator.explore": (
        *("simulator.explore", "simulator.control", "simulator.rollout", "simulator.version"),
        *("fleet", "scenarios", "strategies"),
    ),
    "simulator.api": (
        *("simulator.api", "simulator.explore", "simulator.control", "simulator.rollout", "simulator.version"),
        *("fleet", "scenarios", "strategies"),
    ),
    "simulator.report": (
        *("simulator.report", "simulator.explore", "simulator.control", "simulator.rollout", "simulator.version"),
        *("scenarios", "strategies"),
    ),
    "simulator.dashboard": (
        *("simulator.dashboard", "simulator.report", "simulator.api", "simulator.explore", "simulator.control"),
        *("simulator.rollout", "simulator.version", "scenarios", "strategies"),
    ),
    "simulator.cli": PACKAGES,
    "simulator.version": (),
    "simulator": (),
}
"""Each package of the house, and what of the house it may import. The most particular entry counts."""

LIBRARIES: dict[str, tuple[str, ...]] = {
    "strategies": ("networkx",),
    "simulator.rollout": (),
}
"""The pure packages, and the only libraries that they may import beside the standard one."""

IMPURE = {
    "clocks": ("time", "datetime", "sched"),
    "randomness": ("random", "secrets", "uuid"),
    "threads": ("threading", "_thread", "asyncio", "concurrent", "multiprocessing", "contextvars", "queue"),
    "processes": ("subprocess", "signal", "resource", "os", "sys", "platform", "ctypes", "mmap", "getpass", "locale"),
    "networks": ("socket", "ssl", "select", "selectors", "http", "urllib", "ftplib", "smtplib"),
    "files": ("io", "pathlib", "shutil", "tempfile", "glob", "fileinput", "sqlite3", "dbm", "shelve", "logging"),
    "doors": ("importlib", "builtins"),
}
IMPURE_MODULES = frozenset(module for kind in IMPURE.values() for module in kind)
"""Clocks, randomness, input and output, threads, and the doors to them."""

IMPURE_CALLS = frozenset({"open", "print", "input", "exec", "eval", "compile", "__import__", "id", "hash", "globals"})
"""Built-in functions that read or write the world, or whose answer differs from one process to the next."""

EXCEPTIONS = {"simulator/rollout/quick.py": "calls exec"}
"""It writes an `__init__` from the names of fields, as the standard library's dataclasses do."""


def home_of(name: str) -> str:
    """The most particular entry of ALLOWED for a module."""
    return max((package for package in ALLOWED if within(name, package)), key=len)


@pytest.mark.parametrize("package", ALLOWED)
def test_imports_go_down_only(package: str) -> None:
    wrong = [
        f"{module.path}:{line} imports {name}"
        for module in modules(*PACKAGES)
        if home_of(module.name) == package
        for name, line in imports(module)
        if within(name, *PACKAGES) and name not in PACKAGES and not _may(package, name)
    ]
    assert wrong == []


def _may(package: str, name: str) -> bool:
    """A package may import what is allowed, and name the packages on the way there."""
    return within(name, *ALLOWED[package]) or any(allowed.startswith(f"{name}.") for allowed in ALLOWED[package])


def test_nothing_imports_the_command_line() -> None:
    wrong = [
        f"{module.path}:{line} imports {name}"
        for module in modules(*PACKAGES)
        if not within(module.name, "simulator.cli")
        for name, line in imports(module)
        if within(name, "simulator.cli")
    ]
    assert wrong == []


@pytest.mark.parametrize("package", LIBRARIES)
def test_the_core_imports_the_standard_library_and_little_else(package: str) -> None:
    wrong = [
        f"{module.path}:{line} imports {name}"
        for module in pure(package)
        for name, line in imports(module)
        if (top := name.partition(".")[0]) not in sys.stdlib_module_names
        and top not in (*PACKAGES, *LIBRARIES[package])
    ]
    assert wrong == []


@pytest.mark.parametrize("package", LIBRARIES)
def test_no_clock_no_randomness_no_input_or_output_and_no_thread_in_the_core(package: str) -> None:
    found = {module.path: impurities(module) for module in pure(package)}
    for path, finding in EXCEPTIONS.items():
        if path in found:
            (only,) = found.pop(path)
            assert only.endswith(finding), "an exception that is not needed any more is to be struck off"
    assert [finding for findings in found.values() for finding in findings] == []


def pure(package: str) -> list[Module]:
    found = [module for module in modules(*PACKAGES) if within(module.name, package)]
    assert len(found) > 3, "the package was not found"
    return found


def impurities(module: Module) -> list[str]:
    """What in a module depends on more than its arguments."""
    found = [
        f"{module.path}:{line} imports {name}"
        for name, line in imports(module)
        if name.partition(".")[0] in IMPURE_MODULES
    ]
    for node in ast.walk(module.tree):
        where = f"{module.path}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in IMPURE_CALLS:
            found.append(f"{where} calls {node.func.id}")
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith):
            found.append(f"{where} is asynchronous")
        elif (isinstance(node, ast.For | ast.comprehension) and isinstance(node.iter, ast.Set | ast.SetComp)) or (
            isinstance(node, ast.For | ast.comprehension)
            and isinstance(node.iter, ast.Call)
            and isinstance(node.iter.func, ast.Name)
            and node.iter.func.id in ("set", "frozenset")
        ):
            found.append(f"{where} iterates over a set")
    return found


@pytest.mark.parametrize(
    ("source", "finding"),
    [
        ("import time", "imports time"),
        ("from random import choice", "imports random"),
        ("from datetime import datetime", "imports datetime"),
        ("import os.path", "imports os.path"),
        ("def f():\n    print('hello')", "calls print"),
        ("x = open('file')", "calls open"),
        ("async def f(): ...", "is asynchronous"),
        ("for x in {1, 2}: ...", "iterates over a set"),
        ("y = [x for x in set(z)]", "iterates over a set"),
    ],
)
def test_an_impure_module_is_noticed(source: str, finding: str) -> None:
    module = Module("core.py", "simulator.rollout.core")
    module.__dict__["text"] = source
    assert any(finding in found for found in impurities(module)), impurities(module)


def test_a_wrong_import_is_noticed() -> None:
    assert not _may("fleet", "simulator.rollout.machine")
    assert not _may("fleet", "simulator.rollout.host")
    assert _may("fleet", "simulator.rollout.events.Event")
    assert _may("fleet", "simulator.rollout")
    assert not _may("fleet.agent", "fleet.base")
    assert not _may("simulator.rollout", "scenarios.model")
    assert home_of("fleet.agent.hooks") == "fleet.agent"
    assert home_of("fleet.virtual.fleet") == "fleet"


def test_a_core_without_a_fleet_can_be_imported() -> None:
    """And that in a process of its own: nothing comes in by a back door."""
    import subprocess

    program = (
        "import simulator.rollout.machine, sys;"
        "print(sorted(n for n in sys.modules if n.split('.')[0] in ('fleet', 'scenarios', 'asyncio', 'pydantic')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
