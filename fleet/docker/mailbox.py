"""What the Docker fleet needs of the endpoint to which its agents speak.

`simulator.api.host_commands` is one; a test may bring its own. The fleet hands commands in, and hears of
what the agents answer through a `Listener`. Everything here happens on one event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from fleet.bundle_store import ACCOUNT

REGION = "us-east-1"


def host_identifier(host: str) -> str:
    """The name by which a host's agent calls itself, in the form of an EC2 instance."""
    return f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{host}"


@dataclass(frozen=True, slots=True)
class HostCommand:
    """One lifecycle event for one host. `(deployment_id, command_id)` is given once in a run."""

    command_id: str
    deployment_id: str
    host: str
    name: str


@dataclass(frozen=True, slots=True)
class Completion:
    """How an agent says that a command ended. `error_code` is 0 to 7 (reference: agent, hook_executor.rb)."""

    succeeded: bool
    error_code: int
    message: str
    script_name: str = ""
    log: str = ""


HookReported = Callable[[str, str, bool], str | None]
"""PutLifecycleEventHookExecutionStatus: the deployment's id, the execution's, whether it says Succeeded. The answer is
None, or the name of the API's exception where that cannot be: it is no execution's id, or it has ended."""


class Listener(Protocol):
    """Who hears of what the agents do."""

    def polled(self, host: str) -> None:
        """A host's agent asked for work."""

    async def acknowledged(self, command: HostCommand) -> None:
        """An agent is about to begin a command, and does when this is over; told once a command."""

    def completed(self, command: HostCommand, completion: Completion) -> None:
        """An agent ended a command; told as often as agents say so, the first counts."""

    def refused(self, command: HostCommand, ahead_ms: int) -> None:
        """What an agent says, or asks for, about a command is refused, because of its clock; told as often as that."""


class Bundles(Protocol):
    """The bucket of a run, where a scenario takes the right to read it away."""

    def put(self, key: str, content: bytes) -> None:
        """Have an object."""

    def deny(self, host: str, fault: str) -> None:
        """The role of this host may not read it any more."""

    def allow(self, host: str, fault: str) -> None:
        """It may again, unless another fault keeps it."""


class HostCommands(Protocol):
    """The service's side of the agents' protocol."""

    access_key_id: str
    """The run's own, for whoever is no host."""
    secret_access_key: str
    certificate_pem: bytes
    """Of the key that signs specifications."""

    @property
    def bundles(self) -> Bundles:
        """The bucket, at the same address."""

    async def listen(self, address: str, listener: Listener) -> int:
        """Serve at this address; answers the port. Raises OSError where the address cannot be bound."""

    def hear_hooks(self, reported: HookReported) -> None:
        """Tell what the functions that are hooks report, from now on."""

    async def suspend(self) -> None:
        """Stop serving for a while: whoever asks finds nobody."""

    async def resume(self) -> None:
        """Serve again where `listen` did."""

    def register(self, host: str) -> str:
        """A host whose agent may ask for commands; answers its access key."""

    def announce(self, deployment_id: str, specification: Mapping[str, Any]) -> None:
        """What GetDeploymentSpecification answers for this deployment."""

    def offer(self, command: HostCommand) -> None:
        """Give a host its next command.

        One that the host has not finished is given up: its answers come late.
        """

    async def close(self) -> None:
        """Stop serving. Agents that wait for a command lose their connection."""
