"""Every mistake of a file at once, each at its line and column, in words that anybody understands."""

from __future__ import annotations

import textwrap
import zipfile
from pathlib import Path

import pytest

from scenarios import library
from scenarios.loader import load, loads
from scenarios.model import Scenario
from scenarios.problems import Problem, ScenarioError

BUNDLES = Path(library.__file__).parent.parent / "bundles"

GOOD = f"""\
name: good
fleet:
  hosts: 4
  zones: [a, b]
  tags: {{role: web}}
  running: v1
balancer: {{}}
revisions:
  v1: {BUNDLES}/web-v1
  v2: {BUNDLES}/web-v2
group:
  auto_rollback: [DEPLOYMENT_FAILURE]
deploy:
  - revision: v2
"""


def mistakes(text: str, directory: Path = BUNDLES) -> list[tuple[int, int, str, str]]:
    """Line, column, message, remedy of each mistake in a text."""
    try:
        loads(text, name="f.yml", directory=directory)
    except ScenarioError as error:
        return [(p.line, p.column, p.message, p.remedy) for p in error.problems]
    return []


def with_tail(tail: str) -> str:
    return GOOD + textwrap.dedent(tail)


def the_mistake(tail: str) -> tuple[str, str, str]:
    """The only mistake of the good scenario with this tail: the text from its place on, its message and remedy."""
    text = with_tail(tail)
    found = mistakes(text)
    assert len(found) == 1, found
    line, column, message, remedy = found[0]
    return text.splitlines()[line - 1][column - 1 :], message, remedy


def test_the_good_one_is_good() -> None:
    assert mistakes(GOOD) == []


TEN = f"""\
name: Ten Mistakes
fleet:
  hosts: four
  runnning: v1
balancer:
  health_check:
    intervall: 1s
    timeout: 30
revisions:
  v1: {BUNDLES}/web-v1
  v1: {BUNDLES}/web-v2
deploy:
  - revision: v3
    file_exists_behavior: OVERRIDE
group:
  deployment_config: CodeDeployDefault.OneAtTime
faults:
  - do: {{health: {{status: 404, slow: 1s}}}}
"""


def test_ten_mistakes_are_ten() -> None:
    found = mistakes(TEN)
    assert [(line, column) for line, column, *_ in found] == [
        (1, 7),
        (3, 10),
        (4, 3),
        (7, 5),
        (8, 14),
        (11, 3),
        (13, 15),
        (14, 27),
        (16, 22),
        (18, 32),
    ]
    remedies = " | ".join(remedy for *_, remedy in found)
    for word in ("running", "interval", "write 30s", "OVERWRITE", "CodeDeployDefault.OneAtATime"):
        assert word in remedies
    text = " ".join(message for _, _, message, _ in found)
    for jargon in ("pydantic", "Input should", "valid", "ctx", "<", "tuple", "dict"):
        assert jargon not in text


