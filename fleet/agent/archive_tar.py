"""Opening a tar through a bound.

A few kilobytes of gzip can hold gigabytes of zeros, and a tar's extension headers are read in one piece;
so the decompressed stream is counted, and no single read may be large.
"""

from __future__ import annotations

import bz2
import grp
import gzip
import io
import lzma
import pwd
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO

READ_MAX_BYTES = 16 * 1024 * 1024
HEADERS_SHARE = 4


_Stream = IO[bytes] | gzip.GzipFile | bz2.BZ2File | lzma.LZMAFile


class _Bounded(io.RawIOBase):
    """A readable, seekable view of ``stream`` that raises tarfile.ReadError beyond its bounds."""

    def __init__(self, stream: _Stream, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset > self._max_bytes:
            raise tarfile.ReadError(f"it holds more than {self._max_bytes} bytes")
        return self._stream.seek(offset, whence)

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= READ_MAX_BYTES:
            raise tarfile.ReadError("a header is too large")
        try:
            data = self._stream.read(size)
        except (zlib.error, lzma.LZMAError, gzip.BadGzipFile, EOFError) as error:
            raise tarfile.ReadError(str(error)) from error
        if self._stream.tell() > self._max_bytes:
            raise tarfile.ReadError(f"it holds more than {self._max_bytes} bytes")
        return data


@contextmanager
def open_tar(bundle: Path, kind: str, unpacked_max_bytes: int) -> Iterator[tarfile.TarFile]:
    """Open ``bundle`` for reading. ``tgz`` must be gzip; ``tar`` may be compressed, as the system's tar
    allows.

    Raises tarfile.TarError or OSError.
    """
    with bundle.open("rb") as raw:
        magic = raw.read(6)
        raw.seek(0)
        stream = _decompressed(raw, magic, kind)
        # Headers and padding come on top of the content, hence the larger bound for the stream as a whole.
        bounded = _Bounded(stream, unpacked_max_bytes + max(unpacked_max_bytes // HEADERS_SHARE, READ_MAX_BYTES))
        with tarfile.open(fileobj=bounded, mode="r:", errorlevel=2) as archive:
            yield archive


def _decompressed(raw: IO[bytes], magic: bytes, kind: str) -> _Stream:
    if magic.startswith(b"\x1f\x8b"):
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if kind == "tgz":
        raise tarfile.ReadError("it is not compressed by gzip")
    if magic.startswith(b"BZh"):
        return bz2.BZ2File(raw)
    if magic.startswith(b"\xfd7zXZ"):
        return lzma.LZMAFile(raw)
    return raw


def tar_owner(member: tarfile.TarInfo) -> tuple[int, int]:
    """The member's owner on this host, (uid, gid): by name where the name is known here, else by number."""
    return _uid(member.uname, member.uid), _gid(member.gname, member.gid)


@lru_cache(maxsize=256)
def _uid(name: str, number: int) -> int:
    try:
        return pwd.getpwnam(name).pw_uid if name else number
    except KeyError:
        return number


@lru_cache(maxsize=256)
def _gid(name: str, number: int) -> int:
    try:
        return grp.getgrnam(name).gr_gid if name else number
    except KeyError:
        return number
