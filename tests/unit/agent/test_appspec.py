"""Reading an AppSpec: every refusal with its place, and every friendly word."""

from __future__ import annotations

from pathlib import Path

import pytest

from fleet.agent.acl import AclEntry
from fleet.agent.appspec import AppSpecError, Problem, examine, load
from fleet.agent.selinux import Context

HEAD = "version: 0.0\nos: linux\n"


def errors(text: str) -> list[Problem]:
    return [problem for problem in examine(text)[1] if problem.severity == "error"]


def warnings(text: str, bundle: Path | None = None) -> list[Problem]:
    appspec, problems = examine(text, bundle=bundle)
    assert appspec is not None
    assert {problem.severity for problem in problems} <= {"warning"}
    return list(problems)


def script(*lines: str) -> str:
    return HEAD + "hooks:\n  AfterInstall:\n    - location: a.sh\n" + "".join(f"      {line}\n" for line in lines)


def permission(*lines: str) -> str:
    return HEAD + "permissions:\n  - object: /srv\n" + "".join(f"    {line}\n" for line in lines)


def test_a_whole_appspec() -> None:
    appspec = load(
        HEAD
        + """
files:
  - source: web
    destination: /srv
file_exists_behavior: RETAIN
permissions:
  - object: /srv
    pattern: "*.sh"
    except: [a.sh]
    type: [file]
    owner: web
    group: www
    mode: 755
    acls: ["u:deploy:rw", "m:7"]
    context: {name: system_u, type: httpd_sys_content_t, range: "s0-s3:c0.c5,c9"}
hooks:
  AfterInstall:
    - location: a.sh
    - location: " b.sh "
      timeout: 60
      runas: web
      sudo: true
  ApplicationStop:
"""
    )
    assert (appspec.version, appspec.os, appspec.file_exists_behavior) == (0.0, "linux", "RETAIN")
    assert [(entry.source, entry.destination) for entry in appspec.files] == [("web", "/srv")]
    (entry,) = appspec.permissions
    assert (entry.object, entry.pattern, entry.exceptions, entry.types) == ("/srv", "*.sh", ("a.sh",), ("file",))
    assert (entry.owner, entry.group, entry.mode) == ("web", "www", "755")
    assert entry.acls == (AclEntry("user", "deploy", "rw-"), AclEntry("mask", "", "rwx"))
    assert entry.context == Context("httpd_sys_content_t", "system_u", "s0-s3:c0.c5,c9")
    first, second = appspec.scripts("AfterInstall")
    assert (first.location, first.timeout_s, first.runas, first.sudo) == ("a.sh", 3600, None, False)
    assert (second.location, second.timeout_s, second.runas, second.sudo) == ("b.sh", 60, "web", True)
    assert appspec.scripts("ApplicationStop") == ()


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ("", 1, 1, "empty"),
        ("# nothing\n", 1, 1, "empty"),
        ("just words\n", 1, 1, "mapping"),
        ("os: linux\n", 1, 1, "`version`"),
        ("version: 1.0\nos: linux\n", 1, 10, "`1.0`"),
        ('version: "0.0"\nos: linux\n', 1, 10, "in quotes"),
        ("version: 0.0\n", 1, 1, "`os`"),
        ("version: 0.0\nos: Linux\n", 2, 5, "`Linux`"),
        (HEAD + "file_exists_behavior: overwrite\n", 3, 23, "`overwrite`"),
        (HEAD + "files:\n  - destination: /a\n", 4, 5, "`/a`"),
        (HEAD + "files:\n  - source: /a\n", 4, 5, "`destination`"),
        (HEAD + "files: all\n", 3, 8, "list"),
        (HEAD + "files:\n  - web\n", 4, 5, "mapping"),
        (HEAD + "hooks:\n  AfterInstall:\n    - timeout: 5\n", 5, 7, "`location`"),
        (HEAD + "hooks:\n  AfterInstall:\n    - location:\n", 5, 7, "`location`"),
        (HEAD + "hooks:\n  - AfterInstall\n", 4, 3, "mapping"),
        (script("timeout: 0"), 6, 16, "`0`"),
        (script("timeout: -5"), 6, 16, "`-5`"),
        (script("timeout: soon"), 6, 16, "`soon`"),
        (script("timeout: 0.5"), 6, 16, "`0.5`"),
        (HEAD + "permissions:\n  - owner: web\n", 4, 5, "`object`"),
        (permission("type: [link]"), 5, 12, "`link`"),
        (permission("type: file"), 5, 11, "list"),
        (permission("mode: 10777"), 5, 11, "longer than four"),
        (permission("mode: 789"), 5, 11, "`8`"),
        (permission("mode: u+x"), 5, 11, "octal digit"),
        (permission("mode: 0755"), 5, 11, "493"),
        (permission('acls: ["u::rw"]'), 5, 12, "`mode` sets"),
        (permission('acls: ["x:web:rw"]'), 5, 12, "`x`"),
        (permission('acls: ["u:web:rwz"]'), 5, 12, "`z`"),
        (permission('acls: ["rw"]'), 5, 12, "form"),
        (permission("context: {name: system_u}"), 5, 14, "`type`"),
        (permission('context: {type: t, range: "s3-s0"}'), 5, 31, "range"),
        (permission('context: {type: t, range: "x0"}'), 5, 31, "sensitivity"),
        (permission('context: {type: t, range: "s0:c2000"}'), 5, 31, "c1023"),
        ("version: 0.0\nos: windows\npermissions:\n  - object: a\n", 4, 5, "windows"),
        ("version: 0.0\nResources: []\n", 2, 1, "another compute platform"),
        ("version: 0.0\nos: [linux\n", 3, 1, "YAML"),
        ("version: 0.0\n\tos: linux\n", 2, 1, "YAML"),
        ("[" * 5000, 1, 1, "nested"),
    ],
)
def test_each_refusal_has_its_place(text: str, line: int, column: int, word: str) -> None:
    first = errors(text)[0]
    assert word in first.message
    assert (first.line, first.column) == (line, column)
    assert first.remedy
    with pytest.raises(AppSpecError):
        load(text)


