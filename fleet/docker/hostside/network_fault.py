"""Cut a host off from others, or lose a share of what they send it, by the host's own netfilter.

    python3 -m hostside.network_fault STATE [PEER…]

`STATE` is JSON: `{"cut": ["172.18.0.2", …], "loss": {"172.18.0.2": 30, …}}`, by address or by a name of `/etc/hosts`,
loss in percent. What was there before is taken away; with nothing in it, everything gets through again. `PEER`: who
can be reached again, and with whom connections begin anew.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterable
from typing import Any

CHAINS = {"INPUT": "DRYDEPLOY-IN", "OUTPUT": "DRYDEPLOY-OUT"}


def rules(state: dict[str, Any]) -> list[list[str]]:
    """The rules, each as what iptables appends to which chain."""
    found = []
    for peer in map(address, state["cut"]):
        found += [
            [CHAINS["INPUT"], "-s", peer, "-j", "DROP"],
            [CHAINS["OUTPUT"], "-d", peer, "-j", "DROP"],
        ]
    for name, percent in state["loss"].items():
        share = ["-m", "statistic", "--mode", "random", "--probability", f"{percent / 100:.2f}"]
        found.append([CHAINS["INPUT"], "-s", address(name), *share, "-j", "DROP"])
    return found


def address(name: str) -> str:
    """The address of a name; an address is its own."""
    return socket.gethostbyname(name)


def iptables(*arguments: str, may_fail: bool = False) -> bool:
    """Run iptables on the filter table; whether it did it. Raises SystemExit where it must not fail and does."""
    done = subprocess.run(["iptables", "-w", *arguments], capture_output=True, text=True, check=False)
    if done.returncode and not may_fail:
        raise SystemExit(f"iptables {' '.join(arguments)} failed: {done.stderr.strip()}")
    return done.returncode == 0


def apply(wanted: Iterable[list[str]]) -> None:
    """Have these rules, and no others, in chains of our own."""
    for chain, own in CHAINS.items():
        iptables("-N", own, may_fail=True)
        iptables("-F", own)
        if not iptables("-C", chain, "-j", own, may_fail=True):
            iptables("-I", chain, "-j", own)
    for rule in wanted:
        iptables("-A", *rule)


def forget(names: Iterable[str]) -> None:
    """End the connections that stood through a cut: their next packet may be seconds away.

    A kernel that cannot do so leaves them, and they go on by themselves.
    """
    for name in names:
        subprocess.run(["ss", "-K", "dst", address(name)], capture_output=True, check=False)


def main(state: dict[str, Any], healed: list[str]) -> None:
    """Make the host's network agree with the state. `healed`: who can be reached again."""
    apply(rules(state))
    forget(healed)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), sys.argv[2:])
