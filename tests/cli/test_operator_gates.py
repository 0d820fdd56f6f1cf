"""A person at a terminal answers at the gate before an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulator.cli import ps
from simulator.control import operator_client as client
from simulator.control import operator_words as words
from tests.cli.operating import Going, environments_scenario, going


def at_the_gate(run: Going) -> None:
    assert run.until(lambda found: found.gates == ["prod"]).deployments[-1].status == "Succeeded"


@pytest.mark.parametrize(
    ("spoken", "outcome"),
    [
        (("continue",), "v2 was deployed"),
        (("continue", "--group", "prod"), "v2 was deployed"),
        (("stop",), "v2 was stopped"),
        (("abort", "--group", "prod"), "v2 was stopped"),
    ],
)
def test_an_answer_at_the_gate(tmp_path: Path, spoken: tuple[str, ...], outcome: str) -> None:
    reports = tmp_path / "run.xml", tmp_path / "run.html"
    asked = "--junit", str(reports[0]), "--report", str(reports[1])
    with going(tmp_path, *asked, scenario=environments_scenario(tmp_path), speed=50) as run:
        at_the_gate(run)
        told = run.say("status").stdout
        assert "the gate before prod waits for somebody's yes" in told
        assert f"answer: drydeploy continue {run.path.stem} --group prod" in told
        assert f"drydeploy continue {run.path.stem} --group prod, or drydeploy stop {run.path.stem}" in run.printed()
        head, listed = run.say("ps").stdout.splitlines()
        assert listed[head.index("WAITS") :] == "for a person's yes before prod"
        done = run.say(spoken[0], run.path.stem, *spoken[1:])
        assert (done.returncode, done.stdout) == (0, f"{spoken[0]}: the gate before prod\n")
        run.end()
        printed = run.printed()
        assert f"alice said {'yes' if spoken[0] == 'continue' else 'no'} at the gate" in printed
        assert outcome in printed
        assert "people had a part in this run" in printed
        assert "play it again: drydeploy replay" in printed
        assert "run again: " not in printed
    for written in (report.read_text(encoding="utf-8") for report in reports):
        assert "eople had a part in this run" in written
        assert "drydeploy replay " in written
        assert "drydeploy run " not in written


def test_a_gate_that_waits_beside_a_deployment_has_a_line_of_its_own(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = words.Deployment(
        *("d-AAAAAAAAA", "eu", "v2", "rolling", "One", "user", "InProgress"), None, True, None, None, {}
    )
    run = words.Run("0a", "play", "", "virtual", 0, 1, "0", "running", 5_000, None, [told], [], gates=["us", "asia"])
    monkeypatch.setattr(client, "all_runs", lambda: [client.Found(Path("0a.sock"), run)])
    ps.verb()
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split() == ["0a", "play", "virtual", "5s", "d-AAAAAAAAA", "v2", "InProgress,", "paused"]
    assert second.split(maxsplit=4) == ["0a", "play", "virtual", "5s", "for a person's yes before us and asia"]


def test_what_is_no_answer_is_refused_at_the_gate(tmp_path: Path) -> None:
    with going(tmp_path, scenario=environments_scenario(tmp_path), speed=50) as run:
        at_the_gate(run)
        for spoken in (("pause",), ("continue", "--group", "test"), ("continue", "--group", "nowhere")):
            done = run.say(spoken[0], run.path.stem, *spoken[1:])
            assert done.returncode == 1, done.stdout
            assert "is refused" in done.stderr
        assert run.until(lambda found: found.gates == ["prod"])
        assert run.say("continue", run.path.stem).returncode == 0
        assert run.end() == 0
