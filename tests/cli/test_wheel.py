"""The wheel, outside the checkout: it holds everything that is needed, and rehearses."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import zipfile
from importlib.util import find_spec
from pathlib import Path

import pytest

from scenarios import library
from tests.cli.program import drydeploy

ROOT = Path(__file__).parents[2]
PACKAGES = ("simulator", "fleet", "strategies", "scenarios")
LIMIT_S = 240


def call(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a program that must succeed, with nothing of this checkout in its environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE"))}
    environment |= {"XDG_STATE_HOME": str(cwd / "state"), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout, built as a release would be; in this environment if it can build already."""
    place = tmp_path_factory.mktemp("wheel")
    isolation = ["--no-isolation"] if find_spec("hatchling") else []
    call(sys.executable, "-m", "build", "--wheel", *isolation, "--outdir", place, ROOT, cwd=place)
    (built,) = place.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def program(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`drydeploy` in a fresh environment that has the wheel and nothing of the checkout.

    What the wheel depends on is here already, and to fetch it again takes a minute and a network: the fresh
    environment is shown this one's packages by a path file. Editable installs are themselves path files, and Python
    reads none of those in a directory that it was only shown, so this checkout stays out of sight.
    """
    place = tmp_path_factory.mktemp("elsewhere")
    call(sys.executable, "-m", "venv", "--without-pip", place / "venv", cwd=place)
    python = place / "venv" / "bin" / "python"
    call(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", wheel, cwd=place)
    packages = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=place).stdout.strip()
    (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    for package in PACKAGES:
        found = call(python, "-c", f"import {package}; print({package}.__path__[0])", cwd=place).stdout.strip()
        assert Path(found).parent == Path(packages)
    return python.with_name("drydeploy")


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    wanted = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    with zipfile.ZipFile(wheel) as archive:
        members = {member.filename: member for member in archive.infolist()}
    assert {name for name in members if ".dist-info/" not in name} == wanted
    assert "scenarios/scenario.schema.json" in wanted
    assert {f"scenarios/library/{name}.yml" for name in library.names()} <= wanted
    assert "scenarios/bundles/web-v1/appspec.yml" in wanted
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in members)
    for name in wanted:
        executable = (ROOT / name).stat().st_mode & 0o111 != 0
        assert (members[name].external_attr >> 16 & 0o111 != 0) == executable, name


def test_the_installed_wheel_rehearses_as_the_checkout_does(program: Path, tmp_path: Path) -> None:
    words = ("run", "health-check-404", "--seed", "7", "-o", "json")
    done = call(program, *words, cwd=tmp_path)
    assert json.loads(done.stdout)["outcome"] == "rolled_back"
    assert done.stderr == ""
    assert done.stdout == drydeploy(*words, state=tmp_path).stdout


def test_the_installed_wheel_knows_its_library_and_its_bundles(program: Path, tmp_path: Path) -> None:
    listed = call(program, "list", cwd=tmp_path).stdout
    for name in library.names():
        assert name in listed
    call(program, "init", "mine", cwd=tmp_path)
    assert json.loads(call(program, "schema", cwd=tmp_path).stdout)["title"] == "drydeploy scenario"
