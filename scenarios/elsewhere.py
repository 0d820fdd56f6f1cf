"""Words that are no mistake of spelling: what they mean is written in another way."""

from __future__ import annotations

from scenarios.pools import pool_of
from scenarios.tree import Tree


def remedy_for(tree: Tree, name: str, node: Tree, location: tuple[int | str, ...]) -> str | None:
    """What to write in place of a word that is none here; None where nothing else says it."""
    if location[:1] == ("operator",) and location[-1:] == ("do",) and node.text in _YES:
        return "write continue"
    return _launch(tree, location) if (name, node.word) == ("do.host", "launch") else None


_YES = ("approve", "accept", "yes", "ok")
"""What people say to a deployment, or at a gate, that waits for them."""


def _launch(tree: Tree, location: tuple[int | str, ...]) -> str:
    """A host is launched by its pool, which is to have one more: that of the hosts that are named, or the first."""
    pools = found.entries if (found := tree.get("pools")) is not None else {}
    if not pools:
        return "pools launch hosts: add pools: {web: {desired: 1, max: 2}}, and do: {pool: {name: web, desired: 2}}"
    fault = tree.entries["faults"].items[int(location[1])]
    named = (pool_of(host.text, pools) for host in fault.each("where", "hosts"))
    pool = next(filter(None, named), next(iter(pools)))
    desired = pools[pool].get("desired")
    more = desired.number + 1 if desired is not None and desired.number is not None else "…"
    without = ", and take where away" if "where" in fault.keys else ""
    return f"a pool launches hosts: write do: {{pool: {{name: {pool}, desired: {more}}}}}{without}"
