"""The bucket of a run: S3's GetObject, by path, for hosts that may read it; the others are told what they lack.

Errors are S3's XML (API reference, "Error responses"). Signatures are not verified: a host is known by its access key.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final
from xml.sax.saxutils import escape

from aiohttp import web

from fleet.bundle_store import ACCESS_DENIED, BUCKET, denial

PATH: Final = f"/{BUCKET}/{{key:.+}}"
"""Where the objects are, below the endpoint."""


class BundleStore:
    """Objects by key, and the hosts that may not read them. `caller(request)` is the host that asks; None: nobody."""

    def __init__(self, caller: Callable[[web.Request], str | None]) -> None:
        self._caller = caller
        self._objects: dict[str, bytes] = {}
        self._denied: dict[str, set[str]] = {}

    def put(self, key: str, content: bytes) -> None:
        """Have an object."""
        self._objects[key] = content

    def deny(self, host: str, fault: str) -> None:
        """The role of this host loses s3:GetObject."""
        self._denied.setdefault(host, set()).add(fault)

    def allow(self, host: str, fault: str) -> None:
        """The role of this host gets it back, unless another fault keeps it."""
        self._denied.get(host, set()).discard(fault)

    async def get(self, request: web.Request) -> web.Response:
        """GetObject."""
        key = request.match_info["key"]
        host = self._caller(request)
        if host is None:
            return _error(
                403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
            )
        if self._denied.get(host):
            return _error(403, ACCESS_DENIED, denial(host, key))
        content = self._objects.get(key)
        if content is None:
            return _error(404, "NoSuchKey", "The specified key does not exist.")
        tag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        return web.Response(body=content, headers={"ETag": f'"{tag}"', "Content-Type": "application/octet-stream"})


def _error(status: int, code: str, message: str) -> web.Response:
    error = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n{error}'
    return web.Response(text=body, status=status, content_type="application/xml")
