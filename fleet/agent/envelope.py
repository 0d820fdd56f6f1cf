"""The signed envelope around a specification.

``PKCS7/JSON`` is a PEM signed-data message with its content inside. It is checked by ``openssl`` against
one pinned certificate: a message that was changed, or signed by anybody else, is refused. (The Ruby agent
looks at neither; the Rust agent refuses a changed message.) ``TEXT/JSON`` is unsigned, and read in
developer mode only.
"""

from __future__ import annotations

import hashlib
import subprocess
from collections import OrderedDict
from pathlib import Path
from threading import Lock

from fleet.agent.errors import AgentError
from fleet.agent.specification import Specification, parse

VERIFY_TIMEOUT_S = 30
CACHED = 64
PAYLOAD_MAX_BYTES = 1024 * 1024


class EnvelopeError(AgentError):
    """An envelope that is not to be trusted, or not to be understood."""


class Opener:
    """Opens envelopes, and remembers those that were verified: the events of a deployment share one."""

    def __init__(self, certificate: Path | None, *, developer_mode: bool = False) -> None:
        self._certificate = certificate
        self._developer_mode = developer_mode
        self._opened: OrderedDict[tuple[str, str], Specification] = OrderedDict()
        self._lock = Lock()

    def open(self, execution_id: str, form: str, payload: str) -> Specification:
        """The specification in an envelope of format ``form``; verified once for each execution and payload.

        Raises EnvelopeError or SpecificationError.
        """
        digest = hashlib.sha256(f"{form}\n{payload}".encode("utf-8", "surrogatepass")).hexdigest()
        key = (execution_id, digest)
        with self._lock:
            known = self._opened.get(key)
        if known is not None:
            return known
        specification = parse(self._content(form, payload))
        with self._lock:
            self._opened[key] = specification
            while len(self._opened) > CACHED:
                self._opened.popitem(last=False)
        return specification

    def _content(self, form: str, payload: str) -> bytes:
        content = payload.encode("utf-8", "surrogatepass")
        if len(content) > PAYLOAD_MAX_BYTES:
            raise EnvelopeError(f"the deployment specification is larger than {PAYLOAD_MAX_BYTES} bytes")
        if form == "PKCS7/JSON" and self._certificate is not None:
            return verify(content, self._certificate)
        if form == "PKCS7/JSON":
            raise EnvelopeError(
                "the deployment specification is signed, and no signer_certificate is configured to verify it"
            )
        if form in ("TEXT/JSON", "JSON") and self._developer_mode:
            return content
        hint = "; unsigned ones are read in developer mode only" if form in ("TEXT/JSON", "JSON") else ""
        raise EnvelopeError(f"the deployment specification has the format `{form}`, where PKCS7/JSON is expected{hint}")


def verify(message: bytes, certificate: Path) -> bytes:
    """The content of a PEM signed message.

    Raises EnvelopeError unless ``certificate`` (PEM) vouches for it.
    """
    command = [
        "openssl",
        "cms",
        "-verify",
        "-inform",
        "PEM",
        "-binary",
        "-purpose",
        "any",
        "-CAfile",
        str(certificate),
    ]
    command += ["-no-CApath", "-no-CAstore", "-partial_chain"]
    try:
        done = subprocess.run(command, input=message, capture_output=True, timeout=VERIFY_TIMEOUT_S, check=False)
    except FileNotFoundError:
        raise EnvelopeError("the deployment specification cannot be verified: this host has no openssl") from None
    except subprocess.TimeoutExpired:
        raise EnvelopeError(f"verifying the deployment specification took over {VERIFY_TIMEOUT_S} s") from None
    if done.returncode != 0:
        raise EnvelopeError(
            "the deployment specification is not signed by the pinned certificate, or was changed on its way: "
            + (_reason(done.stderr.decode(errors="replace")) or f"openssl ended with {done.returncode}")
        )
    return done.stdout


def _reason(said: str) -> str:
    """The first error that openssl tells; its lines hold, between colons, the reason (6th) and its data (9th)."""
    for line in said.splitlines():
        fields = line.split(":", 8)
        if len(fields) == 9 and fields[1] == "error":
            return f"{fields[5]} ({fields[8]})" if fields[8] else fields[5]
    return ""
