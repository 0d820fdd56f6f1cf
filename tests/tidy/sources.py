"""The project's own files, parsed once: what the tidy tests look at."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("simulator", "fleet", "strategies", "scenarios")
BUNDLES = "scenarios/bundles/"
"""Applications to be deployed: they are the users', and keep no rule of this house."""


@dataclass(frozen=True)
class Module:
    """One Python file: its path from the root, its dotted name, its syntax tree."""

    path: str
    name: str

    @cached_property
    def text(self) -> str:
        """The source."""
        return (ROOT / self.path).read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree."""
        return ast.parse(self.text, self.path)

    @property
    def is_package(self) -> bool:
        """Whether this is a package's `__init__`."""
        return self.path.endswith("__init__.py")


@cache
def tracked() -> tuple[str, ...]:
    """Every file of the project: what git tracks; without git, as in an unpacked archive, what lies there."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return tuple(name for name in listed.stdout.splitlines() if (ROOT / name).is_file())
    return tuple(
        sorted(
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in path.parts)
        )
    )


@cache
def modules(*packages: str) -> tuple[Module, ...]:
    """The Python modules below these directories, in order."""
    return tuple(
        Module(path, path.removesuffix(".py").removesuffix("/__init__").replace("/", "."))
        for path in sorted(tracked())
        if path.endswith(".py") and path.split("/")[0] in packages and not path.startswith(BUNDLES)
    )


def imports(module: Module, *, typing_too: bool = True) -> Iterator[tuple[str, int]]:
    """The dotted names that a module imports, each with its line; `from a import b` gives both `a` and `a.b`."""
    skipped: set[ast.AST] = set()
    for node in ast.walk(module.tree):
        if not typing_too and isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            skipped.update(inner for child in node.body for inner in ast.walk(child))
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.name.split(".")
                cut = len(parts) - node.level + module.is_package
                base = ".".join((*parts[:cut], *([node.module] if node.module else [])))
            yield base, node.lineno
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def within(name: str, *packages: str) -> bool:
    """Whether a dotted name is one of these packages, or inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)
