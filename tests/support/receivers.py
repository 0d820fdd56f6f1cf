"""A real receiver of webhooks: an HTTP server on this machine that answers as it is told, and remembers what it got."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from simulator.control.notifications import Message
from simulator.control.notifications.outbox import Outbox, Report
from simulator.control.notifications.receiver import Receiver

WAIT_S = 20.0


def until(condition: Callable[[], bool], wait_s: float = WAIT_S) -> None:
    """Wait for something to be so. Fails the test where it is not so in time."""
    end_s = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < end_s, "it did not come to that in time"
        time.sleep(0.005)


@dataclass(frozen=True)
class Answer:
    """How one request is answered.

    `hangs`: not until the server ends; `breaks`: the connection is closed; `drips`: a byte of a header from time to
    time, without end.
    """

    status: int = 204
    text: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False
    breaks: bool = False
    drips: bool = False


OK = Answer()
HANGS = Answer(hangs=True)
BREAKS = Answer(breaks=True)
DRIPS = Answer(drips=True)


@dataclass(frozen=True)
class Got:
    """A request, and how it was answered."""

    path: str
    headers: Mapping[str, str]
    body: str
    answer: Answer

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def message(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads(json.loads(self.body)["Message"])
        return message


class Server:
    """What was got, in order. `answers` are given one after the other; then every request is answered with `then`."""

    def __init__(self, answers: Iterable[Answer] = (), then: Answer = OK, port: int = 0) -> None:
        self.got: list[Got] = []
        self._answers = iter(answers)
        self._then = then
        self._lock = threading.Lock()
        self.ended = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", port), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def accepted(self) -> list[Got]:
        return [
            got
            for got in self.got
            if 200 <= got.answer.status < 300 and not (got.answer.hangs or got.answer.breaks or got.answer.drips)
        ]

    def start(self) -> Server:
        self._thread.start()
        return self

    def stop(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                with server._lock:
                    answer = next(server._answers, server._then)
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    server.got.append(Got(self.path, headers, body, answer))
                if answer.hangs:
                    server.ended.wait()
                if answer.drips:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Header: ")
                    with suppress(OSError):
                        while not server.ended.wait(0.02):
                            self.wfile.write(b"x")
                if answer.hangs or answer.breaks or answer.drips:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer.text.encode())))
                self.end_headers()
                self.wfile.write(answer.text.encode())

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def serving(*answers: Answer, then: Answer = OK, port: int = 0) -> Iterator[Server]:
    """A server for the time of a test."""
    server = Server(answers, then, port).start()
    try:
        yield server
    finally:
        server.stop()


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


# -- messages, and an outbox for them --------------------------------------------------------------------------------


def text(number: int) -> Message:
    deployment = f"d-{number // 100}"
    body = json.dumps({"deploymentId": deployment, "number": number, "words": "“ü”"}, ensure_ascii=False)
    return Message(f"{deployment}-{number}", deployment, f"subject {number}", body, "2026-01-01T00:00:00.000Z")


def delivered(receiver: Receiver, count: int = 5, during: Callable[[Outbox], None] = lambda _: None) -> Report:
    """Put so many messages into an outbox, wait until they are settled, and give its report."""
    outbox = Outbox(receiver)
    for number in range(count):
        outbox.put(text(number))
    during(outbox)
    outbox.close()
    assert outbox.finished(WAIT_S)
    return outbox.report()


def ids(count: int = 5) -> list[str]:
    return [text(number).id for number in range(count)]
