"""The endpoint that hosts' agents speak to: CodeDeployCommandService_v20141006.

JSON 1.1 over `POST /`, the operation in `X-Amz-Target`. An agent polls (the poll is held until there is a
command, or for `poll_ms`), asks for the deployment's specification, acknowledges, works, and completes.
AWS's own agents can be pointed at it (their `deploy_control_endpoint`), as well as ours.

Source: the service model that is published with the open-source agent (aws-codedeploy-agent,
`CodeDeployCommand.api.json`).
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from aiohttp import web

from fleet.base import INVALID_SIGNATURE
from fleet.bundle_store import ACCOUNT
from fleet.docker.mailbox import REGION, Completion, HookReported, HostCommand, Listener, host_identifier
from scenarios.host_faults import SKEW_MAX_MS
from simulator.api.bundle_store import PATH, BundleStore
from simulator.api.host_envelope import FORMAT, EnvelopeSigner
from simulator.api.host_mailbox import CommandStatus, Mailbox, Slip

POLL_MS: Final = 45_000
"""The service holds an idle poll this long, then answers `{}`."""
BODY_MAX_BYTES: Final = 256 * 1024
TARGETS: Final = ("CodeDeployCommandService_v20141006", "CodeDeployCommandService")
"""The second is what an agent says with `enable_auth_policy: true`."""
API: Final = "CodeDeploy_20141006"
"""The service's own API, of which the functions that are hooks of ECS and Lambda need one operation."""
CONTENT_TYPE: Final = "application/x-amz-json-1.1"
MESSAGE_DEFAULT: Final = {True: "Succeeded", False: "the agent gave no reason"}

_STAMP = "%Y%m%dT%H%M%SZ"
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/")
_EXECUTION = re.compile(r"^[^/]+/[^/]+/[^/]+/.+$")


