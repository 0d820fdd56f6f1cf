"""Hosts: one container each, with the users, files and bundles of the scenario and an agent."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from fleet.agent.layout import ROOT_DIR
from fleet.base import FleetError
from fleet.docker.bundles import Bundle
from fleet.docker.cleanup import remove_container
from fleet.docker.engine import telling
from fleet.docker.labels import Run
from fleet.docker.mailbox import REGION, HostCommands, host_identifier
from fleet.docker.needs import Needs
from fleet.docker.network import CONTROLLER, Network, endpoint, extra_hosts
from fleet.docker.sources import HOME, tar_of

if TYPE_CHECKING:
    from docker import DockerClient

BOOT: Final = f"{HOME}/boot"
EXITED: Final = "/var/lib/drydeploy/user_data"
"""Where a host keeps the exit code of its user data script."""
PIDS_MAX: Final = 2048
"""A script that forks for ever strikes its own host, not the laptop."""
LOG_MAX: Final = {"max-size": "4m", "max-file": "1"}
AGENT_RETRY_S: Final = 1

CAPABILITIES: Final = (
    # What an agent that runs as root needs on a host, of Docker's own default set:
    "CHOWN",  # permissions of an AppSpec: owner, group
    "DAC_OVERRIDE",  # write into other users' directories
    "FOWNER",  # modes and acls of other users' files
    "FSETID",  # keep set-group-ID bits when changing them
    "KILL",  # stop a script that runs as another user
    "SETGID",  # runas
    "SETUID",  # runas
    "NET_BIND_SERVICE",  # an application on a port below 1024
    "SYS_CHROOT",  # daemons that lock themselves in, as nginx and sshd do
)
FAULT_CAPABILITY: Final = "NET_ADMIN"
"""Only in runs with a fault of what the application answers, or of the network.

