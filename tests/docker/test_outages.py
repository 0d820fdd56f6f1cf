"""Faults of a host's network, disk and clock, and its end, are real: packets, blocks and clocks that programs meet."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fleet.agent.layout import ROOT_DIR
from scenarios.model import Effect
from simulator.rollout import lifecycle
from simulator.rollout.events import AgentRefused, LifecycleEventCompleted
from simulator.rollout.statuses import EventStatus, LifecycleErrorCode
from tests.docker.rig import TIMED_OUT, Rig, on, scenario, struck, up

if TYPE_CHECKING:
    from docker import DockerClient

NETWORK = ({"do": {"network": {"cut": "both"}}},)
"""A scenario that has a fault of the network gives its hosts the capability for one."""
DISK = ({"do": {"disk": "full"}},)
CLOCK = ({"do": {"clock": {"offset": "2h"}}},)


async def answer(rig: Rig) -> tuple[int, float]:
    """What a user gets, and after how many seconds."""
    import aiohttp

    began_s = time.monotonic()
    async with aiohttp.ClientSession() as users, users.get(rig.fleet._the_balancer().url + "/other") as response:
        return response.status, time.monotonic() - began_s


def test_a_host_cut_off_from_the_balancer_times_out_and_its_agent_goes_on(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> EventStatus:
        async with up(scenario(tmp_path, faults=NETWORK)) as rig:
            await rig.in_service()
            fault = rig.strike(network={"cut": "balancer"})
            await rig.sees(False, TIMED_OUT)
            ended = await rig.do(rig.begin(), "h1", lifecycle.DOWNLOAD_BUNDLE)
            rig.fleet.heal("fault", fault, ["h1"])
            await rig.sees(True, "200")
            return ended.status

    assert asyncio.run(play()) is EventStatus.SUCCEEDED


def test_a_host_cut_off_from_the_service_is_not_heard_and_its_users_are_served(
    engine: DockerClient, tmp_path: Path
) -> None:
    async def play() -> tuple[int, LifecycleEventCompleted]:
        async with up(scenario(tmp_path, faults=NETWORK)) as rig:
            await rig.in_service()
            fault = rig.strike(network={"cut": "controller"})
            await struck(rig)
            command = rig.send(rig.begin(), "h1", lifecycle.DOWNLOAD_BUNDLE)
            with pytest.raises(AssertionError):
                await rig.until(lambda: rig.completion(command), limit_s=3)
            status, _ = await answer(rig)
            rig.fleet.heal("fault", fault, ["h1"])
            return status, await rig.until(lambda: rig.completion(command))

    status, ended = asyncio.run(play())
    assert status == 200
    assert ended.status is EventStatus.SUCCEEDED


def test_what_was_done_while_the_host_was_cut_off_is_told_afterwards(engine: DockerClient, tmp_path: Path) -> None:
    play_with = scenario(tmp_path, faults=NETWORK)
    (tmp_path / "v1" / "stop.sh").write_text(
        "#!/bin/sh\nuntil [ -e /tmp/go ]; do sleep 0.1; done\ntouch /tmp/stopped\n"
    )

    async def play() -> LifecycleEventCompleted:
        async with up(play_with) as rig:
            deployment = rig.begin()
            for name in (lifecycle.DOWNLOAD_BUNDLE, lifecycle.INSTALL):
                await rig.do(deployment, "h1", name)
            command = rig.send(deployment, "h1", lifecycle.APPLICATION_STOP)
            await rig.until(lambda: any(getattr(e, "cause", "") == command for e in rig.events))
            fault = rig.strike(network={"cut": "both"})
            await struck(rig)
            await on(rig, "sh", "-c", "touch /tmp/go; until [ -e /tmp/stopped ]; do sleep 0.1; done; sleep 1")
            assert rig.completion(command) is None
            rig.fleet.heal("fault", fault, ["h1"])
            return await rig.until(lambda: rig.completion(command))

    assert asyncio.run(play()).status is EventStatus.SUCCEEDED


def test_latency_keeps_users_and_checks_waiting(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> float:
        async with up(scenario(tmp_path, faults=NETWORK)) as rig:
            await rig.in_service()
            fault = rig.strike(network={"latency": "200ms"})
            await struck(rig)
            status, took_s = await answer(rig)
            assert status == 200
            rig.fleet.heal("fault", fault, ["h1"])
            slow = rig.strike(network={"latency": "5s"})
            await rig.sees(False, TIMED_OUT)
            rig.fleet.heal("fault", slow, ["h1"])
            await rig.sees(True, "200")
            return took_s

    assert asyncio.run(play()) >= 0.2


def test_packets_are_lost(engine: DockerClient, tmp_path: Path) -> None:
    """The kernel counts them: of a hundred that come, about so many are dropped."""

    async def play() -> tuple[int, int]:
        async with up(scenario(tmp_path, faults=NETWORK)) as rig:
            await rig.in_service()
            fault = rig.strike(network={"loss": 50})
            await struck(rig)
            dropped = passed = 0
            while dropped + passed < 200:
                await asyncio.sleep(0.2)
                rules = (await on(rig, "iptables", "-nvxL", "DRYDEPLOY-IN")).splitlines()
                dropped = int(rules[2].split()[0])
                jumps = (await on(rig, "iptables", "-nvxL", "INPUT")).splitlines()
                passed = int(jumps[2].split()[0]) - dropped
            rig.fleet.heal("fault", fault, ["h1"])
            await struck(rig)
            assert "DROP" not in await on(rig, "iptables", "-S")
            return dropped, passed

    dropped, passed = asyncio.run(play())
    assert dropped > 20
    assert passed > 20


def test_heavy_loss_fails_the_health_check(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, faults=NETWORK)) as rig:
            await rig.in_service()
            fault = rig.strike(network={"loss": 95})
            await rig.sees(False, TIMED_OUT)
            rig.fleet.heal("fault", fault, ["h1"])
            await rig.sees(True, "200")

    asyncio.run(play())


def test_a_cut_outlasts_a_crash_of_the_host(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> str:
        async with up(scenario(tmp_path, faults=NETWORK)) as rig:
            rig.strike(network={"cut": "controller"})
            crash = rig.strike(host="crash")
            rig.fleet.heal("fault", crash, ["h1"])
            await struck(rig)
            return await on(rig, "iptables", "-S", "DRYDEPLOY-OUT")

    assert "DROP" in asyncio.run(play())


def test_what_is_healed_while_a_host_stands_still_is_gone_when_it_goes_on(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> str:
        async with up(scenario(tmp_path, faults=NETWORK)) as rig:
            cut = rig.strike(network={"cut": "controller"})
            pause = rig.strike(host="pause")
            rig.fleet.heal("fault", cut, ["h1"])
            rig.fleet.heal("fault", pause, ["h1"])
            await struck(rig)
            return await on(rig, "iptables", "-S", "DRYDEPLOY-OUT")

    assert "DROP" not in asyncio.run(play())


def test_a_strangers_file_that_comes_in_a_pause_is_written_afterwards_and_once(
    engine: DockerClient, tmp_path: Path
) -> None:
    path = "/srv/app/server.py"

    async def play() -> list[str]:
        async with up(scenario(tmp_path)) as rig:
            found = []
            for pause in range(2):
                fault = rig.strike(host="pause")
                if not pause:
                    rig.strike(file={"path": path, "content": "a stranger's"})
                rig.fleet.heal("fault", fault, ["h1"])
                await struck(rig)
                found.append(await on(rig, "cat", path))
                await on(rig, "sh", "-c", f"printf deployed >{path}")
            return found

    assert asyncio.run(play()) == ["a stranger's", "deployed"]


def test_a_disk_that_two_faults_have_filled_is_full_until_both_are_healed(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> list[str]:
        async with up(scenario(tmp_path, faults=DISK)) as rig:
            fault = Effect.model_validate({"disk": "full"})
            for name in ("one", "two", "one"):
                rig.fleet.inject(name, fault, ["h1"], event=None)
            free = []
            for name in ("one", "two"):
                rig.fleet.heal(name, fault, ["h1"])
                await struck(rig)
                free.append((await on(rig, "df", "--output=avail", ROOT_DIR)).split()[1])
            return free

    first, last = asyncio.run(play())
    assert first == "0"
    assert int(last) > 0


def test_a_full_disk_has_no_block_left_and_the_system_says_so(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> tuple[str, LifecycleEventCompleted, LifecycleEventCompleted]:
        async with up(scenario(tmp_path, faults=DISK)) as rig:
            await rig.do(rig.begin(), "h1", lifecycle.DOWNLOAD_BUNDLE)
            fault = rig.strike(disk="full")
            full = await rig.do(rig.begin(), "h1", lifecycle.DOWNLOAD_BUNDLE)
            free = await on(rig, "df", "--output=avail", ROOT_DIR)
            rig.fleet.heal("fault", fault, ["h1"])
            return free, full, await rig.do(rig.begin(), "h1", lifecycle.DOWNLOAD_BUNDLE)

    free, full, after = asyncio.run(play())
    assert free.split()[1] == "0"
    assert full.diagnostics is not None
    assert "No space left on device" in full.diagnostics.message
    assert after.status is EventStatus.SUCCEEDED


def test_scripts_run_from_a_disk_that_can_be_filled(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, faults=DISK)) as rig:
            await rig.in_service()

    asyncio.run(play())


def test_nothing_but_the_deployment_root_is_ever_filled(engine: DockerClient, tmp_path: Path) -> None:
    from fleet.base import FleetError

    async def play() -> None:
        async with up(scenario(tmp_path, faults=NETWORK)) as rig:
            await on(rig, "mkdir", "-p", ROOT_DIR)
            await on(rig, "python3", "-m", "hostside.disk_fault", "fill", ROOT_DIR)

    with pytest.raises(FleetError, match="no small file system of its own"):
        asyncio.run(play())


def test_a_wrong_clock_is_the_agents_and_the_scripts(engine: DockerClient, tmp_path: Path) -> None:
    play_with = scenario(tmp_path, faults=CLOCK)
    (tmp_path / "v1" / "stop.sh").write_text("#!/bin/sh\ndate +%s >/tmp/date\n")

    async def play() -> tuple[int, AgentRefused, LifecycleEventCompleted]:
        async with up(play_with) as rig:
            deployment = rig.begin()
            for name in (lifecycle.DOWNLOAD_BUNDLE, lifecycle.INSTALL):
                await rig.do(deployment, "h1", name)
            little = rig.strike(clock={"offset": "-4m"})
            await rig.do(deployment, "h1", lifecycle.APPLICATION_STOP)
            behind_s = datetime.now(UTC).timestamp() - int(await on(rig, "cat", "/tmp/date"))
            rig.fleet.heal("fault", little, ["h1"])
            fault = rig.strike(clock={"offset": "2h"})
            command = rig.send(deployment, "h1", lifecycle.APPLICATION_START)
            refused = await rig.until(lambda: rig.answer(command, AgentRefused))
            assert rig.completion(command) is None
            rig.fleet.heal("fault", fault, ["h1"])
            return round(behind_s), refused, await rig.until(lambda: rig.completion(command))

    behind_s, refused, ended = asyncio.run(play())
    assert 239 <= behind_s <= 250
    assert refused.code == "InvalidSignatureException"
    assert abs(refused.ahead_ms - 2 * 3_600_000) < 5_000
    assert ended.status is EventStatus.SUCCEEDED


def test_a_terminated_host_is_gone_and_the_balancer_finds_out(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> list[Any]:
        async with up(scenario(tmp_path)) as rig:
            await rig.in_service()
            fault = rig.strike(host="terminate")
            await rig.sees(False, TIMED_OUT)
            rig.strike(host="crash")
            rig.fleet.heal("fault", fault, ["h1"])
            command = rig.send(rig.begin(), "h1", lifecycle.DOWNLOAD_BUNDLE)
            with pytest.raises(AssertionError):
                await rig.until(lambda: rig.completion(command), limit_s=1)
            filters = {"label": [f"drydeploy.run={rig.fleet.run.id}", "drydeploy.host=h1"]}
            return await asyncio.to_thread(engine.api.containers, all=True, filters=filters)

    assert asyncio.run(play()) == []


def test_a_script_that_keeps_its_output_open_runs_all_the_same(engine: DockerClient, tmp_path: Path) -> None:
    play_with = scenario(tmp_path)
    appspec = tmp_path / "v1" / "appspec.yml"
    appspec.write_text(appspec.read_text().replace("timeout: 10", "timeout: 2"))
    (tmp_path / "v1" / "start.sh").write_text('#!/bin/sh\necho "from $(dirname "$0")" >/tmp/started\n')

    async def play() -> tuple[LifecycleEventCompleted, str, LifecycleEventCompleted, str]:
        async with up(play_with) as rig:
            deployment = rig.begin()
            for name in (lifecycle.DOWNLOAD_BUNDLE, lifecycle.INSTALL):
                await rig.do(deployment, "h1", name)
            rig.strike(lifecycle.APPLICATION_START, script="keeps-output-open")
            first = await rig.do(deployment, "h1", lifecycle.APPLICATION_START)
            ran = await on(rig, "cat", "/tmp/started")
            after = await rig.do(deployment, "h1", lifecycle.APPLICATION_START)
            left = await on(rig, "sh", "-c", f"ls -a {ROOT_DIR}/*/{deployment}/deployment-archive")
            return first, ran, after, left

    first, ran, after, left = asyncio.run(play())
    assert first.diagnostics is not None
    assert first.diagnostics.error_code is LifecycleErrorCode.UNKNOWN_ERROR
    assert "STDOUT" in first.diagnostics.message
    assert "deployment-archive" in ran
    assert after.status is EventStatus.SUCCEEDED
    assert ".original" not in left