@pytest.mark.parametrize(
    ("tail", "place", "message", "remedy"),
    [
        ("title: 404", "404", "title: expected text, found 404", 'put it in quotes: "404"'),
        ("limits: {start: 10}", "10}", "limits.start: expected a duration such as 1500ms", "write 10s"),
        ("limits: {start: 10 minutes}", "10 minutes}", "found 10 minutes", "write 10m"),
        ("limits: {start: 0s}", "0s}", "expected some time, found 0s", "at least 1ms"),
        ("limits: {event: 10000h}", "10000h}", "at most 720h", "write at most 720h"),
        ("operator: []\nlimits: fast", "fast", "limits: expected a mapping, found fast", "start, event, deployment"),
        ("operator: [{when: {at: 1s}, do: approve}]", "approve", "operator[1].do: expected stop", "write continue"),
        ("source: here", "here", "source: expected a list, found here", "write [here]"),
        ("source:", "source:", "source: expected a list, found nothing", "leave the key out"),
        ("faults:\n  - do: {script: {exit: 0}}\n    when: {event: Install}\n", None, None, None),
        ("faults:\n  - do: {host: explode}", "explode}", "found explode", "write crash, pause or terminate"),
        ("faults:\n  - do: {}", "{}", "do: none of health, script, agent,", "write one of"),
        ("faults:\n  - {do: {host: terminate}, for: 3s}", "for:", "does not come back", "or write host: crash"),
        ("faults:\n  - {do: {network: {}}}", "{}}}", "network: none of cut, latency or loss", "write one of"),
        ("faults:\n  - {do: {network: {cut: both, loss: 3}}}", "loss:", "exclude each other", "keep one"),
        ("faults:\n  - {do: {network: {cut: balncer}}}", "balncer", "found balncer", "did you mean balancer?"),
        ("faults:\n  - {do: {network: {los: 3}}}", "los:", "unknown key los", "did you mean loss?"),
        ("faults:\n  - {do: {network: {loss: 100}}}", "100}", "loss", "99"),
        ("faults:\n  - {do: {network: {latency: 300}}}", "300}", "such as 1500ms", "write 300s"),
        ("faults:\n  - {do: {disk: fill}}", "fill}", "found fill", "did you mean full?"),
        ("faults:\n  - {do: {disc: full}}", "disc:", "unknown key disc", "did you mean disk?"),
        ("faults:\n  - {do: {clock: {offset: 2}}}", "2}}", "such as 1500ms", "write 2s"),
        ("faults:\n  - {do: {clock: {offset: 0s}}}", "0s}}", "expected some time", "at least 1ms"),
        ("faults:\n  - {do: {clock: {}}}", "{}}}", "offset is missing", "write offset: …"),
        ("faults:\n  - {where: {random: 1}}", "{where", "do is missing in faults[1]", "write do: …"),
        ("faults:\n  - {do: {host: crash}, lasts: 3s}", "lasts:", "unknown key lasts", "did you mean for?"),
        (
            "faults:\n  - {do: {host: crash}, when: {}}",
            "{}}",
            "none of at, event, status, gate, weight, request or launched",
            "write one of",
        ),
        ("faults:\n  - {do: {host: crash}, where: {hosts: [h9]}}", "h9]", "no host is called h9", "h1, h2, h3 or h4"),
        ("faults:\n  - {do: {host: crash}, where: {zone: c}}", "c}}", "no host is in a zone c", "a or b"),
        ("faults:\n  - {do: {host: crash}, where: {tag: {role: web}, zone: a, random: 3}}", "3}}", "random: 3 is", "2"),
        ("faults:\n  - {do: {host: crash}, where: {tag: {rol: web}}}", "rol:", "no host has a tag rol", "role"),
        ("faults:\n  - {do: {host: crash}, where: {tag: {role: wep}}}", "wep}}}", "role: wep", "did you mean web?"),
        ("faults:\n  - {do: {host: crash}, where: {hosts: [h1], zone: b}}", "{hosts", "no host", "take a condition"),
        ("faults:\n  - {do: {host: crash}, where: {revision: v9}}", "v9}}", "no revision is called v9", "v1"),
        ("faults:\n  - {do: {host: crash}, when: {event: Install, host: h5}}", "h5}}", "no host is called h5", "h1"),
        ("faults:\n  - {do: {host: crash}, when: {event: Install, nth: 5}}", "5}}", "more than 4 hosts", "at most 4"),
        ("faults:\n  - {do: {host: crash}, when: {status: Failed, nth: 1}}", "nth:", "nothing without event", "event"),
        ("faults:\n  - {do: {host: crash}, when: {at: 1s, deployment: 1}}", "deployment:", "not go with at", "away"),
        ("faults:\n  - {do: {host: crash}, when: {at: 1s, status: Failed}}", "status:", "exclude each other", "keep"),
        ("faults:\n  - {do: {host: crash}, when: {event: Install, deployment: 3}}", "3}}", "no deployment 3", "most 2"),
        ("faults:\n  - do: {script: hang}", "script:", "needs the lifecycle event", "add when"),
        ("faults:\n  - {do: {script: hang}, when: {event: Install}}", "Install}}", "no scripts run at Install", "name"),
        (
            "faults:\n  - {do: {script: hangs}, when: {event: ApplicationStart}}",
            "hangs}",
            "hang, missing or keeps-output-open",
            "mean hang?",
        ),
        ("faults:\n  - {do: {file: {path: a}}}", "a}}}", "expected an absolute path", "write it in that form"),
        ("faults:\n  - {name: x, do: {host: crash}}\n  - {name: x, do: {host: pause}}", "x, do", "a second", "another"),
        ("operator:\n  - {when: {at: 3s}, do: stop, auto_rollback: yes}", "yes}", "true or false", "write true"),
        (
            "operator:\n  - {when: {at: 3s}, do: restart}",
            "restart}",
            "expected stop, abort, continue",
            "write stop, abort",
        ),
        ("expect: {outcome: rollback}", "rollback}", "expect.outcome: expected", "rolled_back"),
        ("expect: {availability: 99%}", "99%}", "expected a number", "write 0.99"),
        ("expect: {availability: 99}", "99}", "expected 1 or less, found 99", "99 % is 0.99"),
        ("expect: {availability: 99.9}", "99.9}", "expected 1 or less, found 99.9", "99.9 % is 0.999"),
        ("expect: {availability: 999}", "999}", "expected 1 or less, found 999", "write at most 1"),
        ("expect: {in_service_min: 5}", "5}", "more than the 4 hosts", "at most 4"),
        ("expect: {revisions: {v7: 4}}", "v7:", "no revision is called v7", "v1"),
        ("expect: {revisions: {v1: 2, none: 3}}", "{v1", "these are 5 hosts, and there are 4", "at most 4"),
        ("expect: {revisions: {v1: -1}}", "-1}", "expected 0 or more", "write 0"),
        ("expect: {hosts: {h7: v1}}", "h7:", "no host is called h7", "h1"),
        ("expect: {hosts: {h1: v7}}", "v7}", "no revision is called v7", "v1"),
        ("expect: {deployments: [{hosts: {Failled: 1}}]}", "Failled:", "found Failled", "did you mean Failed?"),
        ("expect: {deployments: []}", "[]", "there is always one", "leave the key out"),
        ("expect: {deployments: [{}, {}, {}]}", "{}]}", "3 deployments can never be", "at most 2"),
        ("expect: {events: [{event: Instal, status: Failed}]}", "Instal,", "found Instal", "did you mean Install?"),
        ("expect: {notifications: [Start]}", "Start]", "found Start", "DeploymentStart"),
        ("expectations: {}", "expectations:", "unknown key expectations", "did you mean expect?"),
        ("rise: 3", "rise:", "unknown key rise", "it belongs under health_check"),
        ("deploymentConfig: x", "deploymentConfig:", "unknown key", "it belongs under"),
        ("title: a\ntitle: b", "title:", "title is written twice in one mapping; the first is at line 15", "keep one"),
        ("title: !shout a", "!shout", "the tag !shout means nothing", "remove it"),
        ("? [a]\n: b", "[a]", "a list or mapping stands where a key is wanted", "write a word"),
    ],
)
def test_each_kind_of_mistake(tail: str, place: str | None, message: str | None, remedy: str | None) -> None:
    if place is None:
        assert len(mistakes(with_tail(tail))) == 2  # two in one fault: no scripts at Install, and exit 0 is no failure
        return
    found = the_mistake(tail)
    assert found[0].startswith(place)
    assert message is not None
    assert message in found[1]
    assert remedy is not None
    assert remedy in found[2]


