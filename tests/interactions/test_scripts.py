"""Every script in `scripts/` is played, and what comes of it compared with what is written there.

`pytest tests/interactions --rewrite` writes it anew. Read the difference before it is committed: it is the only
moment at which somebody does.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interactions.play import perform, read, write

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.txt"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_script(script: Path, request: pytest.FixtureRequest) -> None:
    text = script.read_text(encoding="utf-8")
    scenes = read(text)
    played = write(scenes, perform(scenes))
    if request.config.getoption("--rewrite"):
        script.write_text(played, encoding="utf-8")
    else:
        assert played.splitlines() == text.splitlines(), "see tests/README.md: --rewrite"


def test_there_are_scripts() -> None:
    assert len(SCRIPTS) >= 20


def test_an_answer_that_differs_is_noticed() -> None:
    scenes = read("deployment hosts=1\ncreate\n----\n0s DeploymentCreated\n")
    assert perform(scenes)[0] != list(scenes[0].written)


def test_a_deployment_of_unknown_words_is_refused() -> None:
    with pytest.raises(ValueError, match="unknown: hots"):
        perform(read("deployment hosts=1 hots=2"))
