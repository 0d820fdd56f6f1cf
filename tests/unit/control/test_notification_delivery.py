"""Delivery to real receivers that fail for a while: in order, once each, and told where it is not."""

from __future__ import annotations

import base64
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from scenarios.notifications import WebhookTarget
from simulator.control.notifications import Message, NotificationError
from simulator.control.notifications import outbox as module
from simulator.control.notifications.file import File
from simulator.control.notifications.outbox import Outbox
from simulator.control.notifications.webhook import ANSWER_MAX_BYTES, Webhook
from tests.support.receivers import (
    BREAKS,
    DRIPS,
    HANGS,
    OK,
    WAIT_S,
    Answer,
    Server,
    delivered,
    free_port,
    ids,
    serving,
    text,
    until,
)

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
BUSY = Answer(503, "busy")


def hook(server: Server | str, **told: Any) -> Webhook:
    url = server if isinstance(server, str) else server.url
    return Webhook(WebhookTarget.model_validate({"url": url, "timeout": "500ms", **told}))


# -- webhooks ---------------------------------------------------------------------------------------------------------


def test_messages_are_posted_in_order_and_once_each() -> None:
    with serving() as server:
        report = delivered(hook(server), 50)
        assert [got.id for got in server.got] == ids(50)
        assert [got.body for got in server.got] == [text(number).body() for number in range(50)]
        assert server.got[0].headers["content-type"] == "application/json"
    assert (report.total, report.undelivered, report.reason) == (50, (), "")


@pytest.mark.parametrize(
    "trouble",
    [
        (BUSY, BUSY),
        (Answer(500), Answer(429), Answer(408)),
        (BREAKS, BREAKS),
        (HANGS,),
        (OK, BUSY, OK, HANGS, OK, BREAKS),
    ],
)
def test_a_receiver_that_fails_for_a_while_gets_all_in_order_and_accepts_each_once(trouble: tuple[Answer, ...]) -> None:
    with serving(*trouble) as server:
        report = delivered(hook(server))
        assert [got.id for got in server.accepted] == ids()
        tried = [got.id for got in server.got]
        assert tried == sorted(tried, key=ids().index), "nobody overtakes a message that waits"
        assert len(server.got) == 5 + sum(answer is not OK for answer in trouble)
    assert report.reason == ""


def test_a_receiver_that_is_not_up_yet_gets_everything_when_it_is() -> None:
    port = free_port()
    server: Server | None = None

    def comes_up(outbox: Outbox) -> None:
        nonlocal server
        until(lambda: "Connection refused" in outbox.waiting[1])
        server = Server(port=port).start()

    report = delivered(hook(f"http://127.0.0.1:{port}/hook"), during=comes_up)
    assert server is not None
    server.stop()
    assert report.reason == ""
    assert [got.id for got in server.got] == ids()


def test_every_attempt_is_signed_by_the_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    with serving(BUSY) as server:
        delivered(hook(server, secret="HOOK_SECRET"), 2)
        for got in server.got:
            body = Verifier(SECRET).verify(got.body, dict(got.headers))
            assert body["Message"] == text(int(got.id[-1])).text
        forged = server.got[0].body.replace("subject", "SUBJECT")
        with pytest.raises(Exception, match="No matching signature"):
            Verifier(SECRET).verify(forged, dict(server.got[0].headers))


def test_without_a_secret_nothing_is_signed() -> None:
    with serving() as server:
        delivered(hook(server), 1)
        assert "webhook-signature" not in server.got[0].headers


@pytest.mark.parametrize("status", [400, 401, 404, 410, 413])
def test_a_refusal_is_not_repeated_and_the_next_message_has_its_turn(status: int) -> None:
    with serving(OK, Answer(status, "who are\nyou?")) as server:
        report = delivered(hook(server), 3)
        assert [got.id for got in server.got] == ids(3)
    assert [lost.id for lost in report.undelivered] == [text(1).id]
    assert report.reason == f"it answered {status}: who are you?"
    assert str(report).startswith("1 of 3 notifications was not delivered to http://127.0.0.1:")


def test_no_redirect_is_followed() -> None:
    with serving() as elsewhere, serving(then=Answer(307, headers={"location": elsewhere.url})) as server:
        report = delivered(hook(server), 1)
        assert elsewhere.got == []
    assert "redirects are not followed" in report.reason


def test_no_proxy_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as proxy, serving() as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        assert delivered(hook(server), 1).reason == ""
        assert proxy.got == []


def test_what_the_receiver_asks_for_is_waited() -> None:
    with serving(Answer(429, headers={"retry-after": "1"})) as server:
        began = time.monotonic()
        assert delivered(hook(server), 1).reason == ""
        assert time.monotonic() - began >= 1


