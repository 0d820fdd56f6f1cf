"""The hosts' disks before a deployment and after its rollback, read on the hosts themselves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial

from fleet.agent.layout import ROOT_DIR
from fleet.base import Emit, FleetError
from fleet.docker.faults import Machines
from fleet.docker.lanes import Lanes
from fleet.residue import Listing, differences, directories, gather
from fleet.threads import in_thread
from fleet.virtual.accounts import Accounts
from fleet.virtual.revision import read_revision
from scenarios.model import Scenario
from simulator.rollout.events import DisksCompared


class DiskBook:
    """Lists disks in the hosts' lanes: after what was asked for there before, and before what comes next."""

    def __init__(self, scenario: Scenario, machines: Machines, lanes: Lanes) -> None:
        shells = Accounts.of(scenario.fleet.users).shells
        appspecs = (read_revision(name, revision, shells).appspec for name, revision in scenario.revisions.items())
        self._directories = directories(appspec for appspec in appspecs if appspec is not None)
        self._machines = machines
        self._lanes = lanes
        self._ignored = {fault.do.file.path for fault in scenario.faults if fault.do.file is not None}
        self._before: dict[str, dict[str, Listing | None]] = {}

    def __contains__(self, deployment: str) -> bool:
        """Whether the disks before this deployment are known."""
        return deployment in self._before

    def remember(self, deployment: str, hosts: list[str]) -> None:
        """Note these hosts' disks, under a deployment's id."""
        found: dict[str, Listing | None] = {}
        self._before[deployment] = found
        for host in hosts:
            self._lanes.put(host, partial(self._list, host, found))

    def compare(self, deployment: str, is_there: Callable[[str], bool], emit: Emit) -> None:
        """Look again at the hosts that are still there, and emit DisksCompared."""
        self._lanes.beside(partial(self._compare, deployment, is_there, emit))

    async def _compare(self, deployment: str, is_there: Callable[[str], bool], emit: Emit) -> None:
        before = self._before[deployment]
        hosts = [host for host in before if is_there(host)]
        after: dict[str, Listing | None] = {}
        looked = {host: asyncio.Event() for host in hosts}
        for host in hosts:
            self._lanes.put(host, partial(self._list, host, after, looked[host]))
        await asyncio.gather(*(event.wait() for event in looked.values()))
        found, unseen = [], []
        for host in hosts:
            was, now = before[host], after[host]
            if was is None or now is None:
                unseen.append(host)
            else:
                found.append((host, differences(was, now, self._ignored)))
        residue = gather(found)
        emit(lambda id, at_ms: DisksCompared(id, at_ms, "", deployment, residue, self._directories, tuple(unseen)))

    async def _list(self, host: str, into: dict[str, Listing | None], done: asyncio.Event | None = None) -> None:
        try:
            into[host] = await in_thread(partial(self._listing, host))
        except (FleetError, KeyError):
            into[host] = None  # it crashed, stands still or is gone: nobody can look
        finally:
            if done is not None:
                done.set()

    def _listing(self, host: str) -> Listing:
        if not self._directories:
            return Listing({}, ())
        command = ["python3", "-m", "hostside.listing", ROOT_DIR, *self._directories]
        found = json.loads(self._machines.run(host, command))
        return Listing(found["strangers"], frozenset(found["owned"]))
