"""The service over HTTP: botocore with a model of our own, so that signatures, JSON and retries are the
library's.

The model lies in ``models/``; botocore finds it once that folder is among its loader's search paths. It
has no endpoint rules: the endpoint is always given.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from fleet.agent.aws import make_client
from fleet.agent.config import Config
from fleet.agent.protocol import Command, Diagnostics, Envelope, ServiceAway, read_command, read_specification

VERSION_HEADER = "x-amz-codedeploy-agent-version"
_SERVICE = "codedeploycommands"
_CONNECT_TIMEOUT_S = 5
_ATTEMPTS = 3
_SERVER_ERROR = 500
_INVALID_SIGNATURE = "InvalidSignatureException"


class Client:
    """A :class:`fleet.agent.protocol.Service`. May be used from several threads.

    Every call raises ServiceAway where there is no answer, one of the kind 5xx, or one that finds fault with the
    signature, as it does where the host's clock is wrong; botocore's ClientError for any other refusal, and
    ProtocolError for a reply that makes no sense.
    """

    def __init__(self, config: Config, version: str) -> None:
        self._host = config.host_identifier
        self._version = version
        self._short = _make(config, _ATTEMPTS)
        # A poll is not tried again by the library: the loop does that, with its own back-off.
        self._long = _make(config, 1)
        for client in (self._short, self._long):
            client.meta.events.register("before-call", self._add_version)

    def poll(self) -> Command | None:
        """Wait for a command, for as long as the service holds the request."""
        return read_command(_call(self._long.poll_host_command, HostIdentifier=self._host), self._host)

    def specification(self, command: Command) -> Envelope:
        """The specification of the command's deployment."""
        reply = _call(
            self._short.get_deployment_specification,
            DeploymentExecutionId=command.execution_id,
            HostIdentifier=self._host,
        )
        return read_specification(reply)

    def acknowledge(self, command: Command, *, is_noop: bool) -> str | None:
        """Say that the command was received."""
        payload = '{"IsCommandNoop":true}' if is_noop else '{"IsCommandNoop":false}'
        reply = _call(
            self._short.put_host_command_acknowledgement,
            HostCommandIdentifier=command.id,
            Diagnostics={"Format": "JSON", "Payload": payload},
        )
        status = reply.get("CommandStatus")
        return str(status) if status else None

    def complete(self, command_id: str, diagnostics: Diagnostics) -> None:
        """Say how the command ended."""
        _call(
            self._short.put_host_command_complete,
            HostCommandIdentifier=command_id,
            CommandStatus=diagnostics.status,
            Diagnostics={"Format": "JSON", "Payload": diagnostics.payload()},
        )

    def _add_version(self, params: dict[str, Any], **_others: object) -> None:
        params["headers"][VERSION_HEADER] = self._version


def _call(operation: Callable[..., dict[str, Any]], **arguments: object) -> dict[str, Any]:
    errors: Any = importlib.import_module("botocore.exceptions")
    try:
        return operation(**arguments)
    except (errors.HTTPClientError, errors.EndpointConnectionError, errors.ConnectTimeoutError) as error:
        raise ServiceAway(f"the service does not answer: {error}") from error
    except errors.ClientError as error:
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        if status >= _SERVER_ERROR:
            raise ServiceAway(f"the service failed: {error}") from error
        if error.response.get("Error", {}).get("Code") == _INVALID_SIGNATURE:
            # What the clock is blamed for may be believed once it is right.
            raise ServiceAway(f"the service does not believe this host; is its clock right? {error}") from error
        raise


def _make(config: Config, attempts: int) -> Any:
    return make_client(
        _SERVICE,
        config,
        config.endpoint,
        connect_timeout=_CONNECT_TIMEOUT_S,
        read_timeout=config.http_read_timeout_s,
        retries={"total_max_attempts": attempts, "mode": "standard"},
        max_pool_connections=20,
        proxies={},
    )
