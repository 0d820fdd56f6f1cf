"""The agent is copied to hosts alone: it may lean on nothing of this project, and on little else."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[3] / "fleet" / "agent"
ALLOWED = {"yaml", "botocore", "fleet.agent"}


def imported(module: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(module.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(str(node.module))
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "importlib.import_module":
            names.add(ast.literal_eval(node.args[0]))
    return names


@pytest.mark.parametrize("module", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.stem)
def test_imports(module: Path) -> None:
    for name in imported(module):
        is_own = name == "fleet.agent" or name.startswith("fleet.agent.")
        assert is_own or name.split(".")[0] in ALLOWED | sys.stdlib_module_names, name


def test_a_copy_starts_by_itself_and_botocore_is_imported_late(tmp_path: Path) -> None:
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet/__init__.py").touch()
    shutil.copytree(PACKAGE, tmp_path / "fleet/agent", ignore=shutil.ignore_patterns("__pycache__"))
    code = "import sys, fleet.agent.__main__ as m; m.main(['--config', 'gone.yml']); print('botocore' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert "gone.yml cannot be read" in done.stderr
