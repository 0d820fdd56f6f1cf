"""All benchmarks, one after the other, or those that are named: `python -m benchmarks rate startup`.

They print; they never fail for being slow.
"""

from __future__ import annotations

import importlib
import sys
import time

from benchmarks.measure import machine, say

NAMES = ("rate", "growth", "strategies", "small", "startup", "docker_events", "docker_rolling", "docker_weights")


def main(wanted: list[str]) -> int:
    """Run the benchmarks of these names, or all. 2 for a name that there is not."""
    if unknown := sorted(set(wanted) - set(NAMES)):
        print(f"there is no benchmark {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    say(f"{machine()}. Ratios above 1 say that drydeploy is the faster one.")
    for name in wanted or NAMES:
        began = time.monotonic()
        importlib.import_module(f"benchmarks.{name}").run()
        say(f"  ({time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
