"""Containers that are no hosts: tasks of a service, versions of a function, and the functions that are hooks.

All run on the hosts' image. A task runs the revision's own command within its unpacked bundle; a function is a handler
in `hostside.function_runner`. Whatever a revision brings runs without any capability.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from fleet.agent.errors import AgentError
from fleet.base import FleetError
from fleet.docker.bundles import add_directory
from fleet.docker.engine import telling
from fleet.docker.hosts import FAULT_CAPABILITY, LOG_MAX, PIDS_MAX, Hosts
from fleet.docker.network import endpoint, extra_hosts
from fleet.docker.sources import HOME, tar_of
from fleet.virtual.revision import unpacked

PLACE: Final = f"{HOME}/task"
"""Where a revision's bundle lies in a container."""
RUNNER: Final = "hostside.function_runner"
FILES_MAX_BYTES: Final = 256 * 1024**2
MODE_MASK: Final = 0o755
"""Of a file's mode in a bundle, what it has in a container: what is to be run can be, and nobody else may write it."""


@dataclass(frozen=True, slots=True)
class TaskPlan:
    """One container to be made. `publish`: a port of it that this process is to reach, on 127.0.0.1."""

    name: str
    index: int
    command: Sequence[str]
    files: bytes
    environment: Mapping[str, str] = field(default_factory=dict)
    publish: int | None = None
    faults: bool = False


class Tasks(Hosts):
    """The containers of tasks and functions, by name. Every method waits for the engine: call it in a thread."""

    def boot_task(self, plan: TaskPlan, listening: str) -> int | None:
        """Make a container and start it; the port of 127.0.0.1 by which it is reached, where it is to be published."""
        from docker.types import LogConfig

        api: Any = self._client.api
        address = self._network.host(plan.index)
        ports = {} if plan.publish is None else {plan.publish: ("127.0.0.1", None)}
        with telling(f"starting {plan.name}"):
            container = api.create_container(
                self._image,
                command=list(plan.command),
                name=self._run.name(plan.name),
                hostname=plan.name,
                detach=True,
                environment=dict(plan.environment),
                labels=self._run.labels("host", plan.name),
                ports=list(ports),
                networking_config=endpoint(self._client, self._network, address),
                host_config=api.create_host_config(
                    init=True,
                    cap_drop=["ALL"],
                    cap_add=[FAULT_CAPABILITY] if plan.faults else [],
                    extra_hosts=extra_hosts(self._network, listening),
                    network_mode=self._network.name,
                    port_bindings=ports,
                    pids_limit=PIDS_MAX,
                    log_config=LogConfig(type=LogConfig.types.JSON, config=dict(LOG_MAX)),
                ),
            )["Id"]
            self._containers[plan.name] = container
            api.put_archive(container, "/", plan.files)
            api.start(container)
            if plan.publish is None:
                return None
            found = api.inspect_container(container)["NetworkSettings"]["Ports"].get(f"{plan.publish}/tcp")
        if not found:
            raise FleetError(f"{plan.name} does not start; it says: {self.log(plan.name).strip() or 'nothing'}")
        return int(found[0]["HostPort"])

    def run_if_there(self, name: str, command: list[str]) -> None:
        """Run a program in a container, unless its own program has ended, before that or meanwhile."""
        try:
            if self.state(name) == "running":
                self.run(name, command)
        except FleetError:
            if self.state(name) == "running":
                raise


def task_command(command: Sequence[str]) -> list[str]:
    """What the container of a task runs: the revision's command, in the directory of its bundle."""
    return ["sh", "-c", f'cd {PLACE} && exec "$@"', "sh", *command]


def function_command(handler: str, port: int) -> list[str]:
    """What the container of a function runs. Where a handler ends the process another begins, as on Lambda."""
    return ["sh", "-c", f'while :; do python3 -m {RUNNER} "$@"; sleep 0.1; done', "sh", f"{PLACE}/{handler}", str(port)]


def bundle_files(bundle: Path) -> bytes:
    """What is in a bundle as a tar, for `PLACE`. Raises FleetError where it cannot be read, or is too much."""
    buffer = io.BytesIO()
    try:
        with unpacked(bundle) as directory, tarfile.open(fileobj=buffer, mode="w") as tar:
            add_directory(tar, directory, PLACE, most_bytes=FILES_MAX_BYTES, mask=MODE_MASK)
    except (AgentError, OSError) as error:
        raise FleetError(f"the bundle {bundle} cannot be read: {error}") from error
    return buffer.getvalue()


def handler_files(handler: Path) -> bytes:
    """The same of a function that is one file."""
    return tar_of({f"{PLACE}/{handler.name}": handler.read_bytes()}).getvalue()