def edited(old: str, new: str, count: int = 1) -> str:
    assert old in GOOD
    return GOOD.replace(old, new, count)


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        (edited("hosts: 4", "hosts: 0"), "expected 1 or more, found 0", "at least 1"),
        (edited("hosts: 4", "hosts: 2000000"), "expected 1000000 or less", "at most"),
        (edited("balancer: {}", "balancer: {port: 99999}"), "expected 65535 or less, found 99999", "at most 65535"),
        (edited("hosts: 4", "hosts: [{name: a}, {name: a}]"), "a second host named a", "a name of its own"),
        (edited("hosts: 4", "hosts: [{name: -a}]"), "letters, digits, - and _", "in that form"),
        (edited("hosts: 4", "hosts: []"), "expected 1 or more, found 0", "write one"),
        (edited("hosts: 4", "hosts: '4'"), "expected a whole number, found the text '4'", "write 4"),
        (
            edited("  hosts: 4\n", ""),
            "hosts is missing in fleet",
            "write hosts: … (how many hosts, or the hosts one by one)",
        ),
        (edited("running: v1", "running: v0"), "fleet.running: no revision is called v0", "v1 or v2"),
        (edited("balancer: {}", "balancer:"), "balancer is empty, so there is none", "balancer: {}"),
        (edited("name: good", "name: Good One"), "expected lower-case letters", "in that form"),
        (edited("revision: v2", "revison: v2"), "unknown key revison in deploy[1]", "did you mean revision?"),
        (edited("web-v2\n", "web-v3\n"), "there is no bundle at", "web-v2?"),
        (edited("web-v2\n", "web-v2/appspec.yml\n"), "is a file, but not one that CodeDeploy takes", ".zip"),
        (
            edited("  v2: ", "  none: ").replace("revision: v2", "revision: v1"),
            "no revision may be called none",
            "another",
        ),
        (edited("deploy:\n  - revision: v2", "deploy: []"), "deploy: expected 1 or more, found 0", "write one"),
        (edited("[DEPLOYMENT_FAILURE]", "yes"), "expected a list, found the text 'yes'", "DEPLOYMENT_FAILURE,"),
        (edited("group:", "group:\n  deployment_config: OneAtTime"), "is called OneAtTime", "Default.OneAtATime?"),
        (
            edited("group:", "group:\n  deployment_config: CodeDeployDefault.ECSAllAtOnce"),
            "ECSAllAtOnce",
            "for servers",
        ),
        (
            edited("group:", "group:\n  deployment_config: {type: FLEET_PERCENT, value: 100}"),
            "FLEET_PERCENT takes 0 to 99, found 100",
            "write 99",
        ),
        (edited("group:", "group:\n  deployment_config: {type: PERCENT, value: 1}"), "found PERCENT", "FLEET_PERCENT"),
    ],
)
def test_mistakes_in_what_is_needed(text: str, message: str, remedy: str) -> None:
    found = mistakes(text)
    assert len(found) == 1, found
    assert message in found[0][2]
    assert remedy in found[0][3]


