"""Hosts that are up carry out commands; nothing is left of them afterwards."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fleet.base import FleetError
from fleet.docker import sources
from fleet.docker.fleet import DockerFleet
from fleet.docker.labels import HOST, RUN
from simulator.api.host_commands import HostCommandEndpoint
from simulator.rollout import lifecycle
from simulator.rollout.commands import RunLifecycleEvent
from simulator.rollout.events import LifecycleEventCompleted, LifecycleEventStarted, TrafficMeasured
from simulator.rollout.statuses import EventStatus
from tests.docker.rig import scenario, up

if TYPE_CHECKING:
    from docker import DockerClient


def containers(engine: DockerClient, run: str) -> list[dict[str, object]]:
    return list(engine.api.containers(all=True, filters={"label": f"{RUN}={run}"}))


def test_a_deployment_goes_through_every_event_and_the_new_revision_answers(
    engine: DockerClient, tmp_path: Path
) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            await rig.in_service()
            rig.fleet.open()
            measure = rig.fleet.measure
            await rig.until(lambda: (made := measure()) and made(0, 0).total >= 20)  # type: ignore[union-attr]
            seen = measure()(0, 0)  # type: ignore[misc]
            assert isinstance(seen, TrafficMeasured)
            assert (seen.failed, seen.strays, seen.in_service_min) == (0, 0, 1)
            assert dict(seen.by_revision) == {"v1": seen.total}
            started = [e.name for e in rig.events if isinstance(e, LifecycleEventStarted)]
            assert started == list(lifecycle.IN_PLACE)

    asyncio.run(play())


def test_a_command_is_carried_out_once(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            deployment = rig.begin()
            command = RunLifecycleEvent("again", deployment, "", "h1", lifecycle.DOWNLOAD_BUNDLE)
            rig.fleet.perform(command)
            rig.fleet.perform(command)
            await rig.until(lambda: rig.completion("again"))
            await rig.do(deployment, "h1", lifecycle.INSTALL)
            ended = [e.cause for e in rig.events if isinstance(e, LifecycleEventCompleted)]
            assert ended.count("again") == 1

    asyncio.run(play())


def test_hosts_have_the_users_and_files_of_the_scenario(engine: DockerClient, tmp_path: Path) -> None:
    play_with = scenario(
        tmp_path, fleet={"hosts": 1, "users": ["deploy"], "files": {"/etc/app/here.conf": "by hand\n"}}
    )

    async def play() -> None:
        async with up(play_with) as rig:
            found = containers(engine, rig.fleet.run.id)
            host = next(str(c["Id"]) for c in found if HOST in c["Labels"])  # type: ignore[operator]
            command = ["sh", "-c", "cat /etc/app/here.conf; stat -c %U /home/deploy"]
            output = engine.api.exec_start(engine.api.exec_create(host, command)["Id"])
            assert output == b"by hand\ndeploy\n"

    asyncio.run(play())


def test_ports_are_published_on_this_machine_only_and_nothing_is_privileged(
    engine: DockerClient, tmp_path: Path
) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            for found in containers(engine, rig.fleet.run.id):
                details = engine.api.inspect_container(str(found["Id"]))
                assert not details["HostConfig"]["Privileged"]
                assert details["HostConfig"]["CapDrop"] == ["ALL"]
                assert "CAP_NET_ADMIN" not in (details["HostConfig"]["CapAdd"] or [])
                assert "NET_ADMIN" not in (details["HostConfig"]["CapAdd"] or [])
                bindings = details["NetworkSettings"]["Ports"] or {}
                addresses = {one["HostIp"] for some in bindings.values() for one in some or []}
                assert addresses <= {"127.0.0.1"}

    asyncio.run(play())


def test_nothing_is_left_after_close(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> str:
        async with up(scenario(tmp_path, hosts=2)) as rig:
            assert len(containers(engine, rig.fleet.run.id)) == 3
            return rig.fleet.run.id

    run = asyncio.run(play())
    assert not containers(engine, run)
    assert not engine.api.networks(filters={"label": f"{RUN}={run}"})


def test_nothing_is_left_when_the_start_is_interrupted(engine: DockerClient, tmp_path: Path) -> None:
    fleet = DockerFleet(HostCommandEndpoint())

    async def play() -> None:
        starting = asyncio.create_task(fleet.start(scenario(tmp_path, hosts=3), lambda _: None, 0))
        while not containers(engine, fleet.run.id):
            assert not starting.done()
            await asyncio.sleep(0.01)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(play())
    assert not containers(engine, fleet.run.id)
    assert not engine.api.networks(filters={"label": f"{RUN}={fleet.run.id}"})


def test_without_the_image_the_user_is_told_to_build_it(
    engine: DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "host_hash", lambda: "000000000000")
    fleet = DockerFleet(HostCommandEndpoint())
    with pytest.raises(FleetError, match=r"stale.*drydeploy image build"):
        asyncio.run(fleet.start(scenario(tmp_path), lambda _: None, 0))


def test_an_agent_that_fails_says_why(engine: DockerClient, tmp_path: Path) -> None:
    play_with = scenario(tmp_path)
    (tmp_path / "v2" / "start.sh").write_text("#!/bin/sh\necho no luck >&2\nexit 7\n")

    async def play() -> LifecycleEventCompleted:
        async with up(play_with) as rig:
            deployment = rig.begin("v2")
            for name in (lifecycle.DOWNLOAD_BUNDLE, lifecycle.INSTALL):
                await rig.do(deployment, "h1", name)
            return await rig.do(deployment, "h1", lifecycle.APPLICATION_START)

    ended = asyncio.run(play())
    assert ended.status is EventStatus.FAILED
    assert ended.diagnostics is not None
    assert ended.diagnostics.error_code == "ScriptFailed"
    assert "7" in ended.diagnostics.message
    assert "no luck" in ended.diagnostics.log_tail
