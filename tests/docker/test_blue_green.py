"""Hosts that come and go, and traffic that is shifted between them: counted in requests, host by host."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleet.base import FleetError
from fleet.docker.labels import HOST, RUN
from simulator.rollout import lifecycle
from simulator.rollout.events import HostProvisioned, TrafficMeasured
from simulator.rollout.statuses import Creator, EventStatus
from tests.docker.rig import WAIT_S, Rig, scenario, up

if TYPE_CHECKING:
    from docker import DockerClient

REQUESTS = 500


def hosts(engine: DockerClient, rig: Rig) -> set[str]:
    """The hosts that have a container."""
    found = engine.api.containers(all=True, filters={"label": [f"{RUN}={rig.fleet.run.id}", HOST]})
    return {container["Labels"][HOST] for container in found}


def measured(rig: Rig) -> TrafficMeasured:
    make = rig.fleet.measure()
    assert make is not None
    event = make(0, 0)
    assert isinstance(event, TrafficMeasured)
    return event


def test_new_hosts_take_over_from_the_old_by_shares_and_the_old_are_gone(engine: DockerClient, tmp_path: Path) -> None:
    play_with = scenario(tmp_path, hosts=2, fleet={"hosts": 2, "files": {"/etc/app/here.conf": "by hand\n"}})

    async def play() -> str:
        async with up(play_with) as rig:
            balancer = rig.fleet._the_balancer()
            await asyncio.gather(*(rig.in_service(host) for host in ("h1", "h2")))
            deployment = rig.begin("v2", "blue-green")
            green = ["h1-g2", "h2-g2"]
            await asyncio.gather(*(rig.provision(deployment, host) for host in green))
            assert hosts(engine, rig) == {"h1", "h2", *green}
            machines = rig.fleet._hosts
            assert await asyncio.to_thread(machines.run, "h1-g2", ["cat", "/etc/app/here.conf"]) == "by hand\n"
            await asyncio.gather(*(rig.install(host, deployment=deployment) for host in green))
            assert set(await rig.ask(40)) == {"h1", "h2"}

            await rig.shift(deployment, green, 0)
            await asyncio.gather(*(rig.allow(deployment, host) for host in green))
            assert await rig.ask(40) == {"h1": 20, "h2": 20}
            await rig.shift(deployment, green, 10)
            seen = await rig.ask(REQUESTS)
            assert sum(seen[host] for host in green) in range(REQUESTS // 10 - 2, REQUESTS // 10 + 2), seen
            assert min(seen[host] for host in green) >= REQUESTS // 20 - 2
            rig.fleet.open()
            await rig.until(lambda: measured(rig).total >= 40)
            await rig.shift(deployment, green, 100)
            assert set(await rig.ask(40)) == set(green)
            assert balancer.in_service == {"h1", "h2", *green}

            for host in ("h1", "h2"):
                await rig.do(deployment, host, lifecycle.BLOCK_TRAFFIC)
                await rig.terminate(deployment, host)
            assert hosts(engine, rig) == set(green)
            assert set(await balancer._ask_states()) == set(green)
            assert set(await rig.ask(40)) == set(green)
            traffic = measured(rig)
            assert (traffic.failed, traffic.strays, traffic.in_service_min) == (0, 0, 2)
            assert [revision for revision, _ in traffic.by_revision] == ["v1", "v2"]
            return rig.fleet.run.id

    run = asyncio.run(play())
    assert not engine.api.containers(all=True, filters={"label": f"{RUN}={run}"})


def test_a_share_holds_while_hosts_of_either_side_come_and_go(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, hosts=3)) as rig:
            await asyncio.gather(*(rig.in_service(host) for host in ("h1", "h2")))
            deployment = rig.begin("v1", "blue-green")
            await rig.install("h3", deployment=deployment)
            await rig.shift(deployment, ["h3"], 20)
            await rig.allow(deployment, "h3")
            assert (await rig.ask(200))["h3"] in range(38, 42)
            await rig.do(deployment, "h2", lifecycle.BLOCK_TRAFFIC)
            assert (await rig.ask(200))["h3"] in range(38, 42)
            await rig.allow(deployment, "h2")
            seen = await rig.ask(200)
            assert (seen["h3"] in range(38, 42), seen["h1"] in range(78, 82)) == (True, True), seen

    asyncio.run(play())


def test_a_side_alone_answers_unless_its_share_is_nothing(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, hosts=2)) as rig:
            await rig.in_service("h1")
            deployment = rig.begin("v1", "blue-green")
            await rig.shift(deployment, ["h2"], 100)
            assert await rig.ask(10) == {"503": 10}
            # It is checked all the same, and stays in service.
            assert rig.fleet._the_balancer().in_service == {"h1"}
            assert (await rig.fleet._the_balancer()._ask_states())["h1"].up
            await rig.shift(deployment, ["h2"], 99)
            assert await rig.ask(10) == {"h1": 10}

    asyncio.run(play())


def test_a_shift_is_over_once_the_side_without_a_share_has_left(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, hosts=3)) as rig:
            await asyncio.gather(*(rig.in_service(host) for host in ("h1", "h2")))
            deployment = rig.begin("v1", "blue-green")
            await rig.shift(deployment, ["h2"], 100)
            await rig.do(deployment, "h1", lifecycle.BLOCK_TRAFFIC)
            await rig.terminate(deployment, "h1")
            # The next deployment, without a shift: its new host has a share like everybody.
            await rig.in_service("h3")
            assert await rig.ask(40) == {"h2": 20, "h3": 20}

    asyncio.run(play())


def test_a_kept_host_runs_on_without_requests(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, hosts=2)) as rig:
            await asyncio.gather(*(rig.in_service(host) for host in ("h1", "h2")))
            deployment = rig.begin()
            await rig.terminate(deployment, "h1", keep=True)
            assert hosts(engine, rig) == {"h1", "h2"}
            assert await rig.ask(10) == {"h2": 10}
            assert await asyncio.to_thread(rig.fleet._hosts.state, "h1") == "running"

    asyncio.run(play())


def test_a_host_that_dies_before_its_agent_runs_is_never_there(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> str:
        async with up(scenario(tmp_path)) as rig:
            machines, arrivals, boot = rig.fleet._hosts, rig.fleet._arrivals, rig.fleet._arrivals.boot
            # A user whom no system takes ends the first boot, before there is an agent.
            dies = partial(boot, users=["not a user"])

            def dead(host: str) -> bool:
                return host in hosts(engine, rig) and machines.state(host) == "exited"

            deployment = rig.begin("v2", "blue-green")
            arrivals.boot = dies
            command = rig.ask_for(deployment, "h1-g2")
            await rig.until(lambda: dead("h1-g2"))
            # The next one does not disturb it.
            arrivals.boot = boot
            await rig.provision(deployment, "h1-g3")
            assert rig.answer(command, HostProvisioned) is None
            ended = await rig.do(deployment, "h1-g3", lifecycle.DOWNLOAD_BUNDLE)
            assert ended.status is EventStatus.SUCCEEDED
            arrivals.boot = dies
            rig.ask_for(deployment, "h2-g2")
            await rig.until(lambda: dead("h2-g2"))
            await rig.terminate(deployment, "h2-g2")
            assert hosts(engine, rig) == {"h1", "h1-g2", "h1-g3"}
            rig.ask_for(deployment, "h3-g2")
            await rig.until(lambda: dead("h3-g2"))
            return rig.fleet.run.id

    run = asyncio.run(play())
    assert not engine.api.containers(all=True, filters={"label": f"{RUN}={run}"})


def test_a_host_that_stands_is_not_replaced(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            stands = rig.fleet._hosts.container("h1")
            command = rig.ask_for(rig.begin("v2", "blue-green"), "h1")
            with pytest.raises(FleetError, match="h1 cannot be provisioned: a host of that name is there already"):
                await asyncio.wait_for(rig.fleet.watch(), WAIT_S)
            assert rig.answer(command, HostProvisioned) is None
            assert rig.fleet._hosts.container("h1") == stands
            assert await asyncio.to_thread(rig.fleet._hosts.state, "h1") == "running"

    asyncio.run(play())


def test_nothing_is_left_when_a_run_ends_while_a_host_is_being_provisioned(
    engine: DockerClient, tmp_path: Path
) -> None:
    async def play() -> str:
        async with up(scenario(tmp_path)) as rig:
            deployment = rig.begin("v2", "blue-green")
            for number in range(3):
                rig.ask_for(deployment, f"g{number}")
            await rig.until(lambda: "g0" in rig.fleet._roster)
            return rig.fleet.run.id

    run = asyncio.run(play())
    assert not engine.api.containers(all=True, filters={"label": f"{RUN}={run}"})
    assert not engine.api.networks(filters={"label": f"{RUN}={run}"})


def test_faults_strike_new_hosts_and_do_no_harm_once_they_are_gone(engine: DockerClient, tmp_path: Path) -> None:
    faults = ({"do": {"health": {"status": 404}}, "where": {"revision": "v2"}},)

    async def play() -> None:
        async with up(scenario(tmp_path, faults=faults)) as rig:
            deployment = rig.begin("v2", "blue-green")
            await rig.provision(deployment, "h1-g2")
            fault = rig.strike(at="h1-g2", health={"status": 404})
            await rig.install("h1-g2", deployment=deployment)
            rig.send(deployment, "h1-g2", lifecycle.ALLOW_TRAFFIC)
            await rig.sees(False, "404", "h1-g2")
            rig.fleet.heal("fault", fault, ["h1-g2"])
            await rig.sees(True, "200", "h1-g2")
            await rig.terminate(deployment, "h1-g2")
            rig.strike(at="h1-g2", health={"status": 404})
            rig.fleet.heal("fault", fault, ["h1-g2"])
            await rig.terminate(deployment, "h1-g2")
            assert not rig.fleet._broken.done()

    asyncio.run(play())


def test_in_the_rollback_of_a_blue_green_deployment_other_scripts_run(engine: DockerClient, tmp_path: Path) -> None:
    """BeforeAllowTraffic of a rollback: the last successful revision's, which the rollback never downloads."""
    play_with = scenario(tmp_path)
    for word in ("v1", "v2"):
        appspec = tmp_path / word / "appspec.yml"
        appspec.write_text(appspec.read_text() + "  BeforeAllowTraffic: [{location: note.sh}]\n")
        (tmp_path / word / "note.sh").write_text(f"#!/bin/sh\necho {word} >>/tmp/notes\n")

    async def play() -> str:
        async with up(play_with) as rig:
            await rig.install()
            for strategy, creator in (
                ("back-to-blue", Creator.ROLLBACK),
                ("blue-green", Creator.ROLLBACK),
                ("in-place", Creator.ROLLBACK),
                ("blue-green", Creator.USER),
            ):
                deployment = rig.begin("v1", strategy, creator=creator)
                await rig.do(deployment, "h1", "BeforeAllowTraffic")
            return await asyncio.to_thread(rig.fleet._hosts.run, "h1", ["cat", "/tmp/notes"])

    assert asyncio.run(play()) == "v1\nv1\n"


def test_what_another_deployment_asks_of_a_host_that_is_being_ended_comes_to_nothing(
    engine: DockerClient, tmp_path: Path
) -> None:
    """It waits in the lane behind the end, which breaks no run, and nobody is there to answer."""

    async def play() -> None:
        async with up(scenario(tmp_path, hosts=2)) as rig:
            blue_green, other = rig.begin("v2", "blue-green"), rig.begin("v2", group="other")
            gone = asyncio.create_task(rig.terminate(blue_green, "h1"))
            await asyncio.sleep(0)
            asked = [
                rig.send(other, "h1", name)
                for name in (lifecycle.BLOCK_TRAFFIC, lifecycle.INSTALL, lifecycle.ALLOW_TRAFFIC)
            ]
            done = asyncio.Event()

            async def after_all() -> None:
                done.set()

            rig.fleet._lane("h1", after_all)
            await gone
            await asyncio.wait_for(done.wait(), WAIT_S)
            await rig.in_service("h2")
            assert not rig.fleet._broken.done()
            assert not [event for event in rig.events if event.cause in asked]
            assert rig.fleet._roster.everybody == 1

    asyncio.run(play())
