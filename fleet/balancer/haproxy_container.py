"""The container in which HAProxy runs: made, started again, and found at its ports. Its methods wait for the engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from fleet.balancer.haproxy_config import CONTROL_PORT, USERS_PORT
from fleet.base import FleetError

if TYPE_CHECKING:
    from docker import DockerClient

CONFIG: Final = "/opt/drydeploy/haproxy.cfg"


class HaproxyContainer:
    """One container. `boot` comes first."""

    def __init__(self) -> None:
        self._api: Any = None
        self._id = ""
        self._ports: dict[int, int] = {}

    @property
    def url(self) -> str:
        """Where the service's users knock; another place after each start."""
        return f"http://127.0.0.1:{self._ports[USERS_PORT]}"

    @property
    def control_port(self) -> int:
        """Where the runtime API listens, on 127.0.0.1; another one after each start."""
        return self._ports[CONTROL_PORT]

    def boot(self, client: DockerClient, create: Mapping[str, Any], config: str) -> None:
        """Make and start the container. `create` is what the fleet adds: image, name, labels, network."""
        from fleet.docker.engine import telling
        from fleet.docker.sources import tar_of

        self._api = api = client.api
        arguments = dict(create)
        host_config = api.create_host_config(
            init=True,
            cap_drop=["ALL"],
            network_mode=arguments.pop("network_mode"),
            port_bindings={USERS_PORT: ("127.0.0.1", None), CONTROL_PORT: ("127.0.0.1", None)},
        )
        with telling("starting the balancer"):
            self._id = api.create_container(
                command=["sh", "-c", f"haproxy -q -c -f {CONFIG} && exec haproxy -db -f {CONFIG}"],
                detach=True,
                ports=[USERS_PORT, CONTROL_PORT],
                host_config=host_config,
                **arguments,
            )["Id"]
            files = {CONFIG: config.encode()}
            api.put_archive(self._id, "/", tar_of(files).getvalue())
            api.start(self._id)
            self._find_ports()

    def restart(self) -> None:
        """HAProxy is killed with all its connections and what it knew, and starts with what its file says."""
        from fleet.docker.engine import telling

        with telling("restarting the balancer"):
            self._api.restart(self._id, timeout=0)
            self._find_ports()

    def _find_ports(self) -> None:
        found = self._api.inspect_container(self._id)
        ports = found["NetworkSettings"]["Ports"]
        if not found["State"]["Running"] or not ports.get(f"{CONTROL_PORT}/tcp"):
            said = self._api.logs(self._id).decode("utf-8", "replace").strip()
            raise FleetError(f"the balancer does not start; HAProxy says: {said[-2000:] or 'nothing'}")
        for port in (USERS_PORT, CONTROL_PORT):
            self._ports[port] = int(ports[f"{port}/tcp"][0]["HostPort"])