To redirect the application's port and to drop packets, within the container's own network.
"""

_PRIVATE: Final = frozenset({f"{BOOT}/agent.yml"})

USER_NAME: Final = re.compile(r"^[a-z_][a-z0-9_-]{0,31}$")


@dataclass(frozen=True, slots=True)
class HostPlan:
    """One host to be made. `files`: content by absolute path. `user_data`: a script that runs on the first boot."""

    name: str
    index: int
    files: Mapping[str, str]
    user_data: Path | None = None


@dataclass(frozen=True, slots=True)
class Service:
    """Where and how the agents reach the service. `bucket`: whether their bundles are in its bucket."""

    listening: str
    port: int
    commands: HostCommands
    bucket: bool = False


class Hosts:
    """The containers of a run's hosts.

    Every method but the constructor waits for the engine: call it in a thread.
    """

    def __init__(self, client: DockerClient, run: Run, image: str, network: Network, needs: Needs) -> None:
        self._client = client
        self._run = run
        self._image = image
        self._network = network
        self._needs = needs
        self._containers: dict[str, str] = {}

    def container(self, host: str) -> str:
        """The id of a host's container."""
        return self._containers[host]

    def boot(self, plan: HostPlan, users: Iterable[str], bundles: bytes, service: Service) -> None:
        """Make a host's container and start it.

        `bundles` is a tar.
        """
        from docker.types import LogConfig

        api = self._client.api
        address = self._network.host(plan.index)
        with telling(f"starting host {plan.name}"):
            container = api.create_container(
                self._image,
                name=self._run.name(plan.name),
                hostname=plan.name,
                detach=True,
                labels=self._run.labels("host", plan.name),
                networking_config=endpoint(self._client, self._network, address),
                host_config=api.create_host_config(
                    init=True,
                    cap_drop=["ALL"],
                    cap_add=[*CAPABILITIES, *((FAULT_CAPABILITY,) if self._needs.network else ())],
                    extra_hosts=extra_hosts(self._network, service.listening),
                    network_mode=self._network.name,
                    pids_limit=PIDS_MAX,
                    tmpfs=self._needs.tmpfs,
                    log_config=LogConfig(type=LogConfig.types.JSON, config=dict(LOG_MAX)),
                ),
            )["Id"]
            self._containers[plan.name] = container
            boot = tar_of(_boot_files(plan, users, service, self._needs), private=_PRIVATE, ended=False).getvalue()
            # One upload instead of two, and no copy of the bundles for each host.
            upload: Any = iter((boot, bundles))
            api.put_archive(container, "/", upload)
            api.start(container)

    def remove(self, host: str) -> None:
        """A host is no more: its container goes, and its disk. One that is not there is as good."""
        container = self._containers.pop(host, None)
        if container is not None:
            with telling(f"terminating host {host}"):
                remove_container(self._client, container)

    def crash(self, host: str) -> None:
        """The host loses its power: every process dies at once, the disk stays."""
        with telling(f"crashing host {host}"):
            if self.state(host) == "paused":
                self._client.api.unpause(self._containers[host])
            if self.state(host) == "running":
                self._client.api.kill(self._containers[host], signal="SIGKILL")
                self._client.api.wait(self._containers[host])

    def restart(self, host: str) -> None:
        """A host that crashed boots again; nothing but the agent starts by itself."""
        with telling(f"booting host {host}"):
            self._client.api.start(self._containers[host])

    def pause(self, host: str) -> None:
        """Every process of the host stands still."""
        with telling(f"pausing host {host}"):
            if self.state(host) == "running":
                self._client.api.pause(self._containers[host])

    def unpause(self, host: str) -> None:
        """The processes of a paused host go on."""
        with telling(f"resuming host {host}"):
            if self.state(host) == "paused":
                self._client.api.unpause(self._containers[host])

    def state(self, host: str) -> str:
        """The engine's word: running, paused, exited, …"""
        with telling(f"looking at host {host}"):
            return str(self._client.api.inspect_container(self._containers[host])["State"]["Status"])

    def run(self, host: str, command: list[str]) -> str:
        """Run a program on a host as root, and answer what it printed. Raises FleetError where it fails."""
        api = self._client.api
        with telling(f"running {command[0]} on host {host}"):
            execution = api.exec_create(self._containers[host], command, workdir=HOME)["Id"]
            output = api.exec_start(execution).decode("utf-8", "replace")
            code = api.exec_inspect(execution)["ExitCode"]
        if code != 0:
            raise FleetError(f"host {host}: {' '.join(command)} failed ({code}): {output.strip()[-2000:]}")
        return output

    def log(self, host: str) -> str:
        """The last lines of what a host's container said."""
        with telling(f"reading what host {host} said"):
            return self._client.api.logs(self._containers[host], tail=20).decode("utf-8", "replace")


def bundles_tar(bundles: Iterable[Bundle]) -> bytes:
    """What is copied onto every host: each revision's archive."""
    return tar_of({bundle.location: bundle.content for bundle in bundles}).getvalue()


def _boot_files(plan: HostPlan, users: Iterable[str], service: Service, needs: Needs) -> dict[str, bytes]:
    """What the supervisor reads on the first boot. JSON is YAML."""
    address = f"http://{CONTROLLER}:{service.port}"
    agent = {
        "deploy_control_endpoint": address,
        **({"s3_endpoint_override": address} if service.bucket else {}),
        "host_identifier": host_identifier(plan.name),
        "region": REGION,
        "root_dir": ROOT_DIR,
        "signer_certificate": f"{BOOT}/signer.pem",
        "aws_access_key_id": service.commands.register(plan.name),
        "aws_secret_access_key": service.commands.secret_access_key,
        "wait_after_error": AGENT_RETRY_S,
    }
    return {
        f"{BOOT}/agent.yml": json.dumps(agent).encode(),
        f"{BOOT}/signer.pem": service.commands.certificate_pem,
        f"{BOOT}/users": "".join(f"{user}\n" for user in users).encode(),
        f"{BOOT}/files/.keep": b"",
        **({f"{BOOT}/user_data": plan.user_data.read_bytes()} if plan.user_data else {}),
        **({f"{BOOT}/clock": b""} if needs.clock else {}),
        **{f"{BOOT}/files{path}": content.encode() for path, content in plan.files.items()},
    }
