"""Notifications posted to an address, signed by the Standard Webhooks scheme (https://www.standardwebhooks.com)."""

from __future__ import annotations

import base64
import binascii
import os
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from typing_extensions import override

from scenarios.notifications import SECRET_PREFIX, WebhookTarget
from simulator.control.notifications.limit import Limit, pool
from simulator.control.notifications.message import Message
from simulator.control.notifications.receiver import NotificationError, Receiver, Refused, Unreached, retried
from simulator.version import VERSION

if TYPE_CHECKING:
    from standardwebhooks import Webhook as Signer
    from urllib3 import BaseHTTPResponse

ANSWER_MAX_BYTES: Final = 65_536
"""No more of a webhook's answer is read."""
ANSWER_SHOWN: Final = 200
"""So many characters of a refusal are shown."""
SECRET_MIN_BYTES: Final = 24
"""The scheme's shortest secret."""
SECRET_MAX_BYTES: Final = 64
"""The scheme's longest secret."""

_SPEAKER: Final = re.compile(r"^(<[^>]*>|\w+\([^)]*\)): ")
"""How an error of urllib3 begins."""


class Webhook(Receiver):
    """An address. Only what the scenario names is contacted: no redirect is followed, no proxy is used."""

    def __init__(self, target: WebhookTarget) -> None:
        """Raises NotificationError where it cannot be signed for."""
        parts = urlsplit(target.url)
        self.where = f"{parts.scheme}://{parts.netloc}{parts.path}"  # a query may hold what is nobody's business
        self.timeout_s = target.timeout / 1000
        self.retry_for_s = target.retry_for / 1000
        self._url = target.url
        self._signer = _signer(target.secret) if target.secret is not None else None
        self._limit = Limit(self.timeout_s)
        self._pool = pool(self._limit, self.timeout_s)

    @override
    def send(self, message: Message) -> None:
        """Post it once. Every attempt has the same `webhook-id`, by which a receiver knows what it has already."""
        from urllib3 import exceptions

        body = message.body()
        now = datetime.now(UTC)
        headers = {
            "content-type": "application/json",
            "user-agent": f"drydeploy/{VERSION}",
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._signer is not None:
            headers["webhook-signature"] = self._signer.sign(message.id, now, body)
        late = Unreached(f"it did not answer within {self.timeout_s:g} s")
        with self._limit.attempt():
            try:
                answer = self._pool.request(
                    "POST", self._url, body=body.encode(), headers=headers, redirect=False, preload_content=False
                )
            except exceptions.NewConnectionError as error:  # which urllib3 counts among the time limits
                raise Unreached(_in_words(error)) from error
            except exceptions.HTTPError as error:
                if self._limit.over or isinstance(error, exceptions.TimeoutError):
                    raise late from error
                if isinstance(error, exceptions.SSLError):
                    raise Refused(f"its certificate is not trusted: {error}") from error
                raise Unreached(_in_words(error)) from error
            if self._limit.over:  # hung up in the midst of its headers, which then look whole
                answer.close()
                raise late
            said = _read(answer)
        _judge(answer, said)

    @override
    def close(self) -> None:
        """Hang up."""
        self._pool.clear()


def _judge(answer: BaseHTTPResponse, text: str) -> None:
    status = answer.status
    if 200 <= status < 300:
        return
    said = f": {text}" if text else ""
    if 300 <= status < 400:
        raise Refused(f"it answered {status} with another address, and redirects are not followed")
    if retried(status):
        raise Unreached(f"it answered {status}{said}", _after_s(answer))
    raise Refused(f"it answered {status}{said}")


def _read(answer: BaseHTTPResponse) -> str:
    """The beginning of an answer on one line. One that has come whole leaves a connection that can be used again.

    The status has come, and it alone counts: a body that does not come, or never ends, is not waited for.
    """
    from urllib3 import exceptions

    text = b""
    try:
        text = answer.read1(ANSWER_MAX_BYTES, decode_content=False)
        whole = answer.length_remaining == 0
    except exceptions.HTTPError:
        whole = False
    if whole:
        answer.release_conn()
    else:
        answer.close()
    return " ".join(text[: 4 * ANSWER_SHOWN].decode("utf-8", "replace").split())[:ANSWER_SHOWN]


def _after_s(answer: BaseHTTPResponse) -> float:
    """What `Retry-After` asks for, in seconds; 0 where it does not, or not in a form that is one."""
    from urllib3 import exceptions
    from urllib3.util import Retry

    try:
        return Retry().get_retry_after(answer) or 0
    except (exceptions.InvalidHeader, ValueError, OverflowError):
        return 0


def _in_words(error: Exception) -> str:
    """What went wrong, without the object that says so: `Failed to establish a new connection: [Errno 111] …`."""
    cause = error.args[-1] if error.args else error
    return _SPEAKER.sub("", str(cause)) or type(error).__name__


def _signer(variable: str) -> Signer:
    """The scheme's own signer. The secret itself is in no message."""
    from standardwebhooks import Webhook as Signer

    remedy = f"make one: export {variable}={SECRET_PREFIX}$(openssl rand -base64 32), and tell the receiver"
    secret = os.environ.get(variable, "")
    if not secret:
        raise NotificationError(f"the webhook's secret is not there: the variable {variable} is not set; {remedy}")
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotificationError(f"the webhook's secret in {variable} is not Base64; {remedy}") from error
    if not SECRET_MIN_BYTES <= len(key) <= SECRET_MAX_BYTES:
        raise NotificationError(
            f"the webhook's secret in {variable} has {len(key)} bytes, and the scheme wants {SECRET_MIN_BYTES} to "
            f"{SECRET_MAX_BYTES}; {remedy}"
        )
    return Signer(key)
