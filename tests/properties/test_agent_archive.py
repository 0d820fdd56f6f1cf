"""Archives from elsewhere: whatever they hold, nothing outside the target changes, and a refusal leaves nothing."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fleet.agent.archive import ArchiveRefused, Bounds, unpack

NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", "appspec.yml"]), min_size=1, max_size=4).map("/".join)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
MEMBERS = st.lists(st.tuples(KINDS, NAMES, NAMES, st.binary(max_size=9)), max_size=8)
SMALL = Bounds(unpacked_max_bytes=1000, members_max=20)


def tar_of(members: list[tuple[bytes, str, str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as archive:
        for kind, name, link, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode = kind, link, 0o644
            member.size = len(content) if kind == tarfile.REGTYPE else 0
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zip_of(members: list[tuple[bytes, str, str, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for kind, name, link, content in members:
            is_link = kind == tarfile.SYMTYPE
            info = zipfile.ZipInfo(name + "/" * (kind == tarfile.DIRTYPE))
            info.external_attr = ((stat.S_IFLNK if is_link else stat.S_IFREG) | 0o644) << 16
            archive.writestr(info, link.encode() if is_link else content)
    return buffer.getvalue()


def check(content: bytes, kind: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        (folder / "a").write_text("outside")
        bundle, target = folder / "bundle", folder / "b" / "target"
        target.parent.mkdir()
        bundle.write_bytes(content)
        refused = False
        try:
            unpack(bundle, kind, target, SMALL)
        except ArchiveRefused as error:
            refused = True
            assert str(error)
        assert sorted(path.name for path in folder.iterdir()) == ["a", "b", "bundle"]
        assert (folder / "a").read_text() == "outside"
        assert (folder / "a").stat().st_nlink == 1
        assert [path.name for path in target.parent.iterdir()] == ([] if refused else ["target"])
        for path in target.rglob("*"):
            assert path.is_symlink() or path.is_file() or path.is_dir()
            assert os.path.realpath(path).startswith(str(target))


@given(MEMBERS)
@example([(tarfile.SYMTYPE, "b", "..", b""), (tarfile.REGTYPE, "b/x", "", b"1")])
@example([(tarfile.SYMTYPE, "a/b", ".", b""), (tarfile.SYMTYPE, "c", "a/b/../../..", b"")])
@example([(tarfile.SYMTYPE, "a", "..", b""), (tarfile.LNKTYPE, "b", "a/a", b"")])
@example([(tarfile.REGTYPE, "a/appspec.yml", "", b""), (tarfile.SYMTYPE, "a/b", "../x", b"")])
def test_tars(members: list[tuple[bytes, str, str, bytes]]) -> None:
    check(tar_of(members), "tar")


@given(MEMBERS)
@example([(tarfile.SYMTYPE, "b", "..", b""), (tarfile.REGTYPE, "b/x", "", b"1")])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zips(members: list[tuple[bytes, str, str, bytes]]) -> None:
    check(zip_of(members), "zip")


@given(st.binary(max_size=2000), st.sampled_from(["tar", "tgz", "zip"]))
def test_noise(content: bytes, kind: str) -> None:
    check(content, kind)


@given(MEMBERS, st.integers(0, 3000), st.integers(0, 255))
def test_damaged_tars(members: list[tuple[bytes, str, str, bytes]], place: int, value: int) -> None:
    content = bytearray(tar_of(members))
    content[place % len(content)] = value
    check(bytes(content), "tar")


def refusal(tmp_path: Path, content: bytes, kind: str, bounds: Bounds = SMALL) -> str:
    (tmp_path / "bundle").write_bytes(content)
    with pytest.raises(ArchiveRefused) as caught:
        unpack(tmp_path / "bundle", kind, tmp_path / "target", bounds)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    return str(caught.value)


@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_the_bounds(tmp_path: Path, pack) -> None:  # type: ignore[no-untyped-def]
    kind = "tar" if pack is tar_of else "zip"
    assert "1000 bytes" in refusal(tmp_path, pack([(tarfile.REGTYPE, "a", "", b"0" * 1001)]), kind)
    many = [(tarfile.REGTYPE, f"a{number}", "", b"") for number in range(21)]
    assert "20 members" in refusal(tmp_path, pack(many), kind)


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../../x"])
@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_climbing_is_refused_by_name(tmp_path: Path, pack, name: str) -> None:  # type: ignore[no-untyped-def]
    kind = "tar" if pack is tar_of else "zip"
    assert name in refusal(tmp_path, pack([(tarfile.REGTYPE, name, "", b"")]), kind)


@pytest.mark.parametrize("to", ["/etc/passwd", "..", "b/../../x"])
def test_links_out_are_refused_by_name(tmp_path: Path, to: str) -> None:
    assert "`link`" in refusal(tmp_path, tar_of([(tarfile.SYMTYPE, "link", to, b"")]), "tar")


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
def test_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    assert "device" in refusal(tmp_path, tar_of([(kind, "d", "", b"")]), "tar")


def test_a_small_archive_of_many_zeros_is_stopped_early(tmp_path: Path) -> None:
    import gzip

    header = tarfile.TarInfo("big")
    header.size = 1 << 33
    content = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + b"\0" * (1 << 22))
    assert "1000 bytes" in refusal(tmp_path, content, "tgz")


def test_a_huge_header_is_refused(tmp_path: Path) -> None:
    import gzip

    header = tarfile.TarInfo("pax")
    header.type, header.size = tarfile.XHDTYPE, 1 << 30
    content = gzip.compress(header.tobuf(tarfile.GNU_FORMAT) + b"\0" * (1 << 22))
    assert "header is too large" in refusal(tmp_path, content, "tgz", Bounds())


def test_modes_times_and_hard_links_are_kept(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:") as archive:
        for name, kind, mode in (("d", tarfile.DIRTYPE, 0o750), ("d/x", tarfile.REGTYPE, 0o4711)):
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.mtime = kind, mode, 1_000_000_000
            member.uid, member.gid = os.getuid(), os.getgid()
            archive.addfile(member)
        member = tarfile.TarInfo("d/y")
        member.type, member.linkname = tarfile.LNKTYPE, "d/x"
        member.uid, member.gid = os.getuid(), os.getgid()
        archive.addfile(member)
    (tmp_path / "bundle").write_bytes(buffer.getvalue())
    unpack(tmp_path / "bundle", "tar", tmp_path / "target")
    first = (tmp_path / "target/d/x").stat()
    assert stat.S_IMODE(first.st_mode) == 0o4711
    assert first.st_mtime == 1_000_000_000
    assert (tmp_path / "target/d/y").stat().st_ino == first.st_ino
    assert stat.S_IMODE((tmp_path / "target/d").stat().st_mode) == 0o750
