"""HAProxy as a load balancer of AWS: initial, in service, draining, and what its checks saw."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.rollout import lifecycle
from simulator.rollout.events import HealthCheckReported
from tests.docker.rig import BALANCER, SERVER, WAIT_S, Rig, scenario, up

if TYPE_CHECKING:
    from docker import DockerClient

NOT_FOUND = SERVER.replace("send_response(200)", "send_response(404)")
SLOW = SERVER.replace(
    "self.send_response(200)", "import time; time.sleep(0 if self.path == '/health' else 5); self.send_response(200)"
)


def reports(rig: Rig) -> list[tuple[bool, str]]:
    return [(e.healthy, e.seen) for e in rig.events if isinstance(e, HealthCheckReported)]


def test_a_host_without_an_application_refuses_the_connection(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            command = rig.send(rig.begin(), "h1", lifecycle.ALLOW_TRAFFIC)
            seen = await rig.sees(False, "connection refused")
            assert (seen.path, seen.wanted, seen.cause) == ("/health", "200", command)
            assert not rig.fleet._the_balancer().in_service

    asyncio.run(play())


def test_a_404_is_seen_and_the_host_gets_no_request(engine: DockerClient, tmp_path: Path) -> None:
    play_with = scenario(tmp_path)
    (tmp_path / "v1" / "server.py").write_text(NOT_FOUND.format(word="v1"))

    async def play() -> None:
        async with up(play_with) as rig:
            deployment = await rig.install()
            rig.send(deployment, "h1", lifecycle.ALLOW_TRAFFIC)
            await rig.sees(False, "404")
            assert True not in {healthy for healthy, _ in reports(rig)}

    asyncio.run(play())


def test_a_host_that_was_registered_again_is_initial_again(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            await rig.in_service()
            deployment = rig.begin()
            await rig.do(deployment, "h1", lifecycle.BLOCK_TRAFFIC)
            assert not rig.fleet._the_balancer().in_service
            before = len(rig.events)
            rig.send(deployment, "h1", lifecycle.ALLOW_TRAFFIC)
            await rig.sees(True, "200", after=before)
            again = [(e.healthy, e.seen) for e in rig.events[before:] if isinstance(e, HealthCheckReported)]
            assert again == [(False, "200"), (True, "200")]
            await rig.until(lambda: rig.fleet._the_balancer().in_service == {"h1"})

    asyncio.run(play())


def test_two_groups_that_register_one_host_both_hear_that_it_is_healthy(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            one = await rig.install()
            two, three = rig.begin(group="two"), rig.begin(group="three")
            waiting = {rig.send(deployment, "h1", lifecycle.ALLOW_TRAFFIC) for deployment in (one, two)}
            await rig.until(lambda: rig.fleet._the_balancer().in_service)
            waiting.add(rig.send(three, "h1", lifecycle.ALLOW_TRAFFIC))

            def told() -> set[str]:
                return {e.cause for e in rig.events if isinstance(e, HealthCheckReported) and e.healthy}

            await rig.until(lambda: told() == waiting)
            assert rig.fleet._the_balancer().in_service

    asyncio.run(play())


def test_requests_under_way_may_end_while_a_host_is_drained(engine: DockerClient, tmp_path: Path) -> None:
    play_with = scenario(tmp_path, balancer={**BALANCER, "draining": "30s"})
    (tmp_path / "v1" / "server.py").write_text(SLOW.format(word="v1"))

    async def play() -> None:
        import aiohttp

        async with up(play_with) as rig, aiohttp.ClientSession() as users:
            await rig.in_service()
            url = rig.fleet._the_balancer().url

            async def ask() -> int:
                async with users.get(url) as answer:
                    return answer.status

            asked = asyncio.create_task(ask())
            states = rig.fleet._the_balancer()._ask_states
            async with asyncio.timeout(WAIT_S):
                while not (await states())["h1"].sessions:
                    await asyncio.sleep(0.01)
            ended = await rig.do(rig.begin(), "h1", lifecycle.BLOCK_TRAFFIC)
            assert await asked == 200
            assert ended.at_ms - ended.started_ms >= 500
            assert await ask() == 503

    asyncio.run(play())
