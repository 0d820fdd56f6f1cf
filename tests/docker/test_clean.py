"""What a killed run leaves is found by its labels and removed; what a live run has is not touched."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.docker.cleanup import clean, leftovers
from fleet.docker.doctor import doctor
from tests.docker.rig import scenario, up

if TYPE_CHECKING:
    from docker import DockerClient

KILLED = """\
import asyncio, pathlib, sys
from tests.docker.rig import scenario, up
async def play():
    async with up(scenario(pathlib.Path(sys.argv[1]))) as rig:
        print(rig.fleet.run.id, flush=True)
        await asyncio.sleep(600)
asyncio.run(play())
"""


def test_what_a_killed_run_left_is_removed_and_a_live_run_is_not(engine: DockerClient, tmp_path: Path) -> None:
    (tmp_path / "killed").mkdir()
    (tmp_path / "live").mkdir()

    async def play() -> None:
        async with up(scenario(tmp_path / "live")) as rig:
            killed = await asyncio.to_thread(kill_one, tmp_path / "killed")
            states = {left.run: left for left in leftovers(engine)}
            assert states[killed].alive is False
            assert (len(states[killed].containers), len(states[killed].networks)) == (2, 1)
            assert states[rig.fleet.run.id].alive is True
            assert any(finding.name == "leftovers" and killed in finding.found for finding in doctor())
            assert killed in {left.run for left in await asyncio.to_thread(clean)}
            left = {left.run for left in leftovers(engine)}
            assert killed not in left
            assert rig.fleet.run.id in left

    asyncio.run(play())


def kill_one(directory: Path) -> str:
    """Start a run in a process of its own, kill that, and answer the run's id."""
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(directory)], stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout is not None
        run = process.stdout.readline().strip()
        process.send_signal(signal.SIGKILL)
    assert run, "the run did not start"
    return run