class ClientError(Exception):
    """A request that the service refuses: `code` in the protocol's words, and what was wrong with it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


class HostCommandEndpoint:
    """Serves the agents of one run. It is a `fleet.docker.mailbox.HostCommands`.

    `poll_ms`: how long an idle poll is held, milliseconds.
    """

    def __init__(self, *, poll_ms: int = POLL_MS) -> None:
        self.access_key_id = "AKIA" + secrets.token_hex(8).upper()
        self.secret_access_key = secrets.token_urlsafe(30)
        self._poll_s = poll_ms / 1000
        self._signer = EnvelopeSigner()
        self.certificate_pem = self._signer.certificate_pem
        self._mailboxes: dict[str, Mailbox] = {}
        self._envelopes: dict[str, str] = {}
        self._hosts: dict[str, str] = {self.access_key_id: ""}
        """Whose each access key is; the run's own is nobody's in particular."""
        self._keys: dict[str, str] = {}
        """Each host's access key."""
        self.bundles = BundleStore(self._caller)
        self._listener: Listener | None = None
        self._address = "", 0
        self._runner: web.AppRunner | None = None
        self._hook_reported: HookReported | None = None
        self._operations: dict[str, Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]] = {
            "PollHostCommand": self._poll,
            "GetDeploymentSpecification": self._specification,
            "PutHostCommandAcknowledgement": self._acknowledge,
            "PutHostCommandComplete": self._complete,
            "PostHostCommandUpdate": self._update,
        }
        self._api = {"PutLifecycleEventHookExecutionStatus": self._hook_status}

    async def listen(self, address: str, listener: Listener, port: int = 0) -> int:
        """Serve at `address` only.

        Answers the port (one that is free for 0). Raises OSError where it cannot.
        """
        self._listener = listener
        await self._serve(address, port)
        assert self._runner is not None, "it serves now"
        self._address = address, int(self._runner.addresses[0][1])
        return self._address[1]

    async def _serve(self, address: str, port: int) -> None:
        app = web.Application(client_max_size=BODY_MAX_BYTES)
        app.router.add_post("/", self._handle)
        app.router.add_get("/", self._hello)
        app.router.add_get(PATH, self.bundles.get)
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.2)
        await runner.setup()
        site = web.TCPSite(runner, address, port)
        try:
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._runner = runner

    async def close(self) -> None:
        """Stop serving; an agent that waits for a command loses its connection. Twice does no harm."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def suspend(self) -> None:
        """Be gone: whoever asks finds nobody, and nobody's connection lasts. What hosts were to do is remembered."""
        await self.close()

    async def resume(self) -> None:
        """Serve again at the address of `listen`. Raises OSError where somebody else has taken it."""
        if self._runner is None:
            await self._serve(*self._address)

    def hear_hooks(self, reported: HookReported) -> None:
        """Tell what the functions that are hooks report, from now on."""
        self._hook_reported = reported

    def register(self, host: str) -> str:
        """A host whose agent may ask for commands; answers its access key."""
        self._mailboxes.setdefault(host, Mailbox(host))
        if host not in self._keys:
            self._keys[host] = key = "AKIA" + secrets.token_hex(8).upper()
            self._hosts[key] = host
        return self._keys[host]

    def announce(self, deployment_id: str, specification: Mapping[str, Any]) -> None:
        """What GetDeploymentSpecification answers for this deployment."""
        self._envelopes[deployment_id] = self._signer.seal(specification)

    def offer(self, command: HostCommand) -> None:
        """Give a host its next command, and wake its poll.

        A command that the host has not finished is given up: it is not handed out any more, and what its
        agent says of it is still told. Raises KeyError for a host or a deployment that nobody announced,
        ValueError for a command that was given before.
        """
        if command.deployment_id not in self._envelopes:
            raise KeyError(f"{command.deployment_id} was never announced")
        self._mailboxes[command.host].put(command)

    async def _hello(self, _: web.Request) -> web.Response:
        """The agents' self-check asks for this and needs any answer."""
        return web.Response(text="drydeploy host commands\n")

    async def _handle(self, request: web.Request) -> web.Response:
        try:
            operation = self._operation(request)
            self._check_caller(request)
            body = _object(await request.read())
            self._check_clock(request, body)
            answer = await operation(body)
        except ClientError as error:
            return _json({"__type": error.code, "message": error.message}, status=400)
        return _json(answer)

    def _operation(self, request: web.Request) -> Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]:
        service, _, name = request.headers.get("X-Amz-Target", "").partition(".")
        if service == API and name in self._api:
            return self._api[name]
        if service not in TARGETS or name not in self._operations:
            raise ClientError("UnknownOperationException", f"no such operation: {service}.{name}")
        return self._operations[name]

    def _caller(self, request: web.Request) -> str | None:
        """Whose access key a request bears; None: no agent's of this run."""
        found = _CREDENTIAL.search(request.headers.get("Authorization", ""))
        return self._hosts.get(found[1]) if found is not None else None

    def _check_caller(self, request: web.Request) -> None:
        """Only agents of this run know its access keys.

        It keeps strangers out; of a signature nothing but its date is looked at.
        """
        if self._caller(request) is None:
            raise ClientError("UnrecognizedClientException", "The security token included in the request is invalid.")

    def _check_clock(self, request: web.Request, body: dict[str, Any]) -> None:
        """A signature is good for five minutes before and after its date, as AWS has it."""
        signed = _date(request.headers.get("X-Amz-Date", ""))
        now = datetime.now(UTC)
        ahead_ms = round((signed - now) / timedelta(milliseconds=1))
        if abs(ahead_ms) <= SKEW_MAX_MS:
            return
        slip = self._slip(body) if "HostCommandIdentifier" in body else self._mailbox(body).outstanding
        if slip is not None and not slip.ended:
            self._told().refused(slip.command, ahead_ms)
        margin = timedelta(milliseconds=SKEW_MAX_MS)
        found, right = _stamp(signed), _stamp(now)
        if ahead_ms > 0:
            message = (
                f"Signature not yet current: {found} is still later than {_stamp(now + margin)} ({right} + 5 min.)"
            )
        else:
            message = f"Signature expired: {found} is now earlier than {_stamp(now - margin)} ({right} - 5 min.)"
        raise ClientError(INVALID_SIGNATURE, message)

    def _mailbox(self, body: dict[str, Any]) -> Mailbox:
        identifier = _text(body, "HostIdentifier")
        mailbox = self._mailboxes.get(identifier.rpartition("/")[2])
        if mailbox is None:
            raise ClientError("ClientException", f"no such host: {identifier}")
        return mailbox

    def _slip(self, body: dict[str, Any]) -> Slip:
        identifier = _text(body, "HostCommandIdentifier")
        for mailbox in self._mailboxes.values():
            if (slip := mailbox.slips.get(identifier)) is not None:
                return slip
        raise ClientError("ClientException", "HostCommandIdentifier: this command was given to nobody")

    def _told(self) -> Listener:
        if self._listener is None:
            raise RuntimeError("an agent was answered before listen()")
        return self._listener

    async def _poll(self, body: dict[str, Any]) -> dict[str, Any]:
        mailbox = self._mailbox(body)
        self._told().polled(mailbox.host)
        slip = await mailbox.wait(self._poll_s)
        if slip is None:
            return {}
        return {
            "HostCommand": {
                "HostCommandIdentifier": slip.identifier,
                "HostIdentifier": host_identifier(mailbox.host),
                "DeploymentExecutionId": execution_id(slip.command.deployment_id),
                "CommandName": slip.command.name,
                "Nonce": 0,
            }
        }

    async def _specification(self, body: dict[str, Any]) -> dict[str, Any]:
        self._mailbox(body)
        execution = _text(body, "DeploymentExecutionId")
        envelope = self._envelopes.get(execution.rpartition("/")[2])
        if not _EXECUTION.match(execution) or envelope is None:
            raise ClientError("ClientException", f"DeploymentExecutionId: no such deployment: {execution}")
        return {
            "DeploymentSystem": "CodeDeploy",
            "DeploymentSpecification": {"GenericEnvelope": {"Format": FORMAT, "Payload": envelope}},
        }

    async def _acknowledge(self, body: dict[str, Any]) -> dict[str, Any]:
        """Agents up to 1.0 send `Diagnostics: null`; later ones whether the command will be a no-op."""
        slip = self._slip(body)
        _payload(body)
        if slip.given_up and not slip.acknowledged:
            return {"CommandStatus": CommandStatus.FAILED}
        if not slip.acknowledged:
            slip.status = CommandStatus.IN_PROGRESS
            await self._told().acknowledged(slip.command)
        return {"CommandStatus": slip.status}

    async def _complete(self, body: dict[str, Any]) -> dict[str, Any]:
        """The Ruby agent completes a failed command twice, the second time with empty diagnostics.

        The first counts.
        """
        slip = self._slip(body)
        status = _text(body, "CommandStatus")
        if status not in (CommandStatus.SUCCEEDED, CommandStatus.FAILED):
            raise ClientError("ClientException", f"CommandStatus: expected Succeeded or Failed, found {status}")
        completion = _completion(status == CommandStatus.SUCCEEDED, _payload(body))
        if not slip.ended:
            slip.status = CommandStatus(status)
        self._told().completed(slip.command, completion)
        return {}

    async def _hook_status(self, body: dict[str, Any]) -> dict[str, Any]:
        """A function that is a hook says how it went. The shape and the exceptions are botocore's."""
        deployment = body.get("deploymentId")
        execution = body.get("lifecycleEventHookExecutionId")
        status = body.get("status")
        if not isinstance(deployment, str) or not deployment:
            raise ClientError("DeploymentIdRequiredException", "deploymentId is required")
        if status not in ("Succeeded", "Failed"):
            code = "InvalidLifecycleEventHookExecutionStatusException"
            raise ClientError(code, f"status: expected Succeeded or Failed, found {json.dumps(status)}")
        refused: str | None = "InvalidLifecycleEventHookExecutionIdException"
        if self._hook_reported is not None and isinstance(execution, str):
            refused = self._hook_reported(deployment, execution, status == "Succeeded")
        if refused is not None:
            raise ClientError(refused, f"no hook of {deployment} waits for {json.dumps(execution)}")
        return {"lifecycleEventHookExecutionId": execution}

    async def _update(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"CommandStatus": self._slip(body).status}


