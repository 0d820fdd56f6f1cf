"""Rules of a list of steps: that its shares rise as they are written."""

from __future__ import annotations

from itertools import pairwise

from scenarios.tree import Place, Tree
from strategies import Options


def falling(written: Tree, options: Options, hosts: int) -> tuple[Place, str, str] | None:
    """The first step that asks for less than the one before it, by what is written; None where they rise."""
    nodes = list(written.each("steps"))
    shares = [(node, step.share) for node, step in zip(nodes, options.steps, strict=False) if step.share is not None]
    for (before, one), (node, other) in pairwise(shares):
        alike = (one.hosts is None) == (other.hosts is None)
        less = (other.hosts or other.percent or 0) < (one.hosts or one.percent or 0)
        if less if alike else other.of(hosts) < one.of(hosts):
            message = (
                f"step {nodes.index(node) + 1} asks for {other}, and the one before it (line {before.line}) for {one}"
            )
            return node.place, f"{message}: shares rise", "write a larger share, or take the step away"
    return None
