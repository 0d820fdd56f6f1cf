"""One network a run, with an address for every host that stays the same when the host comes back.

Nothing reaches these addresses from outside (with Docker Desktop that is impossible anyway): the hosts
speak to each other and to the balancer by them, and to this process through the engine's gateway.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from fleet.base import FleetError
from fleet.docker.engine import telling
from fleet.docker.labels import Run

if TYPE_CHECKING:
    from docker import DockerClient

BALANCER_OFFSET: Final = 2
HOSTS_OFFSET: Final = 10
ATTEMPTS: Final = 5
CONTROLLER: Final = "host.docker.internal"
"""By this name hosts reach this process; Docker Desktop's own word for the machine it runs on."""


@dataclass(frozen=True, slots=True)
class Network:
    """The network of a run."""

    id: str
    name: str
    subnet: ipaddress.IPv4Network
    gateway: str

    @property
    def balancer(self) -> str:
        """The balancer's address."""
        return str(self.subnet[BALANCER_OFFSET])

    def host(self, index: int) -> str:
        """The address of the host with this index, from 0."""
        return str(self.subnet[HOSTS_OFFSET + index])

    @property
    def hosts_max(self) -> int:
        """So many hosts have an address here."""
        return self.subnet.num_addresses - HOSTS_OFFSET - 1


def create_network(client: DockerClient, run: Run) -> Network:
    """Make the network of a run.

    Docker gives a container an address of our choice only in a subnet of our choice, and only Docker knows
    which subnets are free: so it is asked for a network, and for one with the same subnet again. Raises
    FleetError.
    """
    for _ in range(ATTEMPTS):
        with telling("making a network for the run"):
            found = _create(client, run, None)
            client.api.remove_network(found.id)
        try:
            with telling("making a network for the run"):
                return _create(client, run, found)
        except FleetError as error:
            # Another run may have taken the subnet in between.
            if "overlaps" not in str(error):
                raise
    raise FleetError(f"no network could be made for the run in {ATTEMPTS} attempts: other networks take its subnet")


def _create(client: DockerClient, run: Run, like: Network | None) -> Network:
    from docker.types import IPAMConfig, IPAMPool

    name = run.name("net")
    ipam = None
    if like is not None:
        ipam = IPAMConfig(pool_configs=[IPAMPool(subnet=str(like.subnet), gateway=like.gateway)])
    id = client.api.create_network(name, driver="bridge", ipam=ipam, labels=run.labels("network"))["Id"]
    for config in client.api.inspect_network(id)["IPAM"]["Config"]:
        subnet = ipaddress.ip_network(config["Subnet"])
        if isinstance(subnet, ipaddress.IPv4Network):
            gateway = str(config.get("Gateway") or subnet[1]).partition("/")[0]
            return Network(id, name, subnet, gateway)
    client.api.remove_network(id)
    raise FleetError("Docker gave the run's network no IPv4 subnet; allow one in the engine's default-address-pools")


def listening_address(network: Network) -> str:
    """Where this process listens for the agents, open to nobody else.

    With a Linux engine the network's gateway is an address of this machine. With Docker Desktop it lies
    within a virtual machine; there, what a host sends to `host.docker.internal` arrives at 127.0.0.1.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((network.gateway, 0))
        except OSError as error:
            if error.errno not in (errno.EADDRNOTAVAIL, errno.EINVAL):
                raise FleetError(f"cannot listen on the run's network at {network.gateway}: {error}") from error
            return "127.0.0.1"
    return network.gateway


def extra_hosts(network: Network, listening: str) -> dict[str, str]:
    """What a host's `/etc/hosts` says of this process."""
    return {CONTROLLER: network.gateway if listening == network.gateway else "host-gateway"}


def endpoint(client: DockerClient, network: Network, address: str) -> Any:
    """A container's networking configuration: in this network, at this address."""
    api: Any = client.api
    return api.create_networking_config({network.name: api.create_endpoint_config(ipv4_address=address)})


def balancer_container(client: DockerClient, run: Run, image: str, network: Network) -> Mapping[str, Any]:
    """What the balancer's container is made with, beside what it is: its name, its place."""
    return {
        "image": image,
        "name": run.name("balancer"),
        "labels": run.labels("balancer"),
        "network_mode": network.name,
        "networking_config": endpoint(client, network, network.balancer),
    }
