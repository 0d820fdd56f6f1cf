"""What of a bundle comes into the container of a task, and that a directory and its archive are one and the same."""

from __future__ import annotations

import io
import os
import socket
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from fleet.base import FleetError
from fleet.docker.bundles import pack
from fleet.docker.tasks import PLACE, bundle_files
from fleet.platforms.revision import read_revision
from fleet.virtual import revision as virtual
from scenarios.model import Revision
from tests.support.rehearsals import BUNDLES

Entry = tuple[str, int, bytes, str]
"""Its path, mode, content, and where it leads."""


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    """Everything that a bundle may hold."""
    path = tmp_path / "bundle"
    (path / "bin").mkdir(parents=True)
    (path / "empty").mkdir()
    (path / "appspec.yaml").write_bytes((BUNDLES / "ecs-v1" / "appspec.yaml").read_bytes())
    (path / "start.sh").write_text("#!/bin/sh\n")
    (path / "start.sh").chmod(0o775)
    (path / "bin" / "tool").write_text("set-id")
    (path / "bin" / "tool").chmod(0o4755)
    (path / "latest").symlink_to("bin/tool")
    (path / "bin" / "up").symlink_to("..")
    (path / "secret").write_text("")
    (path / "secret").chmod(0o600)
    return path


def packed(directory: Path) -> Path:
    archive = directory.with_suffix(".tgz")
    archive.write_bytes(pack("v1", directory).content)
    return archive


def zipped(directory: Path) -> Path:
    archive = directory.with_suffix(".zip")
    with zipfile.ZipFile(archive, "w") as out:
        for entry in sorted(directory.rglob("*")):
            info = zipfile.ZipInfo(f"{entry.relative_to(directory)}{'/' * (entry.is_dir() and not entry.is_symlink())}")
            info.external_attr = entry.lstat().st_mode << 16
            content = (
                str(entry.readlink()).encode() if entry.is_symlink() else entry.read_bytes() if entry.is_file() else b""
            )
            out.writestr(info, content)
    return archive


def in_container(bundle: Path) -> list[Entry]:
    with tarfile.open(fileobj=io.BytesIO(bundle_files(bundle))) as tar:
        entries = []
        for info in tar:
            file = tar.extractfile(info) if info.isreg() else None
            assert (info.uid, info.gid) == (0, 0)
            path = info.name.removeprefix(f"{PLACE}/".lstrip("/"))
            entries.append((path, 0 if info.issym() else info.mode, file.read() if file else b"", info.linkname))
        return entries


def test_a_task_finds_its_files_as_they_are_in_the_bundle(bundle: Path) -> None:
    found = {path: (mode, leads) for path, mode, _, leads in in_container(bundle)}
    assert found == {
        "appspec.yaml": (0o644, ""),
        "bin": (0o755, ""),
        "bin/tool": (0o755, ""),
        "bin/up": (0, ".."),
        "empty": (0o755, ""),
        "latest": (0, "bin/tool"),
        "secret": (0o600, ""),
        "start.sh": (0o755, ""),
    }


@pytest.mark.parametrize("archived", [packed, zipped])
def test_a_directory_and_its_archive_are_the_same(bundle: Path, archived: Callable[[Path], Path]) -> None:
    archive = archived(bundle)
    assert in_container(archive) == in_container(bundle)
    assert read_revision("v1", archive, "ECS") == read_revision("v1", bundle, "ECS")


@pytest.mark.parametrize(
    ("leads", "words"),
    [
        ("/etc/hostname", "the link `leak` of the bundle leads out of it, to `/etc/hostname`"),
        ("../..", "leads out of it"),
    ],
)
def test_a_link_out_of_a_directory_is_refused_as_one_out_of_its_archive(bundle: Path, leads: str, words: str) -> None:
    (bundle / "leak").symlink_to(leads)
    (bundle / "appspec.yml").write_text("version: 0.0\nos: linux\n")
    for written in (bundle, packed(bundle)):
        with pytest.raises(FleetError, match=words):
            bundle_files(written)
        assert words in read_revision("v1", written, "ECS").problem
        assert words in str(virtual.read_revision("v1", Revision(bundle=written), ()).download_failure)


def test_a_pipe_is_refused_and_a_socket_is_in_no_archive(bundle: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(bundle / "socket"))
        before = in_container(bundle)
    assert not any(path == "socket" for path, *_ in before)
    assert in_container(packed(bundle)) == before
    os.mkfifo(bundle / "pipe")
    for written in (bundle, packed(bundle)):
        with pytest.raises(FleetError, match="`pipe` of the bundle is a device, a pipe or the like"):
            bundle_files(written)


def test_one_directory_that_holds_it_all_is_the_bundle(bundle: Path, tmp_path: Path) -> None:
    outer = tmp_path / "outer"
    outer.mkdir()
    bundle.rename(outer / "inner")
    assert in_container(outer) == in_container(packed(outer)) == in_container(outer / "inner")


def test_a_bundle_that_is_too_much_is_refused(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fleet.docker.tasks.FILES_MAX_BYTES", 10)
    with pytest.raises(FleetError, match="is larger than 10 bytes"):
        bundle_files(bundle)
