"""Fetching a bundle from S3 or GitHub.

Both ends can be put elsewhere by the configuration. A bundle is bounded in size; what was fetched in part
is removed.
"""

from __future__ import annotations

import importlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any, Protocol
from urllib.parse import quote

from fleet.agent import messages
from fleet.agent.aws import make_client
from fleet.agent.config import Config
from fleet.agent.errors import AgentError
from fleet.agent.specification import GitHubRevision, S3Revision

BUNDLE_MAX_BYTES = 2 * 1024**3
_CHUNK_BYTES = 1024 * 1024


class Sources(Protocol):
    """Where bundles come from."""

    def s3(self, revision: S3Revision, target: Path) -> None:
        """Fetch a bundle from its bucket."""

    def github(self, revision: GitHubRevision, token: str | None, target: Path) -> None:
        """Fetch a commit of a repository."""


class NetworkSources:
    """The real sources, by a host's configuration.

    The S3 client is made when it is first wanted, and kept.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._s3_client: Any = None
        self._lock = Lock()

    def s3(self, revision: S3Revision, target: Path) -> None:
        """Fetch a bundle from its bucket, and compare its ETag with the one wanted."""
        where = f"s3://{revision.bucket}/{revision.key}"
        version = {"VersionId": revision.version} if revision.version else {}
        errors: Any = importlib.import_module("botocore.exceptions")
        try:
            reply = self._client().get_object(Bucket=revision.bucket, Key=revision.key, **version)
            _pour(reply["Body"], target, where)
        except errors.ClientError as error:
            detail = error.response.get("Error", {})
            refused = messages.fetch_refused(where, detail.get("Code", ""), detail.get("Message", ""))
            raise AgentError(refused) from error
        except (errors.BotoCoreError, errors.HTTPClientError) as error:
            raise AgentError(f"fetching {where} failed: {error}; is s3_endpoint_override right?") from error
        found = str(reply.get("ETag", "")).strip('"')
        wanted = (revision.etag or "").strip('"')
        if wanted and wanted != found:
            target.unlink(missing_ok=True)
            raise AgentError(f"{where} has the ETag {found}, and the revision names {wanted}: the object was replaced")

    def warm_up(self) -> None:
        """Make the S3 client now, so that the first download need not wait for it; a failure shows at the download."""
        errors: Any = importlib.import_module("botocore.exceptions")
        with suppress(errors.BotoCoreError):
            self._client()

    def _client(self) -> Any:
        with self._lock:
            if self._s3_client is None:
                self._s3_client = self._make_client()
            return self._s3_client

    def _make_client(self) -> Any:
        override = self._config.s3_endpoint_override
        return make_client(
            "s3",
            self._config,
            override,
            signature_version="s3v4",
            s3={"addressing_style": "path"} if override else {},
            retries={"max_attempts": 3},
        )

    def github(self, revision: GitHubRevision, token: str | None, target: Path) -> None:
        """Fetch a commit as GitHub packs it; tried again after each of the configured delays."""
        form = "zipball" if revision.bundle_type == "zip" else "tarball"
        parts = (revision.account, revision.repository, form, revision.commit)
        url = f"{self._config.github_endpoint}/repos/" + "/".join(quote(part, safe="") for part in parts)
        said: list[str] = []
        for delay_s in (*self._config.github_retry_delays_s, None):
            try:
                _fetch(url, token, target)
                return
            except urllib.error.HTTPError as error:
                said.append(f"{error.code} {error.reason}")
                error.close()
            except OSError as error:
                said.append(str(error))
            if delay_s is not None:
                time.sleep(delay_s)
        raise AgentError(f"fetching {url} failed {len(said)} times: {'; '.join(said)}")


def _fetch(url: str, token: str | None, target: Path) -> None:
    request = urllib.request.Request(url, headers={"User-Agent": "drydeploy-agent"})
    if token:
        request.add_unredirected_header("Authorization", f"token {token}")
    with urllib.request.urlopen(request, timeout=60) as reply:
        _pour(reply, target, url)


def _pour(content: Any, target: Path, where: str) -> None:
    read: Callable[[int], bytes] = content.read
    target.unlink(missing_ok=True)
    try:
        with target.open("wb") as file:
            _copy_bounded(read, file, where)
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _copy_bounded(read: Callable[[int], bytes], file: IO[bytes], where: str) -> None:
    total = 0
    while chunk := read(_CHUNK_BYTES):
        total += len(chunk)
        if total > BUNDLE_MAX_BYTES:
            raise AgentError(f"{where} is larger than {BUNDLE_MAX_BYTES} bytes")
        file.write(chunk)
