"""Run a function's handler, as Lambda would.

    python3 -m hostside.function_runner HANDLER.py PORT

`POST /2015-03-31/functions/NAME/invocations` calls `handler(event, context)` with the body as its event; what it
returns is the answer, and what it raises is told as Lambda tells it (`X-Amz-Function-Error: Unhandled`). Any other
request is one to the function's URL: its event says which, and the answer's `statusCode` and `body` are the handler's.
Source: AWS Lambda developer guide, "Invoke" (API reference) and "Invoking Lambda function URLs".
"""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import re
import sys
import threading
import traceback
import types
from collections.abc import Callable
from typing import Any

INVOCATION = re.compile(r"^/2015-03-31/functions/[^/]+/invocations$")
PING = "/2018-06-01/ping"
"""What the runtime answers itself: whether it is there at all."""
BODY_MAX_BYTES = 6 * 1024 * 1024
"""Lambda's own limit for what a function is called with."""
CODEDEPLOY = "AWS_ENDPOINT_URL_CODEDEPLOY"

Handler = Callable[[Any, object], Any]


def invocations(name: str) -> str:
    """Where a function of this name is called."""
    return f"/2015-03-31/functions/{name}/invocations"


def load(path: str) -> Handler:
    """The handler in a file. Raises ImportError where there is none, and whatever the file itself raises."""
    spec = importlib.util.spec_from_file_location("function", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler = getattr(module, "handler", None)
    if not callable(handler):
        raise ImportError(f"{path} has no handler(event, context)")
    return handler  # type: ignore[no-any-return]


def at_first_call(path: str) -> Handler:
    """The handler in a file, loaded when it is first called. Where that fails the call does, and the next tries again.

    Source: AWS Lambda developer guide, "Understanding the Lambda execution environment lifecycle", init phase.
    """
    loaded: list[Handler] = []
    alone = threading.Lock()

    def handler(event: Any, context: object) -> Any:
        with alone:
            if not loaded:
                loaded.append(load(path))
        return loaded[0](event, context)

    return handler


def lead_sdk() -> None:
    """Lead the SDK's CodeDeploy to the rehearsal; an SDK that is old enough does not read the variable by itself."""
    endpoint = os.environ.get(CODEDEPLOY)
    if not endpoint:
        return
    import botocore.session

    plain = botocore.session.Session.create_client

    def create_client(self: Any, service_name: str, *arguments: Any, **options: Any) -> Any:
        if service_name == "codedeploy" and options.get("endpoint_url") is None:
            options["endpoint_url"] = endpoint
        return plain(self, service_name, *arguments, **options)

    botocore.session.Session.create_client = create_client


class Runtime(http.server.BaseHTTPRequestHandler):
    """One request. `handler` is the function's."""

    protocol_version = "HTTP/1.1"
    handler: Handler

    def answer(self) -> None:
        """Call the handler, and answer with what comes of it."""
        length = min(int(self.headers.get("Content-Length") or 0), BODY_MAX_BYTES)
        body = self.rfile.read(length)
        path, _, query = self.path.partition("?")
        if path == PING:
            self._send(200, b"")
        elif self.command == "POST" and INVOCATION.match(path):
            self._invoked(body)
        else:
            self._visited(path, query, body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer

    def _invoked(self, body: bytes) -> None:
        try:
            event = json.loads(body or b"null")
        except ValueError:
            self._send(400, b'{"Type":"User","message":"the event is no JSON"}')
            return
        try:
            found = json.dumps(type(self).handler(event, context())).encode()
        except BaseException as error:  # noqa: BLE001 - whatever a function raises is told, and ends nothing else
            traceback.print_exc()
            told = {"errorMessage": str(error), "errorType": type(error).__name__}
            self._send(200, json.dumps(told).encode(), {"X-Amz-Function-Error": "Unhandled"})
        else:
            self._send(200, found)

    def _visited(self, path: str, query: str, body: bytes) -> None:
        request = {"http": {"method": self.command, "path": path}}
        event = {
            "rawPath": path,
            "rawQueryString": query,
            "requestContext": request,
            "body": body.decode("utf-8", "replace"),
        }
        try:
            found = type(self).handler(event, context())
            status = int(found["statusCode"]) if isinstance(found, dict) and "statusCode" in found else 200
            text = found.get("body", "") if isinstance(found, dict) and "statusCode" in found else json.dumps(found)
        except BaseException:  # noqa: BLE001 - as above
            traceback.print_exc()
            self._send(502, b'{"Message":"Internal Server Error"}')
        else:
            self._send(status, str(text).encode())

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Requests are not logged: the balancer's checks alone would be thousands."""


def context() -> object:
    """What a handler is told of its call beside the event: little, and enough to be passed on."""
    name = os.environ.get("AWS_LAMBDA_FUNCTION_NAME", "function")
    return types.SimpleNamespace(function_name=name, aws_request_id="rehearsed", memory_limit_in_mb="128")


def main(path: str, port: int) -> None:
    """Serve for ever."""
    lead_sdk()
    sys.path.insert(0, os.path.dirname(path))  # noqa: PTH120 - sys.path takes text
    runtime = type("Runtime", (Runtime,), {"handler": staticmethod(at_first_call(path))})
    http.server.ThreadingHTTPServer(("", port), runtime).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
