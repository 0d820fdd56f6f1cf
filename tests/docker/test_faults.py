"""Faults are real: made in the host's network, on its disk, with signals. Any application meets them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from simulator.rollout import lifecycle
from simulator.rollout.events import LifecycleEventCompleted
from simulator.rollout.statuses import EventStatus, LifecycleErrorCode
from tests.docker.rig import TIMED_OUT, Rig, scenario, up

if TYPE_CHECKING:
    from docker import DockerClient

HEALTH = ({"do": {"health": {"status": 503}}},)
"""A scenario that has a health fault gives its hosts the capability for one."""


async def answer(rig: Rig, path: str) -> int:
    import aiohttp

    async with aiohttp.ClientSession() as users, users.get(rig.fleet._the_balancer().url + path) as response:
        return response.status


def test_a_status_is_put_before_the_health_path_only(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, faults=HEALTH)) as rig:
            await rig.in_service()
            fault = rig.strike(health={"status": 418})
            seen = await rig.until(lambda: found if (found := rig.health()) and found.seen == "418" else None)
            assert (seen.healthy, await answer(rig, "/other")) == (True, 200)
            await rig.sees(False, "418")
            rig.fleet.heal("fault", fault, ["h1"])
            await rig.sees(True, "200")

    asyncio.run(play())


def test_a_slow_health_check_times_out(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, faults=HEALTH)) as rig:
            await rig.in_service()
            rig.strike(health={"slow": "5s"})
            await rig.sees(False, TIMED_OUT)

    asyncio.run(play())


def test_a_flapping_health_check_fails_and_passes(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, faults=HEALTH)) as rig:
            await rig.in_service()
            rig.strike(health={"flapping": {"up": "1s", "down": "1s"}})
            await rig.sees(False, "503")
            await rig.sees(True, "200")
            await rig.sees(False, "503")

    asyncio.run(play())


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ({"exit": 9}, LifecycleErrorCode.SCRIPT_FAILED),
        ("missing", LifecycleErrorCode.SCRIPT_MISSING),
        ("hang", LifecycleErrorCode.SCRIPT_TIMED_OUT),
    ],
)
def test_a_script_fault_strikes_once_and_leaves_the_script_as_it_was(
    engine: DockerClient, tmp_path: Path, script: object, code: LifecycleErrorCode
) -> None:
    play_with = scenario(tmp_path)
    appspec = tmp_path / "v1" / "appspec.yml"
    appspec.write_text(appspec.read_text().replace("timeout: 10", "timeout: 2"))

    async def play() -> tuple[LifecycleEventCompleted, LifecycleEventCompleted]:
        async with up(play_with) as rig:
            deployment = rig.begin()
            for name in (lifecycle.DOWNLOAD_BUNDLE, lifecycle.INSTALL):
                await rig.do(deployment, "h1", name)
            rig.strike(lifecycle.APPLICATION_START, script=script)
            first = await rig.do(deployment, "h1", lifecycle.APPLICATION_START)
            return first, await rig.do(deployment, "h1", lifecycle.APPLICATION_START)

    struck, after = asyncio.run(play())
    assert struck.status is EventStatus.FAILED
    assert struck.diagnostics is not None
    assert (struck.diagnostics.error_code, struck.diagnostics.script_name) == (code, "start.sh")
    assert after.status is EventStatus.SUCCEEDED


@pytest.mark.parametrize("how", ["missing", "corrupt"])
def test_a_bundle_fault_lasts_until_it_is_healed(engine: DockerClient, tmp_path: Path, how: str) -> None:
    async def play() -> list[EventStatus]:
        async with up(scenario(tmp_path)) as rig:
            fault = rig.strike(bundle=how)
            struck = [await rig.do(rig.begin(), "h1", lifecycle.DOWNLOAD_BUNDLE) for _ in range(2)]
            rig.fleet.heal("fault", fault, ["h1"])
            return [ended.status for ended in (*struck, await rig.do(rig.begin(), "h1", lifecycle.DOWNLOAD_BUNDLE))]

    assert asyncio.run(play()) == [EventStatus.FAILED, EventStatus.FAILED, EventStatus.SUCCEEDED]


def test_a_strangers_file_is_in_the_way_until_it_is_taken_away(engine: DockerClient, tmp_path: Path) -> None:
    play_with = scenario(tmp_path)
    appspec = tmp_path / "v1" / "appspec.yml"
    appspec.write_text(appspec.read_text().replace("file_exists_behavior: OVERWRITE\n", ""))

    async def play() -> tuple[LifecycleEventCompleted, LifecycleEventCompleted]:
        async with up(play_with) as rig:
            fault = rig.strike(file={"path": "/srv/app/server.py"})
            deployment = rig.begin()
            await rig.do(deployment, "h1", lifecycle.DOWNLOAD_BUNDLE)
            conflict = await rig.do(deployment, "h1", lifecycle.INSTALL)
            rig.fleet.heal("fault", fault, ["h1"])
            return conflict, await rig.do(deployment, "h1", lifecycle.INSTALL)

    conflict, after = asyncio.run(play())
    assert conflict.diagnostics is not None
    assert "/srv/app/server.py" in conflict.diagnostics.message
    assert after.status is EventStatus.SUCCEEDED


def test_a_stopped_agent_takes_up_nothing_until_it_runs_again(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            fault = rig.strike(agent="stop")
            command = rig.send(rig.begin(), "h1", lifecycle.DOWNLOAD_BUNDLE)
            with pytest.raises(AssertionError):
                await rig.until(lambda: rig.completion(command), limit_s=2)
            rig.fleet.heal("fault", fault, ["h1"])
            ended = await rig.until(lambda: rig.completion(command))
            assert ended.status is EventStatus.SUCCEEDED

    asyncio.run(play())


@pytest.mark.parametrize("how", [{"agent": "restart"}, {"host": "crash"}])
def test_what_was_in_hand_when_the_agent_died_is_reported_as_lost(
    engine: DockerClient, tmp_path: Path, how: dict[str, str]
) -> None:
    async def play() -> LifecycleEventCompleted:
        async with up(scenario(tmp_path)) as rig:
            deployment = rig.begin()
            for name in (lifecycle.DOWNLOAD_BUNDLE, lifecycle.INSTALL):
                await rig.do(deployment, "h1", name)
            rig.strike(lifecycle.APPLICATION_START, script="hang")
            command = rig.send(deployment, "h1", lifecycle.APPLICATION_START)
            await rig.until(lambda: any(getattr(e, "cause", "") == command for e in rig.events))
            # The agent notes what it begins just after it was told to go on.
            hosts = rig.fleet._faults._machines
            await asyncio.to_thread(
                hosts.run,
                "h1",
                [
                    "sh",
                    "-c",
                    "until ls /opt/codedeploy-agent/deployment-root/ongoing-deployment/*; do sleep 0.05; done",
                ],
            )
            fault = rig.strike(**how)
            rig.fleet.heal("fault", fault, ["h1"])
            return await rig.until(lambda: rig.completion(command))

    lost = asyncio.run(play())
    assert lost.status is EventStatus.FAILED
    assert lost.diagnostics is not None
    assert lost.diagnostics.error_code is LifecycleErrorCode.UNKNOWN_ERROR
    assert "restart" in lost.diagnostics.message


def test_a_crashed_host_is_found_again_with_its_health_fault(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, faults=HEALTH)) as rig:
            await rig.in_service()
            crash = rig.strike(host="crash")
            await rig.until(lambda: (found := rig.health()) and not found.healthy)
            rig.fleet.heal("fault", crash, ["h1"])
            # Nothing starts the application again but a deployment; before it stands a fault now.
            rig.strike(health={"status": 503})
            await rig.sees(False, "503")

    asyncio.run(play())


def test_a_paused_host_times_out_and_goes_on(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            await rig.in_service()
            fault = rig.strike(host="pause")
            await rig.sees(False, TIMED_OUT)
            rig.fleet.heal("fault", fault, ["h1"])
            await rig.sees(True, "200")

    asyncio.run(play())


def test_a_paused_host_is_removed_with_the_rest(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> str:
        async with up(scenario(tmp_path)) as rig:
            rig.strike(host="pause")
            hosts = rig.fleet._faults._machines
            await rig.until(lambda: hosts.state("h1") == "paused")  # type: ignore[attr-defined]
            return rig.fleet.run.id

    run = asyncio.run(play())
    assert not engine.api.containers(all=True, filters={"label": f"drydeploy.run={run}"})
