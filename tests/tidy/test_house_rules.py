"""The rules of the house: sizes, docstrings, no orphans, nothing of one machine in what everybody gets."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import pytest

from scenarios import library
from tests.tidy.sources import BUNDLES, PACKAGES, ROOT, Module, imports, modules, tracked

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 70

ENTRY_POINTS = frozenset({"simulator.cli", "fleet.agent.__main__"})
"""Modules that are run, not imported."""
RUN_ELSEWHERE = ("fleet.docker.hostside.",)
"""Programs that are copied to a host and run there."""
BY_NAME = ("simulator.cli.",)
"""Packages whose modules are imported by a name in a table: it must stand somewhere in the package."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


# -- size -------------------------------------------------------------------------------------------------------------


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    found = {m.path: len(m.text.splitlines()) for m in modules(*PACKAGES, "tests", "benchmarks", "docs")}
    assert {path: lines for path, lines in found.items() if lines > MODULE_LINES_MAX} == {}


def test_no_function_is_longer_than_seventy_lines() -> None:
    assert [
        f"{m.path}:{f.lineno} {f.name} has {(f.end_lineno or 0) - f.lineno + 1} lines"
        for m in modules(*PACKAGES, "tests", "benchmarks", "docs")
        for f in ast.walk(m.tree)
        if isinstance(f, Function) and (f.end_lineno or 0) - f.lineno + 1 > FUNCTION_LINES_MAX
    ] == []


# -- docstrings -------------------------------------------------------------------------------------------------------


def test_every_public_name_is_documented() -> None:
    assert [where for m in modules(*PACKAGES) for where in undocumented(m)] == []


def undocumented(module: Module) -> Iterator[str]:
    """Public modules, classes, functions and methods without a docstring; what a protocol only declares needs none."""
    if module.text.strip() and not ast.get_docstring(module.tree):
        yield f"{module.path}: the module"
    yield from _undocumented(module, module.tree, "")


