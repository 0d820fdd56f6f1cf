"""Draws that depend on nothing but what they are for; disks that remember what an install came to."""

from __future__ import annotations

import pytest

from fleet.agent.appspec import load
from fleet.agent.tree import MemoryTree
from fleet.virtual.accounts import Accounts
from fleet.virtual.disk import Disks
from fleet.virtual.draws import mix, stream

APPSPEC = load(
    "version: 0.0\nos: linux\nfiles:\n  - source: /index.html\n    destination: /srv/www\n",
    host_os="linux",
)
TREE = MemoryTree([("appspec.yml", "file"), ("index.html", "file")])
PAGE = "/srv/www/index.html"


def test_a_stream_is_the_same_everywhere() -> None:
    assert stream(7, "order", "h1") == stream(7, "order", "h1")
    assert stream(7, "a", "b") != stream(7, "ab")
    assert stream(7, "a") != stream(8, "a")
    assert 0 <= stream(0) < 1 << 64


def test_mixed_streams_spread() -> None:
    draws = [mix(stream(1, "host", n), stream(1, "work", 1, "Install")) for n in range(4_000)]
    assert len(set(draws)) == len(draws)
    assert all(0 <= draw < 1 << 64 for draw in draws)
    counts = [sum(draw >> 61 == part for draw in draws) for part in range(8)]
    assert max(counts) < 2 * min(counts)


def test_alike_disks_are_one() -> None:
    disks = Disks(Accounts.of([]))
    assert disks.disk(["/a", "/b"]) is disks.disk(["/b", "/a"])
    assert disks.disk(["/a"]) is not disks.disk(["/a"], ("/a",))


@pytest.mark.parametrize(
    ("behaviour", "fails", "strangers"),
    [("DISALLOW", True, {PAGE}), ("OVERWRITE", False, set()), ("RETAIN", False, {PAGE})],
)
def test_a_file_in_the_way(behaviour: str, fails: bool, strangers: set[str]) -> None:
    disks = Disks(Accounts.of([]))
    installed = disks.install(disks.disk([PAGE]), "web", "v1", APPSPEC, TREE, behaviour)
    assert bool(installed.failure) == fails
    assert installed.disk.strangers == strangers
    if fails:
        assert installed.failure is not None
        assert PAGE in installed.failure
    assert (PAGE in installed.disk.owned_by("web")) == (behaviour == "OVERWRITE")


def test_what_the_last_install_put_there_is_not_in_the_way() -> None:
    disks = Disks(Accounts.of([]))
    first = disks.install(disks.disk([]), "web", "v1", APPSPEC, TREE, "DISALLOW")
    assert PAGE in first.disk.owned_by("web")
    again = disks.install(first.disk, "web", "v2", APPSPEC, TREE, "DISALLOW")
    assert again.failure is None


def test_an_install_is_worked_out_once() -> None:
    disks = Disks(Accounts.of([]))
    disk = disks.disk([])
    assert disks.install(disk, "web", "v1", APPSPEC, TREE, "DISALLOW") is disks.install(
        disk, "web", "v1", APPSPEC, TREE, "DISALLOW"
    )


def test_a_source_that_the_bundle_has_not() -> None:
    disks = Disks(Accounts.of([]))
    failure = disks.install(disks.disk([]), "web", "v1", APPSPEC, MemoryTree([]), "DISALLOW").failure
    assert failure is not None
    assert "index.html" in failure


def test_a_home_directory_stands_where_the_user_exists() -> None:
    spec = load(
        "version: 0.0\nos: linux\nfiles:\n  - source: /index.html\n    destination: /home/ec2-user\n", host_os="linux"
    )
    disks = Disks(Accounts.of(["ec2-user"]))
    installed = disks.install(disks.disk([]), "web", "v1", spec, TREE, "DISALLOW")
    assert installed.failure is None
    assert "/home/ec2-user" not in installed.disk.owned_by("web")