@pytest.mark.parametrize("asked", ["soon", "-5", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_what_cannot_be_waited_is_not(asked: str) -> None:
    with serving(Answer(503, headers={"retry-after": asked})) as server:
        assert delivered(hook(server), 1).reason == ""
        assert len(server.got) == 2


def test_the_waits_double_up_to_a_limit() -> None:
    outbox = Outbox(hook("http://127.0.0.1:1"))
    waits: list[float] = []

    def pause(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 9:
            raise module._GivenUp

    outbox._pause = pause  # type: ignore[method-assign]  # the clock alone is not waited for
    outbox.put(text(0))
    assert outbox.finished(WAIT_S)
    assert waits == [0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]


def test_an_answer_that_never_ends_has_been_given() -> None:
    with serving(then=Answer(200, "x" * (2 * ANSWER_MAX_BYTES))) as server:
        assert delivered(hook(server), 3).reason == ""
        assert len(server.got) == 3


def test_a_receiver_that_never_answers_is_given_up_and_everything_is_told() -> None:
    with serving(then=HANGS) as server:
        outbox = Outbox(hook(server))
        for number in range(3):
            outbox.put(text(number))
        outbox.close()
        until(lambda: len(server.got) >= 2)
        outbox.give_up()
        assert outbox.finished(WAIT_S)
        report = outbox.report()
        assert {got.id for got in server.got} == {text(0).id}
    assert [lost.id for lost in report.undelivered] == ids(3)
    assert report.reason.startswith("it did not answer within 0.5 s (2 attempts in ")
    assert str(report).startswith("3 of 3 notifications were not delivered to http://127.0.0.1:")


def test_an_attempt_ends_at_its_time_however_much_of_an_answer_has_come() -> None:
    """Each byte comes well within the limit; all of them never come."""
    with serving(DRIPS, DRIPS) as server:
        began = time.monotonic()
        assert delivered(hook(server), 2).reason == ""
        assert 1.0 <= time.monotonic() - began < WAIT_S / 2
        assert [got.id for got in server.got] == [text(0).id] * 3 + [text(1).id]


def test_an_attempt_without_an_end_is_told_as_one() -> None:
    with serving(then=HANGS) as server:
        outbox = Outbox(hook(server, timeout="60s"))
        outbox.put(text(0))
        until(lambda: bool(server.got))
        outbox.close()
        outbox.give_up()
        report = outbox.report()
    assert report.reason.startswith("an attempt was still without an answer after ")


def test_a_message_that_was_taken_in_the_last_moment_is_not_told_as_lost() -> None:
    with serving() as server:
        outbox = Outbox(hook(server))
        outbox.put(text(0))
        until(lambda: bool(server.got))
        outbox.close()
        outbox.give_up()
        assert outbox.finished(WAIT_S)
        assert outbox.report().undelivered == ()


def test_putting_never_waits_for_the_receiver() -> None:
    with serving(then=HANGS) as server:
        outbox = Outbox(hook(server, timeout="60s"))
        began = time.monotonic()
        for number in range(10_000):
            outbox.put(text(number))
        assert time.monotonic() - began < 5
        assert outbox.waiting[0] == 10_000
        outbox.give_up()


def test_more_than_may_wait_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 2)
    go = threading.Event()

    class Slow(File):
        def send(self, message: Message) -> None:
            go.wait(WAIT_S)
            super().send(message)

    outbox = Outbox(Slow(Path("/dev/null")))
    for number in range(4):
        outbox.put(text(number))
    go.set()
    outbox.close()
    assert outbox.finished(WAIT_S)
    assert [lost.id for lost in outbox.report().undelivered] == [text(2).id, text(3).id]
    assert outbox.report().reason == "2 were waiting already"


def test_a_certificate_that_nobody_trusts_is_a_refusal(tmp_path: Path) -> None:
    with _https(tmp_path) as url:
        report = delivered(hook(url), 1)
    assert "its certificate is not trusted" in report.reason


def _https(directory: Path) -> Any:
    """A server with a certificate of its own making."""
    import contextlib
    import ssl
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = directory / "server.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)

    @contextlib.contextmanager
    def serve() -> Any:
        with serving() as server:
            server._server.socket = context.wrap_socket(server._server.socket, server_side=True)
            yield server.url.replace("http://127.0.0.1", "https://localhost")

    return serve()


@pytest.mark.parametrize(
    ("secret", "words"),
    [
        (None, "the variable HOOK_SECRET is not set"),
        ("", "the variable HOOK_SECRET is not set"),
        ("whsec_not base64!", "is not Base64"),
        ("whsec_" + base64.b64encode(b"short").decode(), "has 5 bytes, and the scheme wants 24 to 64"),
    ],
)
def test_a_secret_that_is_none_is_told_before_the_run(
    monkeypatch: pytest.MonkeyPatch, secret: str | None, words: str
) -> None:
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    if secret is not None:
        monkeypatch.setenv("HOOK_SECRET", secret)
    with pytest.raises(NotificationError) as caught:
        hook("http://127.0.0.1:1", secret="HOOK_SECRET")
    assert words in str(caught.value)
    assert "openssl rand -base64 32" in str(caught.value)
    assert not secret or secret not in str(caught.value)


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_file_gets_a_line_each_after_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "notes.jsonl"
    path.write_text('{"broken": "li')
    assert delivered(File(path), 3).reason == ""
    assert delivered(File(path), 1).reason == ""
    lines = path.read_text().splitlines()
    assert lines[0] == '{"broken": "li'
    assert lines[1:] == [text(number).body() for number in (0, 1, 2, 0)]


def test_a_full_disk_loses_messages_and_says_so() -> None:
    report = delivered(File(Path("/dev/full")), 2)
    assert len(report.undelivered) == 2
    assert str(report) == (
        "2 of 2 notifications were not delivered to the file /dev/full: it cannot be written: No space left on device"
    )


@pytest.mark.parametrize(
    ("path", "words"), [("none/a.jsonl", "there is no directory"), ("", "it is a directory"), ("shut/a", "permission")]
)
def test_a_file_that_cannot_be_is_told_before_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, words: str
) -> None:
    (tmp_path / "shut").mkdir(mode=0o500)
    monkeypatch.setattr("os.access", lambda path, _: "shut" not in str(path))  # root may write anywhere
    with pytest.raises(NotificationError, match=words):
        File(tmp_path / path)
    assert sorted(entry.name for entry in tmp_path.rglob("*")) == ["shut"]
