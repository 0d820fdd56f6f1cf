"""Draws that depend on nothing but what they are for.

A draw is a hash of the seed and of names, so one host's draw never moves another's, and the order in which draws
are made is of no matter.
"""

from __future__ import annotations

import hashlib

_MASK = (1 << 64) - 1


def stream(seed: int, *names: object) -> int:
    """64 bits for these names under this seed."""
    text = "\0".join((str(seed), *map(str, names)))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())


def mix(a: int, b: int) -> int:
    """64 bits from two streams (the finaliser of splitmix64): quick, for the host × event draws of a large fleet."""
    z = (a ^ b) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
