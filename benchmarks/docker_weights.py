"""The share of the traffic that was asked for, and the share that HAProxy gave, counted in requests on containers.

    python -m benchmarks.docker_weights

For each share and each size of the two sides: the weights, the share that they mean, what was measured over `REQUESTS`
requests, and the error in percentage points. The peer is a balancer that draws lots for each request with exactly the
right odds: two thirds of its measurements err by less than its standard deviation.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.measure import skipped, table, title
from fleet.balancer.weights import weigh
from fleet.base import FleetError
from fleet.docker.images import image_build
from tests.docker.rig import Rig, scenario, up

REQUESTS: Final = 5_000
SHARES: Final = (1, 10, 50)
"""Percent."""
SIDES: Final = ((1, 1), (2, 3))
"""How many hosts traffic is shifted to, and how many others there are."""
_HEADER: Final = ("asked", "new:old", "weights", "exact", "measured", "error", "drawing lots", "ratio")


def rows() -> Iterator[tuple[str, ...]]:
    """A row for each share and each pair of sides, measured on containers. Raises FleetError without an engine."""
    image_build()
    for new, old in SIDES:
        with tempfile.TemporaryDirectory() as directory:
            yield from asyncio.run(_measure(Path(directory), new, old))


async def _measure(directory: Path, new: int, old: int) -> list[tuple[str, ...]]:
    async with up(scenario(directory, hosts=new + old)) as rig:
        await asyncio.gather(*(rig.in_service(host) for host in rig.hosts))
        shifted, others = rig.hosts[:new], rig.hosts[new:]
        return [await _share(rig, shifted, others, percent) for percent in SHARES]


async def _share(rig: Rig, shifted: list[str], others: list[str], percent: int) -> tuple[str, ...]:
    await rig.shift(rig.begin("v1", "blue-green"), shifted, percent)
    seen = await rig.ask(REQUESTS)
    given = weigh(shifted, others, percent)
    exact = 100 * sum(given[host] for host in shifted) / sum(given.values())
    measured = 100 * sum(seen[host] for host in shifted) / REQUESTS
    error = abs(measured - percent)
    lots = 100 * math.sqrt(percent / 100 * (1 - percent / 100) / REQUESTS)
    return (
        f"{percent} %",
        f"{len(shifted)}:{len(others)}",
        f"{given[shifted[0]]}:{given[others[0]]}",
        f"{exact:.3f} %",
        f"{measured:.3f} %",
        f"{error:.3f}",
        f"{lots:.3f}",
        f"{error / lots:.2f}",
    )


def run() -> None:
    """Print the table, or why it cannot be had here."""
    title(f"Docker: the balancer's weights, {REQUESTS:,} requests each, error in percentage points")
    try:
        table(_HEADER, list(rows()))
    except FleetError as error:
        skipped("the balancer's weights", str(error))
