"""Owners: told apart from later processes with the same number, and from other machines' processes."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace

from fleet.docker.labels import HOST, RUN, Owner, Run, process_started


def test_this_process_is_alive() -> None:
    assert Owner.current().alive is True


def test_a_process_that_ended_is_not() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = replace(Owner.current(), pid=child.pid, started=process_started(child.pid) or "")
    assert owner.alive is True
    child.communicate(b"\n")
    assert owner.alive is False


def test_a_later_process_with_the_same_number_is_another() -> None:
    assert replace(Owner.current(), started="1").alive is False


def test_what_ran_before_the_machine_booted_is_dead() -> None:
    here = Owner.current()
    machine, _, namespace = here.place.split("/")
    assert replace(here, place=f"{machine}/another-boot/{namespace}").alive is False


def test_a_process_of_another_place_cannot_be_judged_from_here() -> None:
    here = Owner.current()
    assert replace(here, place="elsewhere/boot/pid:[1]").alive is None
    machine, boot, _ = here.place.split("/")
    assert replace(here, place=f"{machine}/{boot}/pid:[1]").alive is None


def test_labels_bring_the_owner_back() -> None:
    run = Run.new()
    labels = run.labels("host", "h1")
    assert (labels[RUN], labels[HOST]) == (run.id, "h1")
    assert Owner.from_labels(labels) == run.owner
    assert run.owner.pid == os.getpid()
    assert Owner.from_labels({RUN: "x"}) is None


def test_runs_differ() -> None:
    assert Run.new().id != Run.new().id