def execution_id(deployment_id: str) -> str:
    """A DeploymentExecutionId of the service's shape.

    An agent takes its last part for the deployment's id.
    """
    return f"CodeDeploy/{REGION}/prod/drydeploy:public/arn:aws:sds:{REGION}:{ACCOUNT}:deployment/{deployment_id}"


def _date(header: str) -> datetime:
    """The time at which a request was signed."""
    try:
        return datetime.strptime(header, _STAMP).replace(tzinfo=UTC)
    except ValueError:
        message = f"Authorization header requires existence of 'X-Amz-Date' as YYYYMMDDTHHMMSSZ; found {header!r}"
        raise ClientError("IncompleteSignatureException", message) from None


def _stamp(time: datetime) -> str:
    return time.strftime(_STAMP)


def _json(content: Mapping[str, Any], status: int = 200) -> web.Response:
    body = json.dumps(content).encode()
    headers = {"x-amzn-RequestId": secrets.token_hex(16), "Content-Type": CONTENT_TYPE}
    return web.Response(body=body, status=status, headers=headers)


def _object(raw: bytes) -> dict[str, Any]:
    try:
        value = json.loads(raw or b"{}")
    except ValueError as error:
        raise ClientError("SerializationException", f"the request is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ClientError("SerializationException", "the request is JSON, but not an object")
    return value


def _text(body: dict[str, Any], key: str) -> str:
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise ClientError("ClientException", f"{key}: expected text, found {json.dumps(value)}")
    return value


def _payload(body: dict[str, Any]) -> dict[str, Any]:
    """What an envelope of diagnostics holds; empty for none."""
    envelope = body.get("Diagnostics")
    if envelope is None:
        return {}
    payload = envelope.get("Payload") if isinstance(envelope, dict) else None
    if payload in (None, ""):
        return {}
    try:
        value = json.loads(payload)
    except (TypeError, ValueError) as error:
        raise ClientError("ClientException", f"Diagnostics: the payload is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise ClientError("ClientException", "Diagnostics: the payload is JSON, but not an object")
    return value


def _completion(succeeded: bool, payload: dict[str, Any]) -> Completion:
    code = payload.get("error_code", 0 if succeeded else 5)
    if not isinstance(code, int):
        raise ClientError("ClientException", f"Diagnostics: error_code: expected a number, found {json.dumps(code)}")
    return Completion(
        succeeded,
        code,
        str(payload.get("message") or MESSAGE_DEFAULT[succeeded]),
        str(payload.get("script_name") or ""),
        str(payload.get("log") or ""),
    )
