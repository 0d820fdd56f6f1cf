"""What breaks a run on Docker off: signals, as the system sends them."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest

from simulator.control.controller import _Run
from simulator.control.result import RunStatus
from tests.support.rehearsals import scenario

LIMIT_S = 10


@pytest.fixture(autouse=True)
def signals_as_before() -> Iterator[None]:
    signs = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = [(sign, signal.getsignal(sign)) for sign in signs]
    yield
    for sign, handler in before:
        signal.signal(sign, handler)


async def meets(sign: signal.Signals, limit_s: float = LIMIT_S) -> RunStatus | None:
    """Why a run leaves that meets this signal; None where it goes on for so long."""
    run = _Run(scenario(), 0, cast(Any, None), cast(Any, None), None)
    run.rehearsal = cast(Any, SimpleNamespace(staying=False))
    going = asyncio.create_task(asyncio.sleep(2 * LIMIT_S))
    run._listen(going, None)
    os.kill(os.getpid(), sign)
    await asyncio.wait([going], timeout=limit_s)
    left = going.cancelled()
    going.cancel()
    assert left is (run._left is not None)
    return run._left


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_breaks_the_run_off(sign: signal.Signals) -> None:
    assert asyncio.run(meets(sign)) is RunStatus.INTERRUPTED


def test_below_nohup_a_run_goes_on_when_its_terminal_is_closed() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert asyncio.run(meets(signal.SIGHUP, 0.2)) is None