def test_all_mistakes_are_found_and_the_agents_first_comes_first() -> None:
    text = "file_exists_behavior: no\nhooks:\n  AfterInstall:\n    - timeout: 0\nos: beos\nversion: 2\n"
    with pytest.raises(AppSpecError) as caught:
        load(text)
    assert [problem.line for problem in caught.value.problems] == [6, 5, 4, 4, 1]
    assert "line 6" in str(caught.value)
    assert "4 more" in str(caught.value)
    assert [problem.line for problem in errors(text)] == [1, 4, 4, 5, 6]


@pytest.mark.parametrize("version", ["0.0", "0", "0.00", ".0"])
def test_the_version_is_a_number(version: str) -> None:
    assert load(f"version: {version}\nos: linux\n").version == 0.0


@pytest.mark.parametrize(
    ("written", "mode"), [("7", "007"), ("55", "055"), ("644", "644"), ('"0755"', "0755"), ("4755", "4755")]
)
def test_modes(written: str, mode: str) -> None:
    assert load(permission(f"mode: {written}")).permissions[0].mode == mode


def test_a_mode_that_yaml_reads_otherwise_is_told() -> None:
    (problem,) = warnings(permission("mode: 0644"))
    assert "420" in problem.message
    assert load(permission("mode: 0644")).permissions[0].mode == "420"


def test_another_system_than_the_hosts_is_refused_on_the_host_only() -> None:
    text = "version: 0.0\nos: windows\n"
    assert load(text).os == "windows"
    with pytest.raises(AppSpecError, match="this host runs linux"):
        load(text, host_os="linux")