def _undocumented(module: Module, parent: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    is_protocol = isinstance(parent, ast.ClassDef) and any(ast.unparse(b).startswith("Protocol") for b in parent.bases)
    for node in parent.body:
        if not isinstance(node, Function | ast.ClassDef) or node.name.startswith("_"):
            continue
        name = f"{prefix}{node.name}"
        inherits = any(ast.unparse(d).rpartition(".")[2] in ("override", "overload") for d in node.decorator_list)
        setter = any(ast.unparse(d).endswith(".setter") for d in node.decorator_list)
        declared = is_protocol and isinstance(node, Function) and ast.unparse(node.body[-1]) == "..."
        if not (inherits or setter or declared or ast.get_docstring(node)):
            yield f"{module.path}:{node.lineno} {name}"
        if isinstance(node, ast.ClassDef):
            yield from _undocumented(module, node, f"{name}.")


def test_a_missing_docstring_is_noticed() -> None:
    module = Module("m.py", "m")
    module.__dict__["text"] = '"""M."""\nclass A:\n    """A."""\n    def f(self): ...\n    def _g(self): ...\n'
    assert list(undocumented(module)) == ["m.py:4 A.f"]


# -- orphans ----------------------------------------------------------------------------------------------------------


def test_every_module_is_imported_by_something() -> None:
    own = modules(*PACKAGES)
    imported = {name for m in own for name, _ in imports(m) if name != m.name}
    orphans = [
        m.path
        for m in own
        if not m.is_package
        and m.name not in imported | ENTRY_POINTS
        and not m.name.startswith(RUN_ELSEWHERE)
        and not _by_name(m)
    ]
    assert orphans == []


def _by_name(module: Module) -> bool:
    """Whether the module stands by its name in a table of its package."""
    if not module.name.startswith(BY_NAME):
        return False
    package, _, name = module.name.rpartition(".")
    texts = [m.text for m in modules(*PACKAGES) if m.name.startswith(package) and m.name != module.name]
    return any(re.search(rf"[\"']{re.escape(name)}[\"']|{re.escape(module.name)}\b", text) for text in texts)


def test_every_program_of_a_host_is_named_where_it_is_copied_from() -> None:
    own = "\n".join(m.text for m in modules("fleet"))
    for path in tracked():
        if path.startswith("fleet/docker/hostside/") and not path.endswith("__init__.py"):
            name = PurePosixPath(path)
            assert name.name in own or name.stem in own, f"nothing speaks of {path}"


def test_every_scenario_of_the_library_is_listed() -> None:
    files = {PurePosixPath(p).stem for p in tracked() if p.startswith("scenarios/library/") and p.endswith(".yml")}
    assert files == set(library.names())


def test_every_sample_bundle_is_used_by_something() -> None:
    bundles = {path.split("/")[2] for path in tracked() if path.startswith(BUNDLES) and path.count("/") > 2}
    texts = [
        (ROOT / path).read_text(encoding="utf-8")
        for path in tracked()
        if path.endswith((".yml", ".py", ".md")) and not path.startswith(BUNDLES)
    ]
    assert {bundle for bundle in bundles if not any(bundle in text for text in texts)} == set()


LINK = re.compile(r"\]\(<?([^)#>\s]+)")


def test_every_page_of_the_docs_is_linked() -> None:
    pages = {path for path in tracked() if path.endswith(".md") and not path.startswith((BUNDLES, "tests/"))}
    linked = {target for page in pages for target in _links(page)}
    roots = {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/README.md", "docs/index.md"}
    assert {page for page in pages if page.startswith("docs/")} - linked - roots == set()


def test_every_link_between_pages_leads_somewhere() -> None:
    files = set(tracked())
    directories = {str(parent) for path in files for parent in PurePosixPath(path).parents}
    broken = [
        f"{page} → {target}"
        for page in files
        if page.endswith(".md")
        for target in _links(page)
        if target not in files and target not in directories
    ]
    assert broken == []


def _links(page: str) -> Iterator[str]:
    """The targets of a page's relative links, from the root."""
    text = re.sub(r"```.*?```", "", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in LINK.findall(text):
        if re.match(r"[a-z]+:", target):
            continue
        parts: list[str] = []
        for part in (PurePosixPath(page).parent / target).parts:
            if part == "..":
                parts = parts[:-1]
            elif part != ".":
                parts.append(part)
        yield "/".join(parts) or "."


# -- tests ------------------------------------------------------------------------------------------------------------


def test_every_directory_of_tests_is_a_package() -> None:
    paths = [PurePosixPath(path) for path in tracked() if path.startswith("tests/") and path.endswith(".py")]
    directories = {path.parent for path in paths}
    assert {str(d) for d in directories if d / "__init__.py" not in paths} == set()


def test_every_file_of_tests_is_collected_or_imported() -> None:
    own = modules("tests")
    imported = {name for m in own for name, _ in imports(m)}
    orphans = [
        m.path
        for m in own
        if not m.is_package
        and not PurePosixPath(m.path).name.startswith(("test_", "conftest"))
        and m.name not in imported
    ]
    assert orphans == []


# -- nothing of one machine -------------------------------------------------------------------------------------------

HOMES = re.compile(
    r"(?<![\w./-])/(?:home|Users)/(?!ec2-user\b|ubuntu\b|deploy\b|app\b|web\b|<|\{|\$|\w+/?[\"'`\s):,]*$)[\w.-]+/"
)
PEOPLES_WORKPLACES = re.compile(r"(?<![\w./-])/" + "work" + r"/[\w.-]")


@pytest.mark.parametrize("path", tracked())
def test_no_path_of_one_machine_is_written_anywhere(path: str) -> None:
    if PurePosixPath(path).suffix in {".png", ".ico", ".gif", ".zip", ".tgz", ".tar", ".gz", ".woff2"}:
        return
    text = (ROOT / path).read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        where = f"{path}:{number}: {line.strip()[:120]}"
        assert str(ROOT) not in line or len(str(ROOT)) < 6, where
        assert not PEOPLES_WORKPLACES.search(line), where
        assert not HOMES.search(line), where
