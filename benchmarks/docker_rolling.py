"""A rolling deployment to ten hosts, two at a time, beside `docker service update --update-parallelism 2`.

The same image, the same web application, a health check every half second that has to pass once. Swarm replaces the
containers of a service; drydeploy runs thirteen lifecycle events on every host, behind a load balancer with users.
"""

from __future__ import annotations

import io
import statistics
import tarfile
import time
from typing import TYPE_CHECKING, Any

from benchmarks.engine import Unavailable, engine, hand_over, own_engine
from benchmarks.fleets import BUNDLES, scenario
from benchmarks.measure import say, skipped, table, title

if TYPE_CHECKING:
    from docker import DockerClient

HOSTS, AT_ONCE = 10, 2
UPDATES = ("v2", "v1", "v2")
INTERVAL_MS = 500
_SWARM_S = 180
_MS, _S = 1_000_000, 1_000_000_000  # in nanoseconds, as the engine counts
_DOCKERFILE = """
FROM {image}
COPY server.py /app/
COPY site /app/site
WORKDIR /app
ENTRYPOINT []
CMD ["python3", "server.py", "8080", "site"]
"""


def run() -> None:
    """Print the table."""
    title(f"Docker: {HOSTS} hosts, {AT_ONCE} at a time, {len(UPDATES)} deployments, seconds of each")
    try:
        with engine() as (client, image):
            ours = _drydeploy()
            took = {"drydeploy run --fleet docker": ours}
            try:
                took["docker service update"] = _swarm(client, image)
            except Unavailable as error:
                skipped("docker service update", str(error))
    except Unavailable as error:
        skipped("the rolling deployment on Docker", str(error))
        return
    rows = [
        (name, f"{statistics.median(s):.1f}", f"{statistics.median(s) / statistics.median(ours):.2f}", _list(s))
        for name, s in took.items()
    ]
    table(("", "median", "drydeploy's rate to it", "each"), rows)


def _list(seconds: list[float]) -> str:
    return " ".join(f"{s:.1f}" for s in seconds)


def _drydeploy() -> list[float]:
    from simulator.api.host_commands import HostCommandEndpoint
    from simulator.control.controller import docker

    check = {"path": "/", "interval": f"{INTERVAL_MS}ms", "timeout": f"{INTERVAL_MS}ms", "rise": 1, "fall": 3}
    balancer = {"port": 8080, "health_check": check, "draining": "1s"}
    played = scenario(HOSTS, AT_ONCE, deploy=list(UPDATES), balancer=balancer)
    result = docker(played, commands=HostCommandEndpoint(), seed=7, scenario_sha256="", replay="")
    if result.traffic is not None:
        say(f"  availability to drydeploy's users: {result.traffic.availability}; outcome: {result.outcome}")
    return [(rollout.ended_ms - rollout.started_ms) / 1000 for rollout in result.rollouts]


# -- Swarm ------------------------------------------------------------------------------------------------------------


def _swarm(source: DockerClient, image: str) -> list[float]:
    with own_engine() as client:
        hand_over(source, image, client)
        for revision in sorted(set(UPDATES) | {"v1"}):
            _build(client, image, revision)
        services: Any = client.services
        service = services.create(**_service("v1"))
        _wait(service, "v1")
        took = []
        for revision in UPDATES:
            began = time.monotonic()
            service.reload()
            service.update(**_service(revision))
            _wait(service, revision)
            took.append(time.monotonic() - began)
            _settle(service)
        service.remove()
        return took


def _build(client: DockerClient, image: str, revision: str) -> None:
    context = io.BytesIO()
    dockerfile = _DOCKERFILE.format(image=image).encode()
    with tarfile.open(fileobj=context, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        tar.addfile(entry, io.BytesIO(dockerfile))
        for name in ("server.py", "site"):
            tar.add(BUNDLES / f"web-{revision}" / name, name)
    context.seek(0)
    client.images.build(fileobj=context, custom_context=True, tag=f"web:{revision}", rm=True)


def _service(revision: str) -> dict[str, Any]:
    from docker.types import Healthcheck, ServiceMode, UpdateConfig

    return {
        "image": f"web:{revision}",
        "name": "web",
        "mode": ServiceMode("replicated", replicas=HOSTS),
        "init": True,
        "stop_grace_period": 10 * _S,
        "update_config": UpdateConfig(parallelism=AT_ONCE, delay=0, failure_action="pause", order="stop-first"),
        "healthcheck": Healthcheck(
            test=["CMD", "curl", "--silent", "--fail", "--output", "/dev/null", "http://127.0.0.1:8080/"],
            interval=INTERVAL_MS * _MS,
            timeout=INTERVAL_MS * _MS,
            retries=3,
        ),
    }


def _wait(service: Any, revision: str) -> None:
    """Until every task of this revision runs, and so is healthy. The update's own time of grace is not waited for."""
    until_s = time.monotonic() + _SWARM_S
    while time.monotonic() < until_s:
        tasks = service.tasks(filters={"desired-state": "running"})
        running = [task for task in tasks if task["Status"]["State"] == "running"]
        if sum(task["Spec"]["ContainerSpec"]["Image"].startswith(f"web:{revision}") for task in running) == HOSTS:
            return
        time.sleep(0.05)
    raise Unavailable(f"the Swarm did not bring {revision} up within {_SWARM_S} s")


def _settle(service: Any) -> None:
    """Until the Swarm calls the update complete, so that the next one is not held up by it."""
    until_s = time.monotonic() + _SWARM_S
    while time.monotonic() < until_s:
        service.reload()
        if service.attrs.get("UpdateStatus", {}).get("State") == "completed":
            return
        time.sleep(0.2)