@pytest.mark.parametrize(
    "tail",
    [
        "faults: [{do: {health: {status: 404}}}]",
        "faults: [{do: {host: crash}, when: {event: AllowTraffic}}]",
        "faults: [{do: {network: {cut: both}}}]",
        "faults: [{do: {network: {latency: 1s}}}]",
        "faults: [{do: {network: {loss: 30}}}]",
        "expect: {in_service_min: 3}",
        "expect: {availability: 0.9}",
        "expect: {events: [{event: BlockTraffic, status: Failed}]}",
    ],
)
def test_what_needs_a_balancer(tail: str) -> None:
    text = edited("balancer: {}\n", "") + tail
    found = mistakes(text)
    assert len(found) == 1
    assert "balancer" in found[0][2]
    assert mistakes(GOOD + tail) == []


def test_a_script_that_the_appspec_does_not_name() -> None:
    text = edited(
        f"v2: {BUNDLES}/web-v2",
        f"v2: {{bundle: {BUNDLES}/web-v2, behaves: {{scripts: {{run_process.sh: {{exit: 1}}}}}}}}",
    )
    [(_, _, message, remedy)] = mistakes(text)
    assert message == "the AppSpec of v2 names no script run_process.sh"
    assert remedy == "did you mean scripts/run_process.sh?"


def test_a_script_of_a_bundle_without_appspec(tmp_path: Path) -> None:
    text = edited(f"v2: {BUNDLES}/web-v2", f"v2: {{bundle: {tmp_path}, behaves: {{scripts: {{a.sh: {{exit: 1}}}}}}}}")
    [(_, _, message, _)] = mistakes(text)
    assert "has no AppSpec that can be read" in message


