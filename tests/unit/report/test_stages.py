"""Stages, waits and what people said, in every report: from whole runs of the library."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from functools import cache

import pytest

from scenarios import library
from scenarios.loader import load
from simulator.control.rehearse import virtual
from simulator.control.result import RunResult
from simulator.report.html import html
from simulator.report.junit import junit
from simulator.report.lines import Lines
from simulator.report.stages import at_hand, passed, refusal, said
from simulator.report.tree import LiveTree, final_tree
from simulator.report.verdict import verdict
from simulator.rollout.events import Event, OperatorSpoke
from simulator.rollout.machine import Rollout
from simulator.rollout.statuses import OperatorVerb
from tests.unit.report.test_text import drawn


class Camera:
    """An observer that draws the live tree after each event."""

    def __init__(self) -> None:
        self.live = LiveTree("play", 0)
        self.pictures: list[str] = []

    def __call__(self, event: Event, commands, rollout: Rollout | None) -> None:  # type: ignore[no-untyped-def]
        self.live(event, commands, rollout)
        self.pictures.append(drawn(self.live))


@cache
def played(name: str) -> tuple[RunResult, str, tuple[str, ...]]:
    """A scenario of the library on seed 0: its result, its lines, and pictures of its tree."""
    lines: list[str] = []
    camera = Camera()
    result = virtual(
        load(library.path_of(name)),
        seed=0,
        scenario_sha256="",
        replay=f"drydeploy run {name}",
        observers=[Lines(lines.append), camera],
    )
    return result, "\n".join(lines), tuple(camera.pictures)


def judged(result: RunResult) -> str:
    return "\n".join(" " * indent + text.plain for indent, text in verdict(result))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("canary-good", "◌ wave 01, stage 1 of 3: deploy to 1 host, 1 at once, 3 must stay healthy"),
        ("canary-good", "◌ Baking, stage 2 of 3: bake for 4s: a host that turns unhealthy fails the deployment"),
        ("canary-good", "◌ wave 02, stage 3 of 3: deploy to 3 hosts"),
        (
            "canary-bad",
            "✖ Failed, CUSTOMER_APPLICATION_UNHEALTHY: h1 had passed every check and turned unhealthy",
        ),
        ("zone-by-zone", "◌ 01 eu-west-1a, stage 1 of 5: deploy to 2 hosts"),
        ("zone-by-zone", "॥ the operator said stop, with a rollback"),
        ("approval", "॥ Ready, stage 2 of 3: wait until somebody says continue"),
        ("approval", "◌ the operator said continue"),
        ("operator-pauses", "॥ the operator said pause"),
        ("operator-pauses", "⚠ the operator said pause, refused: the deployment is paused already"),
        ("operator-pauses", "◌ the operator said resume"),
    ],
)
def test_the_lines_tell_each_stage_and_each_word(name: str, words: str) -> None:
    assert words in played(name)[1]


def test_a_stage_is_told_before_what_is_done_in_it_and_after_what_led_to_it() -> None:
    lines = played("canary-good")[1].splitlines()
    at = next(number for number, line in enumerate(lines) if "stage 3 of 3" in line)
    assert "Baking, stage 2 of 3" in lines[at - 1] or "healthy" in lines[at - 1]
    assert "taken: " in lines[at + 1]
    first = next(number for number, line in enumerate(lines) if "stage 1 of 3" in line)
    assert "begins: deploy v2" in lines[first - 1]
    assert "taken: " in lines[first + 1]


def test_a_deployment_of_one_stage_is_told_without_stages() -> None:
    result, lines, pictures = played("operator-pauses")
    assert "stage 1 of" not in lines
    assert not any("stage 1 of" in picture for picture in pictures)
    assert "stages:" not in judged(result)


def test_whoever_comes_late_is_not_told_of_stages_that_have_long_begun() -> None:
    late: list[str] = []
    seen = 0

    def watch(event: Event, commands, rollout: Rollout | None) -> None:  # type: ignore[no-untyped-def]
        nonlocal seen
        seen += 1
        if seen == 30:
            watch.lines = Lines(late.append)  # type: ignore[attr-defined]
        if seen >= 30:
            watch.lines(event, commands, rollout)  # type: ignore[attr-defined]

    virtual(load(library.path_of("canary-good")), seed=0, scenario_sha256="", replay="", observers=[watch])
    assert late
    assert not any("stage 1 of 3" in line for line in late)


def test_the_tree_shows_where_a_deployment_stands() -> None:
    pictures = "\n".join(played("canary-good")[2])
    assert "◌ Baking, stage 2 of 3: bake for 4s" in pictures
    pictures = "\n".join(played("approval")[2])
    assert "॥ Ready, stage 2 of 3: wait until somebody says continue" in pictures
    pictures = "\n".join(played("operator-pauses")[2])
    assert "॥ paused: no host is taken and no stage begins until somebody says resume" in pictures
    assert "⚠ 5.488s the operator said pause, refused: the deployment is paused already" in pictures


def test_the_final_tree_keeps_the_words_and_marks_who_turned_bad() -> None:
    result, *_ = played("canary-no-bake")
    tree = drawn(final_tree("play", result))
    assert tree.count("unhealthy since: GET / answers 500") == 3
    assert "stage" not in tree
    result, *_ = played("approval")
    assert "◌ 30.000s the operator said continue" in drawn(final_tree("play", result))


def test_the_verdict_has_the_stages_and_the_words() -> None:
    result, *_ = played("approval")
    assert "stages: step 01 3.4s, step 02 waits 26.6s, step 03 " in judged(result)
    assert "◌ 30.000s the operator said continue" in judged(result)
    result, *_ = played("zone-by-zone")
    assert "; 3 stages never began" in judged(result)
    result, *_ = played("canary-no-bake")
    assert "Succeeded although 3 of 4 hosts turned unhealthy after their checks" in judged(result)


def test_many_stages_are_counted_not_named() -> None:
    text = library.path_of("linear").read_text("utf-8").replace("hosts: 8", "hosts: 20")
    text = text.replace("percent: 25, every: 2s", "percent: 5, every: 2s").replace("value: 6", "value: 18")
    from scenarios.loader import loads

    scenario = loads(text[: text.index("expect:")], name="f.yml", directory=library.path_of("linear").parent)
    result = virtual(scenario, seed=0, scenario_sha256="", replay="")
    assert len(result.rollouts[0].stages) == 39
    assert ", 27 more" in judged(result)


def test_junit_has_them_as_properties() -> None:
    root = ET.fromstring(junit(played("approval-refused")[0]))
    properties = {p.attrib["name"]: p.attrib["value"] for p in root[0].iter("property")}
    assert properties["stage 2"].startswith("step 02 waits: wait until somebody says continue, ")
    assert next(value for name, value in properties.items() if name.startswith("said at")) == (
        "the operator said abort"
    )


def test_the_page_draws_waits_and_words() -> None:
    text = html(played("approval")[0])
    assert 'class="wait"' in text
    assert 'class="word"' in text
    assert "Ready, stage 2 of 3: wait until somebody says continue · 26.6s" in text
    assert "30.000s the operator said continue" in text
    plain = html(played("rolling-one-at-a-time")[0])
    assert 'class="wait"' not in plain
    assert "stage 1" not in plain


def test_a_word_that_the_core_never_heard_is_explained_from_how_it_stands() -> None:
    rollout = played("approval")[0].rollouts[0]
    event = OperatorSpoke(9_999, 99_000, "", rollout.deployment_id, OperatorVerb.CONTINUE, "ann")
    assert refusal(event, rollout) == "the deployment has ended: Succeeded"
    assert at_hand(rollout) is None
    assert [str(word) for word in said(rollout)] == ["the operator said continue"]
    assert [stage.number for stage in passed(rollout)] == [1, 2, 3]


def test_an_unfinished_stage_has_no_end() -> None:
    halves: list[tuple[int | None, str]] = []

    def watch(event: Event, commands, rollout: Rollout | None) -> None:  # type: ignore[no-untyped-def]
        if rollout is not None and (stage := at_hand(rollout)) is not None:
            halves.append((stage.ended_ms, stage.lasted(stage.began_ms + 1_500)))

    virtual(load(library.path_of("steps")), seed=0, scenario_sha256="", replay="", observers=[watch])
    assert set(halves) == {(None, "1.5s")}
