"""What `examine` says of a bundle's scripts, of timeouts and of AppSpecs for other systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.agent.appspec import Problem, examine, legible

HEAD = "version: 0.0\nos: linux\n"
HOOKS = "hooks:\n  AfterInstall:\n    - location: a.sh\n"


def found(text: str, bundle: Path, host_os: str | None = None) -> list[Problem]:
    return list(examine(text, bundle=bundle, host_os=host_os)[1])


@pytest.mark.parametrize(
    ("content", "words", "remedy"),
    [
        (b"#!/bin/sh\r\necho hello\r\n", r"an interpreter named `/bin/sh\r`", "Unix line ends"),
        (b"#!/usr/bin/env python3\r\n", r"`/usr/bin/env` with the argument `…\r`", "Unix line ends"),
        (b"echo hello\n", "it is run by sh", "#!/bin/sh"),
        (b"", "it is run by sh", "#!/bin/sh"),
        (b"\xef\xbb\xbf#!/bin/bash\n", "begins with a byte order mark", "without"),
    ],
)
def test_the_first_line_of_a_script(content: bytes, words: str, remedy: str, tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_bytes(content)
    (problem,) = found(HEAD + HOOKS, tmp_path)
    assert (problem.severity, problem.line) == ("warning", 5)
    assert "the script `a.sh` of `AfterInstall`" in problem.message
    assert words in problem.message
    assert remedy in problem.remedy


@pytest.mark.parametrize("content", [b"#!/bin/sh\necho hello\r\n", b"#! /bin/sh", b"\x7fELF\0\0"])
def test_a_script_with_nothing_to_say_of(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_bytes(content)
    assert found(HEAD + HOOKS, tmp_path) == []


def test_a_script_that_is_a_directory(tmp_path: Path) -> None:
    (tmp_path / "a.sh").mkdir()
    (problem,) = found(HEAD + HOOKS, tmp_path)
    assert "is a directory" in problem.message


def test_a_script_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.sh").write_text("#!/bin/sh\n")

    def refuse(_path: Path, _mode: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    (problem,) = found(HEAD + HOOKS, tmp_path)
    assert "cannot be read here (permission denied)" in problem.message


def test_the_bundle_is_looked_at_beside_every_other_mistake(tmp_path: Path) -> None:
    text = "version: 9\nos: linux\nfiles:\n  - {source: nowhere, destination: /srv}\n" + HOOKS + "    - timeout: 0\n"
    assert [(problem.severity, problem.line) for problem in found(text, tmp_path)] == [
        ("error", 1),
        ("warning", 4),
        ("warning", 7),
        ("error", 8),
        ("error", 8),
    ]
    assert examine(text, bundle=tmp_path)[0] is None
    spec = legible(text)
    assert spec is not None
    assert [script.location for script in spec.scripts("AfterInstall")] == ["a.sh", ""]


def test_an_appspec_for_windows(tmp_path: Path) -> None:
    text = "version: 0.0\nos: windows\nfiles:\n  - source: \\\n    destination: c:\\web\npermissions:\n  - object: x\n"
    (refused,) = found(text + HOOKS, tmp_path, "linux")
    assert (refused.severity, refused.line) == ("error", 2)
    assert "this host runs linux: its agent refuses the file" in refused.message
    (elsewhere,) = found(text, tmp_path)
    assert "`permissions` are not supported on windows" in elsewhere.message


def test_one_timeout_above_an_hour(tmp_path: Path) -> None:
    (tmp_path / "a.sh").write_text("#!/bin/sh\n")
    assert found(HEAD + HOOKS + "      timeout: 3600\n", tmp_path) == []
    (problem,) = found(HEAD + HOOKS + "      timeout: 7200\n", tmp_path)
    assert "the script `a.sh` of `AfterInstall` may take 7200 s, and an event has 3600 s" in problem.message
    both = HEAD + HOOKS + "      timeout: 7200\n    - location: a.sh\n      timeout: 60\n"
    assert len(found(both, tmp_path)) == 1, "the sum says nothing that the one has not said"
