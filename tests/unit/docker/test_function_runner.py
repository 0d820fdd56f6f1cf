"""The runtime of functions, served on this machine: invocations, requests to a function's URL, what goes wrong."""

from __future__ import annotations

import http.client
import http.server
import json
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from fleet.docker.hostside.function_runner import PING, Runtime, at_first_call, load

HANDLER = """
def handler(event, context):
    if event is None or "rawPath" not in event:
        if event == {"fail": True}:
            raise RuntimeError("no disk")
        return {"told": event, "name": context.function_name}
    if event["rawPath"] == "/broken":
        raise RuntimeError("no disk")
    if event["rawPath"] == "/plain":
        return "hello"
    method = event["requestContext"]["http"]["method"]
    return {"statusCode": 201, "body": method + " " + event["rawQueryString"]}
"""


@contextmanager
def served(handler: Path) -> Iterator[int]:
    """The port at which a handler is served."""
    runtime = type("Served", (Runtime,), {"handler": staticmethod(at_first_call(str(handler)))})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), runtime)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "my-handler.py").write_text(HANDLER)
    with served(tmp_path / "my-handler.py") as port:
        yield port


def ask(port: int, method: str, path: str, body: str | None = None) -> tuple[int, str | None, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request(method, path, body)
    answer = connection.getresponse()
    return answer.status, answer.getheader("X-Amz-Function-Error"), answer.read().decode()


def test_an_invocation_calls_the_handler_with_the_body(port: int) -> None:
    status, error, body = ask(port, "POST", "/2015-03-31/functions/visit/invocations", '{"DeploymentId": "d-1"}')
    assert (status, error) == (200, None)
    assert json.loads(body) == {"told": {"DeploymentId": "d-1"}, "name": "function"}


def test_what_a_handler_raises_is_told_as_lambda_tells_it(port: int, capsys: pytest.CaptureFixture[str]) -> None:
    status, error, body = ask(port, "POST", "/2015-03-31/functions/visit/invocations", '{"fail": true}')
    assert (status, error) == (200, "Unhandled")
    assert json.loads(body) == {"errorMessage": "no disk", "errorType": "RuntimeError"}
    assert "no disk" in capsys.readouterr().err


def test_an_event_that_is_no_json_is_the_callers_mistake(port: int) -> None:
    assert ask(port, "POST", "/2015-03-31/functions/visit/invocations", "{")[0] == 400


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("GET", "/?a=1", (201, "GET a=1")),
        ("POST", "/order", (201, "POST ")),
        ("GET", "/plain", (200, '"hello"')),
        ("GET", "/broken", (502, '{"Message":"Internal Server Error"}')),
        ("HEAD", "/", (201, "")),
        ("GET", PING, (200, "")),
    ],
)
def test_any_other_request_is_one_to_the_functions_url(
    port: int, method: str, path: str, expected: tuple[int, str]
) -> None:
    status, _, body = ask(port, method, path)
    assert (status, body) == expected


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("import no_such_module\n", "ModuleNotFoundError", "No module named 'no_such_module'"),
        ("def handler(event, context:\n", "SyntaxError", "was never closed"),
        ("import sys\nsys.exit('no disk')\n", "SystemExit", "no disk"),
        ("import sys\ndef handler(event, context):\n    sys.exit('no disk')\n", "SystemExit", "no disk"),
        ("x = 1\n", "ImportError", "has no handler(event, context)"),
    ],
)
def test_a_function_that_cannot_run_is_there_and_fails_whenever_it_is_called(
    tmp_path: Path, code: str, kind: str, words: str
) -> None:
    (tmp_path / "bad.py").write_text(code)
    with served(tmp_path / "bad.py") as port:
        assert ask(port, "GET", PING)[0] == 200
        for _ in range(2):
            assert ask(port, "GET", "/") == (502, None, '{"Message":"Internal Server Error"}')
            status, error, body = ask(port, "POST", "/2015-03-31/functions/visit/invocations", "{}")
            assert (status, error) == (200, "Unhandled")
            told = json.loads(body)
            assert told["errorType"] == kind
            assert words in told["errorMessage"]


def test_a_file_is_loaded_once_and_only_when_it_is_called(tmp_path: Path) -> None:
    count = tmp_path / "count"
    loads = f"open({str(count)!r}, 'a').write('x')\ndef handler(event, context): return 'well'\n"
    (tmp_path / "counts.py").write_text(loads)
    with served(tmp_path / "counts.py") as port:
        assert ask(port, "GET", PING)[0] == 200
        assert not count.exists()
        assert [ask(port, "GET", "/")[0] for _ in range(3)] == [200] * 3
    assert count.read_text() == "x"


def test_a_file_without_a_handler_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    with pytest.raises(ImportError, match=r"has no handler\(event, context\)"):
        load(str(tmp_path / "a.py"))
    with pytest.raises(ImportError, match="is no Python file"):
        load(str(tmp_path / "a.txt"))
    assert "function" not in sys.modules
