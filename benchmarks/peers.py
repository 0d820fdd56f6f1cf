"""What the virtual fleet is measured against: the same fleet without decisions, checks or a journal."""

from __future__ import annotations

import heapq
import random
from collections.abc import Generator
from typing import Any

import simpy

_AGENT_MS = (5, 25)
_WORK_MS = (100, 900)


def simpy_model(hosts: int, events: int, at_once: int) -> int:
    """As one would write it in SimPy: a process a host, a Resource for its turn, two timeouts a lifecycle event."""
    environment = simpy.Environment()
    turns = simpy.Resource(environment, at_once)
    rng = random.Random(7)
    done = 0

    def host() -> Generator[simpy.Event, Any, None]:
        nonlocal done
        with turns.request() as turn:
            yield turn
            for _ in range(events):
                yield environment.timeout(rng.randint(*_AGENT_MS))
                yield environment.timeout(rng.randint(*_WORK_MS))
                done += 1

    for _ in range(hosts):
        environment.process(host())
    environment.run()
    return done


def bare_heap(hosts: int, events: int, at_once: int) -> int:
    """No model at all: one entry a lifecycle event on a heap, and the next host when one is through."""
    rng = random.Random(7)
    heap = [(rng.randint(*_WORK_MS), host, 1) for host in range(at_once)]
    heapq.heapify(heap)
    waiting, done = at_once, 0
    while heap:
        now_ms, host, event = heapq.heappop(heap)
        done += 1
        if event < events:
            heapq.heappush(heap, (now_ms + rng.randint(*_AGENT_MS) + rng.randint(*_WORK_MS), host, event + 1))
        elif waiting < hosts:
            heapq.heappush(heap, (now_ms + rng.randint(*_AGENT_MS) + rng.randint(*_WORK_MS), waiting, 1))
            waiting += 1
    return done
