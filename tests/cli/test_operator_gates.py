"""A person at a terminal answers at the gate before an environment."""

from __future__ import annotations

from pathlib import Path

import pytest

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
    with going(tmp_path, scenario=environments_scenario(tmp_path), speed=50) as run:
        at_the_gate(run)
        told = run.say("status").stdout
        assert "the gate before prod waits for somebody's yes" in told
        assert f"answer: drydeploy continue {run.path.stem} --group prod" in told
        done = run.say(spoken[0], run.path.stem, *spoken[1:])
        assert (done.returncode, done.stdout) == (0, f"{spoken[0]}: the gate before prod\n")
        run.end()
        printed = run.printed()
        assert f"alice said {'yes' if spoken[0] == 'continue' else 'no'} at the gate" in printed
        assert outcome in printed


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
