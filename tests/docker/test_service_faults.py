"""Faults of the service are real: HAProxy refuses, restarts and drains, S3 says 403, the endpoint is closed."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.model import Effect
from simulator.rollout import lifecycle
from simulator.rollout.statuses import EventStatus, FileExistsBehavior
from tests.docker.rig import Rig, on, scenario, struck, up

if TYPE_CHECKING:
    from docker import DockerClient


def strike(rig: Rig, **effect: Any) -> Effect:
    """Inject a fault that strikes no host in particular."""
    fault = Effect.model_validate(effect)
    rig.fleet.inject("fault", fault, [], event=None)
    return fault


def test_haproxy_refuses_who_may_not_register_and_lets_in_who_may(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            deployment = await rig.install()
            fault = strike(rig, balancer="refuses-registration")
            refused = await rig.do(deployment, "h1", lifecycle.ALLOW_TRAFFIC)
            assert refused.status is EventStatus.FAILED
            assert refused.diagnostics is not None
            assert "(Permission denied)" in refused.diagnostics.message
            assert not rig.fleet._the_balancer().in_service
            rig.fleet.heal("fault", fault, [])
            await rig.allow(deployment, "h1")

    asyncio.run(play())


def test_a_slow_drain_keeps_block_traffic_waiting_and_no_request_comes(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, hosts=2)) as rig:
            deployment = await rig.install("h1")
            await rig.install("h2", deployment=deployment)
            await rig.allow(deployment, "h1")
            await rig.allow(deployment, "h2")
            fault = strike(rig, balancer={"draining": "6s"})
            began_s = time.monotonic()
            command = rig.send(deployment, "h1", lifecycle.BLOCK_TRAFFIC)
            await rig.until(lambda: rig.fleet._the_balancer().in_service == {"h2"})
            assert set(await rig.ask(20)) == {"h2"}
            ended = await rig.until(lambda: rig.completion(command))
            assert (ended.status, 6 <= time.monotonic() - began_s < 12) == (EventStatus.SUCCEEDED, True)
            rig.fleet.heal("fault", fault, [])
            began_s = time.monotonic()
            await rig.do(deployment, "h2", lifecycle.BLOCK_TRAFFIC)
            assert time.monotonic() - began_s < 6

    asyncio.run(play())


def test_a_balancer_that_restarts_knows_the_hosts_and_the_shares_again(engine: DockerClient, tmp_path: Path) -> None:
    """One host of its file, one that came later, one that is out of traffic; and a share that is shifted."""

    async def play() -> None:
        async with up(scenario(tmp_path, hosts=2)) as rig:
            deployment = await rig.install("h1")
            await rig.provision(deployment, "g1")
            await rig.install("g1", deployment=deployment)
            await rig.allow(deployment, "h1")
            await rig.allow(deployment, "g1")
            await rig.shift(deployment, ["g1"], 25)
            balancer = rig.fleet._the_balancer()
            before, url = len(rig.events), balancer.url
            strike(rig, balancer="restart")
            await rig.until(lambda: balancer.url != url)
            await rig.sees(True, "200", "h1", before)
            await rig.sees(True, "200", "g1", before)
            await rig.until(lambda: balancer.in_service == {"h1", "g1"})
            assert await rig.ask(40) == {"h1": 30, "g1": 10}
            await rig.do(deployment, "h1", lifecycle.BLOCK_TRAFFIC)
            await rig.terminate(deployment, "g1")
            assert await rig.ask(1) == {"503": 1}

    asyncio.run(play())


def test_users_meet_nobody_while_the_balancer_is_away(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path)) as rig:
            await rig.in_service()
            rig.fleet.open()
            traffic = rig.fleet._traffic
            assert traffic is not None
            await rig.until(lambda: traffic.seen.total > 20)
            before = len(rig.events)
            strike(rig, balancer="restart")
            await rig.sees(True, "200", after=before)
            await rig.until(lambda: rig.fleet._the_balancer().in_service == {"h1"})
            failed, total = traffic.seen.failed, traffic.seen.total
            assert 0 < failed < total
            reached: list[int] = []
            rig.fleet.at_request(1, lambda: reached.append(1))
            assert reached == [1]  # it has been made already
            later = traffic._made + 60
            rig.fleet.at_request(later, lambda: reached.append(traffic._made))
            await rig.until(lambda: len(reached) == 2)
            assert reached[1] == later
            assert traffic.seen.failed - failed < traffic.seen.total - total

    asyncio.run(play())


SLOW = ({"do": {"slow_start": "8s"}},)
LEAKS = ({"do": {"memory": {"leak_after": 15}}},)
DENIED = ({"do": {"bundle": "access-denied"}},)


def test_an_application_is_cold_for_so_long_after_each_start(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, faults=SLOW)) as rig:
            fault = rig.strike(slow_start="8s")
            for _ in range(2):
                deployment = rig.begin(file_exists_behavior=FileExistsBehavior.OVERWRITE)
                for name in lifecycle.IN_PLACE:
                    if name == lifecycle.APPLICATION_START:
                        began_s = time.monotonic()
                    await rig.do(deployment, "h1", name)
                before = len(rig.events)
                rig.send(deployment, "h1", lifecycle.ALLOW_TRAFFIC)
                await rig.sees(False, "503", after=before)
                await rig.sees(True, "200", after=before)
                assert time.monotonic() - began_s >= 8
                await rig.do(deployment, "h1", lifecycle.BLOCK_TRAFFIC)
            rig.fleet.heal("fault", fault, ["h1"])
            deployment = await rig.install()
            before = len(rig.events)
            await rig.allow(deployment, "h1")
            assert all(getattr(event, "seen", "") != "503" for event in rig.events[before:])

    asyncio.run(play())


def test_an_application_that_leaks_answers_so_many_users_and_no_health_check_counts(
    engine: DockerClient, tmp_path: Path
) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, faults=LEAKS)) as rig:
            await rig.in_service()
            rig.strike(memory={"leak_after": 15})
            await struck(rig)
            await asyncio.sleep(1.5)  # seven health checks, none of which is a user
            assert await rig.ask(10) == {"h1": 10}
            found = await rig.ask(10)
            assert found["h1"] == 5
            await rig.sees(False, "500")
            deployment = rig.begin(file_exists_behavior=FileExistsBehavior.OVERWRITE)
            await rig.do(deployment, "h1", lifecycle.BLOCK_TRAFFIC)
            await rig.install("h1", deployment=deployment)
            await rig.allow(deployment, "h1")
            assert await rig.ask(10) == {"h1": 10}

    asyncio.run(play())


def test_a_host_whose_role_may_not_read_the_bucket_is_told_by_s3(engine: DockerClient, tmp_path: Path) -> None:
    async def play() -> None:
        async with up(scenario(tmp_path, hosts=2, faults=DENIED)) as rig:
            fault = rig.strike(at="h1", bundle="access-denied")
            deployment = rig.begin(file_exists_behavior=FileExistsBehavior.OVERWRITE)
            for host in ("h1", "h2"):
                await rig.do(deployment, host, lifecycle.APPLICATION_STOP)
            denied = await rig.do(deployment, "h1", lifecycle.DOWNLOAD_BUNDLE)
            assert denied.diagnostics is not None
            assert "s3://drydeploy-revisions/v1.tgz was refused: AccessDenied" in denied.diagnostics.message
            assert "assumed-role/drydeploy-host/h1 may not read" in denied.diagnostics.message
            assert (await rig.do(deployment, "h2", lifecycle.DOWNLOAD_BUNDLE)).status is EventStatus.SUCCEEDED
            rig.fleet.heal("fault", fault, ["h1"])
            await rig.install("h1")

    asyncio.run(play())


def test_a_controller_that_is_gone_is_waited_for_in_the_middle_of_an_event(
    engine: DockerClient, tmp_path: Path
) -> None:
    async def play() -> None:
        slow = scenario(tmp_path)
        (tmp_path / "v1" / "stop.sh").write_text("#!/bin/sh\nexit 0\n")
        (tmp_path / "v1" / "validate.sh").write_text(
            "#!/bin/sh\nuntil [ -e /tmp/go ]; do sleep 0.1; done\ntouch /tmp/validated\n"
        )
        async with up(slow) as rig:
            deployment = rig.begin(file_exists_behavior=FileExistsBehavior.OVERWRITE)
            for name in lifecycle.IN_PLACE[:-1]:
                await rig.do(deployment, "h1", name)
            command = rig.send(deployment, "h1", lifecycle.VALIDATE_SERVICE)
            await rig.until(lambda: any(event.cause == command for event in rig.events))
            fault = strike(rig, controller="crash")
            commands: Any = rig.fleet._commands
            await rig.until(lambda: commands._runner is None)
            # The script ends meanwhile, and nobody hears of it.
            await on(rig, "sh", "-c", "touch /tmp/go; until [ -e /tmp/validated ]; do sleep 0.1; done; sleep 1")
            assert rig.completion(command) is None
            rig.fleet.heal("fault", fault, [])
            assert (await rig.until(lambda: rig.completion(command))).status is EventStatus.SUCCEEDED
            await rig.install()

    asyncio.run(play())
