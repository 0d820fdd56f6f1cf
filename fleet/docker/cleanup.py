"""Removing what runs left behind: of dead runs, or of all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fleet.docker import sources
from fleet.docker.engine import at_once, connect, is_missing, telling
from fleet.docker.labels import IMAGE, RUN, Owner

if TYPE_CHECKING:
    from docker import DockerClient


_CONFLICT: Final = 409
"""Something is made from the image."""
_MISSING: Final = 404


@dataclass(frozen=True, slots=True)
class Leftover:
    """Everything of one run.

    `alive`: whether its owner still runs; None where that cannot be known from here.
    """

    run: str
    alive: bool | None
    containers: tuple[str, ...]
    networks: tuple[str, ...]
    volumes: tuple[str, ...]

    def __str__(self) -> str:
        parts = ((self.containers, "container"), (self.networks, "network"), (self.volumes, "volume"))
        return f"run {self.run}: " + ", ".join(
            f"{len(ids)} {word}{'s' if len(ids) > 1 else ''}" for ids, word in parts if ids
        )


def leftovers(client: DockerClient) -> tuple[Leftover, ...]:
    """What is there of every run, also of live ones, ordered by run id."""
    wanted = {"label": RUN}
    with telling("looking for what earlier runs left"):
        things = {
            "containers": client.api.containers(all=True, filters=wanted),
            "networks": client.api.networks(filters=wanted),
            "volumes": client.api.volumes(filters=wanted).get("Volumes") or [],
        }
    runs: dict[str, dict[str, list[str]]] = {}
    owners: dict[str, Owner | None] = {}
    for kind, listed in things.items():
        for thing in listed:
            run = thing["Labels"][RUN]
            runs.setdefault(run, {kind: [] for kind in things})[kind].append(thing.get("Id") or thing["Name"])
            owners[run] = owners.get(run) or Owner.from_labels(thing["Labels"])
    return tuple(
        Leftover(
            run,
            _alive(owners[run]),
            tuple(kinds["containers"]),
            tuple(kinds["networks"]),
            tuple(kinds["volumes"]),
        )
        for run, kinds in sorted(runs.items())
    )


def _alive(owner: Owner | None) -> bool | None:
    return False if owner is None else owner.alive


def remove(client: DockerClient, left: Iterable[Leftover]) -> None:
    """Remove these, containers first.

    What is gone already is as good. Raises FleetError for what will not go.
    """
    left = tuple(left)
    with telling("removing what a run left"):
        at_once([partial(remove_container, client, id) for run in left for id in run.containers])
        at_once([partial(_gone, client.api.remove_network, id) for run in left for id in run.networks])
        at_once([partial(_gone, client.api.remove_volume, id) for run in left for id in run.volumes])


def remove_container(client: DockerClient, id: str) -> None:
    """Remove a container, whatever state it is in. What is gone already is as good."""
    _gone(partial(client.api.remove_container, v=True, force=True), id)


def _gone(remove_one: Callable[[str], Any], id: str) -> None:
    from docker.errors import APIError

    try:
        remove_one(id)
    except APIError as error:
        if not is_missing(error):
            raise


def remove_run(client: DockerClient, run: str) -> None:
    """Remove everything of one run."""
    remove(client, [left for left in leftovers(client) if left.run == run])


def remove_dead(client: DockerClient) -> tuple[Leftover, ...]:
    """Remove everything of runs whose owner has died, and answer what that was."""
    dead = tuple(left for left in leftovers(client) if left.alive is False)
    remove(client, dead)
    return dead


def clean_images() -> tuple[str, ...]:
    """Remove the images that were made from other sources than these; answer their names, or ids where they have none.

    What a container is made from, or another image, stays. Raises FleetError where there is no engine.
    """
    client = connect()
    try:
        return remove_stale(client)
    finally:
        client.close()


def remove_stale(client: DockerClient) -> tuple[str, ...]:
    """As `clean_images`, with this client."""
    from docker.errors import APIError

    current = {sources.host_tag(), sources.base_tag()}
    removed = []
    with telling("removing old images"):
        for image in client.images.list(filters={"label": IMAGE}):
            if current.intersection(image.tags):
                continue
            for name in image.tags or [str(image.id)]:
                try:
                    client.images.remove(name)
                except APIError as error:
                    if error.status_code not in (_CONFLICT, _MISSING):
                        raise
                else:
                    removed.append(name)
    return tuple(removed)


def clean(*, everything: bool = False) -> tuple[Leftover, ...]:
    """`drydeploy clean`: remove what dead runs left, with `everything` what any run made, live ones too.

    Answers what was removed. Raises FleetError where there is no engine.
    """
    client = connect()
    try:
        if not everything:
            return remove_dead(client)
        found = leftovers(client)
        remove(client, found)
        return found
    finally:
        client.close()