@pytest.mark.parametrize("appspec", ["", "not: [closed", "hooks: 3", "hooks: {A: [1, {location: 2}]}", "\x00"])
def test_a_bundle_with_a_broken_appspec_is_still_a_bundle(tmp_path: Path, appspec: str) -> None:
    (tmp_path / "appspec.yml").write_text(appspec)
    assert mistakes(edited(f"{BUNDLES}/web-v2", str(tmp_path))) == []


def test_scripts_are_found_in_archives(tmp_path: Path) -> None:
    archive = tmp_path / "web.zip"
    with zipfile.ZipFile(archive, "w") as bundle:
        bundle.write(BUNDLES / "web-v2" / "appspec.yml", "release-2/appspec.yml")
    behaves = "behaves: {scripts: {scripts/run_process.sh: {exit: 1}}}"
    assert mistakes(edited(f"v2: {BUNDLES}/web-v2", f"v2: {{bundle: {archive}, {behaves}}}")) == []


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        ("name: a\n\tfleet: {}\n", 2, 1, "a tab where YAML wants spaces"),
        ("name: a: b\n", 1, 8, "a colon in the middle of a value"),
        ("name: [a\n", 2, 1, "this is not YAML"),
        ("name: *a\n", 1, 7, "undefined alias"),
        ("name: a\n---\nname: b\n", 2, 1, "a second YAML document"),
        ("name: a\x07\n", 1, 8, "a character that YAML does not allow"),
        ("", 1, 1, "the file is empty"),
        ("# nothing\n", 1, 1, "the file is empty"),
        ("just words\n", 1, 1, "expected a mapping"),
        ("- a\n", 1, 1, "expected a mapping"),
        ("a: " + "[" * 5000, 1, 1, "nested too deeply"),
        ("a: &a [1]\nb: &b [*b, *b]\n", 2, 4, "do not end"),
    ],
)
def test_what_is_not_yaml(text: str, line: int, column: int, message: str) -> None:
    found = mistakes(text)
    assert any(entry[:2] == (line, column) and message in entry[2] for entry in found), found


def test_anchors_and_merge_keys_work() -> None:
    text = edited(
        "deploy:\n  - revision: v2", "deploy:\n  - &first {revision: v2}\n  - {<<: *first, description: again}"
    )
    scenario = loads(text, name="f.yml", directory=BUNDLES)
    assert [deploy.description for deploy in scenario.deploy] == ["", "again"]
    assert [deploy.revision for deploy in scenario.deploy] == ["v2", "v2"]


def test_words_stay_words() -> None:
    text = edited("zones: [a, b]", "zones: [no, 2026-01-01]")
    assert loads(text, name="f.yml", directory=BUNDLES).fleet.zones == ("no", "2026-01-01")


def test_bundles_come_back_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bundles" / "v1").mkdir(parents=True)
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.yml").write_text(
        "name: a\nfleet: {hosts: 1}\nrevisions: {v1: ../bundles/v1}\ndeploy: [{revision: v1}]\n"
    )
    monkeypatch.chdir(tmp_path)
    scenario = load(Path("s/a.yml"))
    assert isinstance(scenario, Scenario)
    assert scenario.revisions["v1"].bundle == (tmp_path / "bundles" / "v1").resolve()


def test_a_problem_renders_as_one_line() -> None:
    problem = Problem("a.yml", 3, 5, "that is wrong", "do this")
    assert problem.render() == "a.yml:3:5: error: that is wrong; do this"
    assert Problem.of("b.yml", problem) == Problem("b.yml", 3, 5, "that is wrong", "do this")


def test_a_bom_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "s.yml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load(path).name == "good"


def test_where_names_are_ones_own_no_keys_are_offered() -> None:
    """Whoever obeyed had alarms called `metric` and `above`."""
    _, message, remedy = the_mistake("alarms: [errors]")
    assert message == "alarms: expected a mapping, found a list"
    assert remedy == "write its keys beneath it, indented, each with a colon"
