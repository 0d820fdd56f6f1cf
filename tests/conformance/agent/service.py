"""A service that hands out commands over real HTTP, and remembers everything that it was told."""

from __future__ import annotations

import datetime
import json
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import NameOID

TARGET = "CodeDeployCommandService_v20141006."
WAIT_S = 30.0


class Signer:
    """A key with a self-signed certificate, which signs specifications."""

    def __init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a controller")])
        now = datetime.datetime.now(datetime.UTC)
        self._certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .sign(self._key, hashes.SHA256())
        )

    def write_certificate(self, path: Path) -> Path:
        path.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def sign(self, content: bytes) -> str:
        builder = pkcs7.PKCS7SignatureBuilder().set_data(content)
        builder = builder.add_signer(self._certificate, self._key, hashes.SHA256())
        return builder.sign(serialization.Encoding.PEM, [pkcs7.PKCS7Options.Binary]).decode()


@dataclass
class Call:
    """One request: its operation, its body and its headers."""

    operation: str
    body: dict[str, Any]
    headers: dict[str, str]
    at_s: float = field(default_factory=time.monotonic)


class CommandService:
    """The other end of the protocol. ``address`` is its URL; ``calls`` what it was asked, in order."""

    def __init__(self, *, hold_s: float = 10.0, port: int = 0) -> None:
        self.calls: list[Call] = []
        self.acknowledgement: dict[str, Any] = {"CommandStatus": "InProgress"}
        self.envelopes: dict[str, dict[str, str]] = {}
        self.system = "CodeDeploy"
        self.failures: dict[str, list[tuple[int, dict[str, Any]]]] = {}
        self.files: dict[str, tuple[int, bytes]] = {}
        self.requests: list[tuple[str, dict[str, str]]] = []
        self._hold_s = hold_s
        self._pending: list[dict[str, Any]] = []
        self._changed = Condition()
        self._closed = False
        self._server = ThreadingHTTPServer(("127.0.0.1", port), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"http://127.0.0.1:{self.port}"
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def hand_out(self, command: dict[str, Any]) -> str:
        with self._changed:
            self._pending.append(command)
            self._changed.notify_all()
        return str(command["HostCommandIdentifier"])

    def wait_for(self, operation: str, *, command: str | None = None, count: int = 1) -> list[Call]:
        """The calls of ``operation`` (about ``command``), once there are ``count``."""

        def found() -> list[Call]:
            return [
                call
                for call in self.calls
                if call.operation == operation
                and (command is None or call.body.get("HostCommandIdentifier") == command)
            ]

        with self._changed:
            assert self._changed.wait_for(lambda: len(found()) >= count, WAIT_S), (operation, self.calls)
            return found()

    def operations(self) -> list[str]:
        with self._changed:
            return [call.operation for call in self.calls]

    def answer(self, operation: str, body: dict[str, Any], headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        with self._changed:
            self.calls.append(Call(operation, body, headers))
            self._changed.notify_all()
            if self.failures.get(operation):
                return self.failures[operation].pop(0)
        if operation == "PollHostCommand":
            return 200, self._poll()
        if operation == "GetDeploymentSpecification":
            envelope = self.envelopes.get(body["DeploymentExecutionId"])
            specification = {"GenericEnvelope": envelope} if envelope else None
            return 200, {"DeploymentSystem": self.system, "DeploymentSpecification": specification}
        return 200, self.acknowledgement if operation == "PutHostCommandAcknowledgement" else {}

    def _poll(self) -> dict[str, Any]:
        with self._changed:
            self._changed.wait_for(lambda: self._pending or self._closed, self._hold_s)
            return {"HostCommand": self._pending.pop(0)} if self._pending else {}


def _handler(service: CommandService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = 64 * 1024

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].removeprefix(TARGET)
            headers = {name.lower(): value for name, value in self.headers.items()}
            status, reply = service.answer(operation, body, headers)
            self._reply(status, json.dumps(reply).encode(), "application/x-amz-json-1.1")

        def do_GET(self) -> None:
            service.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
            status, content = service.files.get(self.path, (404, b"nothing here"))
            if status in (301, 302):
                self.send_response(status)
                self.send_header("Location", content.decode())
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._reply(status, content, "application/octet-stream")

        def _reply(self, status: int, content: bytes, kind: str) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            return

    return Handler
