"""What is said between an agent and the service that hands out commands, as values.

Names are those of the CodeDeployCommand service (aws-codedeploy-agent, CodeDeployCommand.api.json).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fleet.agent.errors import AgentError, Code, ScriptFailure

DEPLOYMENT_SYSTEM = "CodeDeploy"
PAYLOAD_MAX_CHARS = 8192
NOOP_MESSAGE = "CompletedNoopCommand"
_LOG_TAIL_MAX_CHARS = 2048
_MESSAGE_MAX_CHARS = 4096


class ProtocolError(AgentError):
    """The service said something that no agent can act on."""


class ServiceAway(AgentError):
    """The service could not be reached, or failed; the same request may do better later."""


@dataclass(frozen=True, slots=True)
class Command:
    """One command for this host.

    ``id`` is opaque, and is what an acknowledgement and a completion refer to.
    """

    id: str
    host: str
    execution_id: str
    name: str


@dataclass(frozen=True, slots=True)
class Envelope:
    """A specification as it comes: its format, and its payload."""

    form: str
    payload: str


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """How a command ended, as the service stores it for the lifecycle event."""

    code: Code
    script: str
    message: str
    log: str

    @property
    def status(self) -> str:
        """``Succeeded`` or ``Failed``."""
        return "Succeeded" if self.code is Code.SUCCEEDED else "Failed"

    def payload(self) -> str:
        """The diagnostics as JSON of at most 8192 characters; the beginning of the log gives way first."""
        log = self.log[-_LOG_TAIL_MAX_CHARS:]
        message = self.message[:_MESSAGE_MAX_CHARS]
        while True:
            text = json.dumps(
                {"error_code": int(self.code), "script_name": self.script, "message": message, "log": log},
                ensure_ascii=False,
            )
            surplus = len(text) - PAYLOAD_MAX_CHARS
            if surplus <= 0 or not (log or message):
                return text
            if log:
                log = log[surplus:]
            else:
                message = message[: max(0, len(message) - surplus)]


def succeeded(message: str = "Succeeded") -> Diagnostics:
    """The diagnostics of a command that ended well; its log stays on the host, as with AWS's agents."""
    return Diagnostics(Code.SUCCEEDED, "", message, "")


def failed(error: BaseException) -> Diagnostics:
    """The diagnostics of a command that ended in ``error``."""
    if isinstance(error, ScriptFailure):
        return Diagnostics(error.code, error.script, str(error), error.log)
    message = str(error) if isinstance(error, AgentError) else f"{type(error).__name__}: {error}"
    return Diagnostics(Code.UNKNOWN, "", message, "")


def restarted() -> Diagnostics:
    """The diagnostics of a command that was in hand when the agent died."""
    return Diagnostics(
        Code.AGENT_RESTARTED,
        "",
        "the agent was restarted while this event was in progress; how far it got is unknown",
        "",
    )


class Service(Protocol):
    """The service, as the loop needs it. Every call may raise ServiceAway, and for a refusal anything else."""

    def poll(self) -> Command | None:
        """Wait for a command; None when the service had none in the meantime."""

    def specification(self, command: Command) -> Envelope:
        """The specification of the command's deployment."""

    def acknowledge(self, command: Command, *, is_noop: bool) -> str | None:
        """Say that the command was received; the status that it has by now, None for "go on"."""

    def complete(self, command_id: str, diagnostics: Diagnostics) -> None:
        """Say how the command ended."""


def read_command(reply: Mapping[str, Any], host: str) -> Command | None:
    """The command of a PollHostCommand reply; None where it has none. Raises ProtocolError."""
    data = reply.get("HostCommand")
    if not data:
        return None
    command = Command(
        id=data.get("HostCommandIdentifier") or "",
        host=data.get("HostIdentifier") or "",
        execution_id=data.get("DeploymentExecutionId") or "",
        name=data.get("CommandName") or "",
    )
    if command.host not in host:
        raise ProtocolError(f"the command {command.name or '?'} is for the host {command.host}, and this is {host}")
    if not command.name or not command.id:
        raise ProtocolError(f"a command came without its {'name' if command.id else 'identifier'}")
    return command


def read_specification(reply: Mapping[str, Any]) -> Envelope:
    """The envelope of a GetDeploymentSpecification reply. Raises ProtocolError."""
    system = reply.get("DeploymentSystem")
    if system != DEPLOYMENT_SYSTEM:
        raise ProtocolError(
            f"the specification is for the deployment system {system}, and {DEPLOYMENT_SYSTEM} is expected"
        )
    envelope = (reply.get("DeploymentSpecification") or {}).get("GenericEnvelope")
    if not envelope:
        raise ProtocolError("the reply holds no deployment specification")
    return Envelope(str(envelope.get("Format")), str(envelope.get("Payload") or ""))
