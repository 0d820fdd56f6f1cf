"""Every fault with a line, examples that can be put under `faults:` as they are, and the fleets that can do it.

A test holds the table to the models: every effect, every word and every form of it has an example, and every example is
read by the loader and played on the virtual fleet.
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Final

from scenarios.faults import AT_NO_HOST

VIRTUAL: Final = "virtual"
DOCKER: Final = "docker"


@dataclass(frozen=True, slots=True)
class Entry:
    """One effect: what it does, and how it is written. `examples` are YAML, each an item of a scenario's `faults`."""

    does: str
    examples: tuple[str, ...]
    fleets: tuple[str, ...] = (VIRTUAL, DOCKER)


CATALOGUE: Final[dict[str, Entry]] = {
    "health": Entry(
        "the health check sees another status, waits, or sees the application come and go",
        (
            "{where: {revision: v2}, do: {health: {status: 404}}}",
            "{where: {revision: v2}, do: {health: {slow: 3s}}}",
            "{where: {zone: a}, do: {health: {flapping: {up: 4s, down: 3s, status: 503}}}}",
        ),
    ),
    "script": Entry(
        "the scripts of a lifecycle event exit with a code, hang, are not there, or leave their output open",
        (
            "{when: {event: ApplicationStart, nth: 4}, do: {script: {exit: 1}}}",
            "{when: {event: ValidateService}, where: {hosts: [h2]}, do: {script: hang}}",
            "{when: {event: ApplicationStop}, where: {revision: v1}, do: {script: missing}}",
            "{when: {event: ApplicationStart, nth: 1}, do: {script: keeps-output-open}}",
        ),
    ),
    "agent": Entry(
        "the agent on the host is stopped, or killed and started again",
        (
            "{where: {random: 2}, do: {agent: stop}}",
            "{when: {event: Install, nth: 1}, do: {agent: restart}}",
        ),
    ),
    "host": Entry(
        "the host loses its power, stands still, or is terminated for good",
        (
            "{when: {event: Install, nth: 2}, do: {host: crash}, for: 5s}",
            "{when: {at: 2s}, where: {hosts: [h3]}, do: {host: pause}, for: 3s}",
            "{when: {event: Install, nth: 3}, do: {host: terminate}}",
        ),
    ),
    "bundle": Entry(
        "the bundle is not there, arrives broken, or the host's role may not read it (the permission is named)",
        (
            "{where: {revision: v2}, do: {bundle: missing}}",
            "{where: {revision: v2}, do: {bundle: corrupt}}",
            "{where: {revision: v2}, do: {bundle: access-denied}}",
        ),
    ),
    "file": Entry(
        "a file that no bundle put there stands in the way of the install",
        ("{where: {hosts: [h1]}, do: {file: {path: /home/ec2-user/web/server.py, content: by hand}}}",),
    ),
    "alarm": Entry(
        "an alarm is in ALARM, is OK, cannot be asked, or flaps, whatever its metric says",
        (
            "{when: {event: Install, nth: 2}, do: {alarm: {name: errors}}}",
            "{do: {alarm: {name: errors, state: OK}}}",
            "{when: {at: 3s}, do: {alarm: {name: errors, state: UNKNOWN}}}",
            "{when: {at: 3s}, do: {alarm: {name: errors, flapping: {alarm: 1s, ok: 2s}}}}",
        ),
    ),
    "balancer": Entry(
        "the balancer refuses to register hosts, restarts and knows of nobody's health, or is slow to let go",
        (
            "{do: {balancer: refuses-registration}, for: 5s}",
            "{when: {request: 50}, do: {balancer: restart}}",
            "{do: {balancer: {draining: 3s}}, probability: 50%}",
        ),
    ),
    "slow_start": Entry(
        "the application answers 503 for so long after each start",
        ("{where: {revision: v2}, do: {slow_start: 3s}}",),
    ),
    "memory": Entry(
        "the application answers so many users after its start, and 500 from then on",
        ("{where: {revision: v2}, do: {memory: {leak_after: 200}}}",),
    ),
    "controller": Entry(
        "the controller dies between two steps, and begins anew from its journal",
        ("{when: {event: Install, nth: 2}, do: {controller: crash}, for: 5s}",),
    ),
    "network": Entry(
        "the host is cut off from the balancer, the controller or both, is far away, or packets to it are lost",
        (
            "{when: {at: 2s}, where: {hosts: [h2]}, do: {network: {cut: controller}}, for: 5s}",
            "{where: {zone: a}, do: {network: {latency: 300ms}}}",
            "{where: {hosts: [h1]}, do: {network: {loss: 30}}}",
        ),
    ),
    "disk": Entry(
        "the disk on which the agent keeps what it downloads is full",
        ("{when: {event: DownloadBundle, nth: 2}, do: {disk: full}}",),
    ),
    "clock": Entry(
        "the host's clock is wrong; beyond five minutes the service believes nothing that its agent says",
        ("{where: {hosts: [h3]}, do: {clock: {offset: 2h}}}",),
    ),
    "pool": Entry(
        "somebody scales a pool, or its copy in a blue/green deployment, or suspends or resumes what it does by itself",
        (
            "{when: {event: Install, nth: 2}, do: {pool: {name: web, desired: 3}}}",
            "{when: {at: 1s}, do: {pool: {name: web, suspend: [Launch]}}}",
            "{when: {at: 30s}, do: {pool: {name: web, resume: [Launch]}}}",
            "{when: {status: InProgress}, do: {pool: {name: web, desired: 3, replacement: true}}}",
        ),
    ),
}
"""By the effect's name, as it stands under `do`, in the order of `scenarios.faults.EFFECTS`."""


def rows() -> list[dict[str, object]]:
    """The catalogue as plain data: one mapping an effect."""
    return [
        {
            "name": name,
            "does": entry.does,
            "strikes": "the run" if name in AT_NO_HOST else "hosts",
            "fleets": list(entry.fleets),
            "examples": list(entry.examples),
        }
        for name, entry in CATALOGUE.items()
    ]


def as_yaml(name: str) -> str:
    """An effect's examples as a scenario would have them."""
    items = [textwrap.indent(f"- {example}", "  ") for example in CATALOGUE[name].examples]
    return "\n".join(("faults:", *items))