PEOPLES = """\
version: 0.0
os: linux
files:
  - source: /
    destination: /home/ec2-user
    overwrite: yes
permission:
  - object: /home/ec2-user
    pattern: "**"
    owner: ec2-user
    group: ec2-user
hooks:
  ApplicationStop:
    - location: kill_process.sh
      timeout: 100
      runas: ec2-user
  ApplicationStart:
    - location: run_process.sh
      timeout: 3600
      runas: ec2-user
"""


def test_the_appspec_that_people_have(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    for name in ("kill_process.sh", "run_process.sh"):
        (tmp_path / "scripts" / name).write_text("#!/bin/sh\n")
    found = [(problem.line, problem.message, problem.remedy) for problem in warnings(PEOPLES, tmp_path)]
    assert [line for line, _, _ in found] == [6, 7, 14, 18]
    assert "`overwrite`" in found[0][1]
    assert "`file_exists_behavior`" in found[0][1]
    assert "unknown key `permission`: `permissions` is meant; as written, no owner is set" in found[1][1]
    assert "kill_process.sh" in found[2][1]
    assert "scripts/kill_process.sh" in found[2][2]
    assert "scripts/run_process.sh" in found[3][2]
    appspec = load(PEOPLES)
    assert appspec.permissions == ()
    assert appspec.file_exists_behavior is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (HEAD + "hooks:\n  AfterInstal:\n    - location: a\n", ["AfterInstal", "`AfterInstall` is meant"]),
        (HEAD + "hooks:\n  Install:\n    - location: a\n", ["takes no scripts"]),
        (HEAD + "hooks:\n  Lunch:\n    - location: a\n", ["unknown hook"]),
        (HEAD + "Hooks:\n  AfterInstall:\n", ["`hooks` is meant", "no script runs"]),
        (HEAD + "colour: red\n", ["no effect"]),
        (script("runAs: web"), ["`runas` is meant", "root"]),
        (permission("context: {type: t, user: system_u}"), ["`name` is meant"]),
        (HEAD + "os: linux\n", ["given twice"]),
        (HEAD + "files:\n  - source: a\n    destination: b\n", ["relative"]),
        (script("timeout: 2000") + "    - location: b.sh\n      timeout: 1700\n", ["3700 s"]),
    ],
)
def test_each_silent_trap_is_told(text: str, words: list[str]) -> None:
    messages = " ".join(problem.message for problem in warnings(text))
    for word in words:
        assert word in messages


def test_the_bundle_is_compared(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "a").write_text("#!/bin/sh\n")
    text = (
        HEAD + "files:\n  - source: wev\n    destination: /srv\n  - source: web\n    destination: /srv\n"
        "permissions:\n  - object: /srv/a\n    pattern: '*.x'\n"
        "hooks:\n  AfterInstall:\n    - location: /web/a\n    - location: /opt/b.sh\n"
    )
    found = [(problem.line, problem.message) for problem in warnings(text, tmp_path)]
    assert [line for line, _ in found] == [4, 9, 13, 14, 14]
    assert "`wev` is not in the bundle" in found[0][1]
    assert "Install will refuse this" in found[1][1]
    assert "absolute" in found[2][1]


def test_the_other_spelling_of_the_name_is_told() -> None:
    _, problems = examine(HEAD, name="bundle/appspec.yaml")
    assert "appspec.yml" in problems[0].message


def test_merges_and_later_documents_are_read_as_an_agent_does() -> None:
    text = HEAD + "hooks:\n  AfterInstall:\n    - &a\n      location: a.sh\n      timeout: 9\n"
    text += "    - <<: *a\n      location: b.sh\n---\n[\n"
    scripts = load(text).scripts("AfterInstall")
    assert [(item.location, item.timeout_s) for item in scripts] == [("a.sh", 9), ("b.sh", 9)]


def test_a_problem_is_one_line() -> None:
    problem = errors("version: 9\nos: linux\n")[0]
    assert problem.render("appspec.yml").startswith("appspec.yml:1:10: error: `version`")
