"""Mistakes in pools, each at its place with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

import scenarios
from scenarios.loader import _loads, loads
from scenarios.pools import pool_of
from scenarios.problems import Problem, ScenarioError

BUNDLES = Path(scenarios.__file__).parent / "bundles"
GOOD = """\
name: good
pools:
  web: {min: 1, desired: 2, max: 4, suspended: [AZRebalance]}
balancer: {}
revisions:
  v1: web-v1
group:
  pools: [web]
  running: v1
  auto_scaling_group_processes_to_suspend: [Terminate]
deploy:
  - revision: v1
faults:
  - when: {at: 1s}
    do: {pool: {name: web, desired: 3}}
"""


def problems(text: str) -> list[Problem]:
    try:
        return list(_loads(text, "good.yml", BUNDLES)[1])
    except ScenarioError as error:
        return error.problems


def test_the_good_one_is_good() -> None:
    scenario = loads(GOOD, name="good.yml", directory=BUNDLES)
    assert problems(GOOD) == []
    assert [host.name for host in scenario.named_hosts()] == ["web-1", "web-2"]
    assert scenario.named_hosts()[0].tags == {"aws:autoscaling:groupName": "web"}
    assert [host.name for host in scenario.members(scenario.group)] == ["web-1", "web-2"]


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "remedy"),
    [
        ("min: 1,", "min: 5,", 3, "the minimum 5 is above the maximum 4", "min: 4 or less"),
        ("desired: 2", "desired: 7", 3, "desired 7 is not between the minimum 1 and the maximum 4", "write 1 to 4"),
        ("desired: 2", "desired: 0", 3, "desired 0 is not between", "write 1 to 4"),
        ("desired: 3}", "desired: 9}", 15, "the pool web cannot have 9 hosts: it has 1 to 4", "write 1 to 4"),
        ("pools: [web]", "pools: [wep]", 8, "no pool is called wep", "did you mean web?"),
        ("name: web,", "name: wbe,", 15, "no pool is called wbe", "did you mean web?"),
        ("[AZRebalance]", "[AZReblance]", 3, "found AZReblance", "did you mean AZRebalance?"),
        ("[Terminate]", "[Termniate]", 10, "found Termniate", "did you mean Terminate?"),
        ("desired: 3}}", "desired: 3}}\n    probability: 50%", 16, "is done: it has no probability", "take it away"),
        ("[Terminate]", "[Launch]", 10, "CodeDeploy does not suspend Launch", "suspend it in the pool"),
        (
            "[Terminate]",
            "[Terminate, AZRebalance, InstanceRefresh, ScheduledActions, Terminate]",
            10,
            "at most 4 processes",
            "take some away",
        ),
        (
            "  running: v1\n",
            "  running: v1\n  strategy: blue-green\n",
            11,
            "for a blue/green",
            "take this",
        ),
        ("{at: 1s}", "{launched: wed}", 14, "no pool is called wed", "did you mean web?"),
        ("    do: {pool", "    for: 3s\n    do: {pool", 15, "it has no for", "scales it back"),
        ("    do: {pool", "    where: {zone: a}\n    do: {pool", 15, "at no host in particular", "take where away"),
        (", desired: 3}", "}", 15, "nothing is done with the pool", "write desired"),
        ("desired: 2,", "desired: 2, image: {user_data: web-v1/scripts/run.sh},", 3, "no user data script", "did you"),
        ("max: 4,", "max: 4, sizes: 3,", 3, "unknown key sizes", "did you mean zones?"),
    ],
)
def test_each_mistake_is_told_at_its_place(old: str, new: str, line: int, message: str, remedy: str) -> None:
    assert old in GOOD
    found = problems(GOOD.replace(old, new))
    match = [problem for problem in found if message in problem.message]
    assert match, found
    assert match[0].line == line
    assert remedy in match[0].remedy
    assert match[0].severity == "error"


def test_a_group_without_pools_suspends_nothing() -> None:
    found = problems(GOOD.replace("  pools: [web]\n", ""))
    assert [problem.message.split(",")[0] for problem in found if problem.severity == "error"] == [
        "processes are suspended in the group's pools"
    ]


def test_two_groups_on_one_pool_are_warned_of() -> None:
    head, _, rest = GOOD.partition("group:\n")
    tail = rest[rest.index("deploy:") :].replace("revision: v1", "revision: v1\n    group: one")
    groups = "groups:\n  - {name: one, pools: [web]}\n  - {name: two, pools: [web]}\n"
    (found,) = problems(head + groups + tail)
    assert (found.severity, found.line) == ("warning", 9)
    assert "the pool web belongs to one already: two groups on one pool" in found.message


def test_a_pool_that_nobody_has_is_warned_of() -> None:
    found = problems(GOOD.replace("  web: {min", "  spare: {desired: 1, max: 1}\n  web: {min"))
    assert [(problem.severity, problem.line) for problem in found] == [("warning", 3)]
    assert "no group has the pool spare" in found[0].message


def test_a_host_cannot_have_the_name_of_a_pools() -> None:
    """Not one that the pool gives at once, nor one that it comes to give: a loop of launches counts on and on."""
    names = ["web-2", "web-5", "web-99", "web-1-g2"]
    hosts = ", ".join(f"{{name: {name}}}" for name in [*names, "web-x", "api-1", "web"])
    found = problems(GOOD.replace("balancer: {}", f"balancer: {{}}\nfleet: {{hosts: [{hosts}]}}"))
    assert [p.message for p in found if p.severity == "error"] == [
        f"{name} is a name that the pool web gives to its hosts (web-1, web-2, …)" for name in names
    ]


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (
            GOOD.replace("do: {pool: {name: web, desired: 3}}", "where: {hosts: [web-1]}\n    do: {host: launch}"),
            "a pool launches hosts: write do: {pool: {name: web, desired: 3}}, and take where away",
        ),
        (
            GOOD.replace("do: {pool: {name: web, desired: 3}}", "do: {host: launch}").replace("desired: 2, ", ""),
            "a pool launches hosts: write do: {pool: {name: web, desired: …}}",
        ),
        (
            "name: a\nfleet: {hosts: 2}\nrevisions: {v1: web-v1}\ndeploy: [{revision: v1}]\n"
            "faults:\n  - do: {host: launch}\n",
            "pools launch hosts: add pools: {web: {desired: 1, max: 2}}, and do: {pool: {name: web, desired: 2}}",
        ),
    ],
)
def test_whoever_wants_a_host_launched_is_shown_the_pool(text: str, remedy: str) -> None:
    (found,) = (problem for problem in problems(text) if problem.message.startswith("do.host"))
    assert found.message == "do.host: expected crash, pause or terminate, found launch"
    assert found.remedy == remedy


def test_without_pools_there_are_hosts_and_deployments() -> None:
    found = problems("name: a\nrevisions: {v1: web-v1}\n")
    assert [problem.message for problem in found] == ["deploy is missing", "fleet is missing"]


@pytest.mark.parametrize(
    ("host", "pool"), [("web-1", "web"), ("web-12-g3", "web"), ("web-x", None), ("api-1", None), ("web", None)]
)
def test_a_hosts_pool_is_in_its_name(host: str, pool: str | None) -> None:
    assert pool_of(host, {"web"}) == pool


MANY = "pools:\n  web: {min: 1, desired: 2, max: 10000}\nfleet: {hosts: 999999}\n"


@pytest.mark.parametrize(
    ("old", "new", "severity", "line", "message", "remedy"),
    [
        ("pools: [web]", "pools: [web, web]", "error", 8, "the pool web stands here twice", "name it once"),
        (
            *("{at: 1s}\n    do: {pool: {name: web, desired: 3}}", "{launched: web}\n    do: {health: {status: 500}}"),
            *(
                "error",
                14,
                "web never launches a host: nothing in this scenario scales it",
                "add a fault with do: {pool",
            ),
        ),
        (
            "3}}\n",
            "3}}\nexpect: {mixed_versions: [prod]}\n",
            "error",
            16,
            "no group is called prod",
            "there is production",
        ),
        ("3}}\n", "3}}\nexpect: {launch_loops: [wep]}\n", "error", 16, "no pool is called wep", "mean web?"),
        ("3}}\n", "3}}\nexpect: {stranded: [weg-1]}\n", "error", 16, "no host is called weg-1", "mean web-1?"),
        ("3}}\n", "3, replacement: true}}\n", "warning", 15, "no deployment is blue/green", "strategy: blue-green"),
        (
            *("pools:\n", "fleet: {hosts: 999999}\npools:\n", "error", 3),
            *("999,999 hosts and the pools' 4 (by their max) are more than 1,000,000", "lower fleet.hosts"),
        ),
    ],
)
def test_what_can_never_be(old: str, new: str, severity: str, line: int, message: str, remedy: str) -> None:
    assert GOOD.count(old) == 1 or old == "pools:\n"
    (found,) = (one for one in problems(GOOD.replace(old, new, 1)) if "belong to no group" not in one.message)
    assert (found.severity, found.line) == (severity, line)
    assert message in found.message
    assert remedy in found.remedy


def test_what_can_be_is_let_alone() -> None:
    replaced = GOOD.replace("running: v1", "running: v1\n  strategy: blue-green").replace(
        "3}}", "3, replacement: true}}"
    )
    replaced = replaced.replace("  auto_scaling_group_processes_to_suspend: [Terminate]\n", "")
    assert problems(replaced) == []
    expects = (
        "3}}\nexpect: {launch_loops: [CodeDeploy_production_d-1], stranded: [web-9], mixed_versions: [production]}\n"
    )
    assert problems(GOOD.replace("3}}\n", expects)) == []
    moment = "  - when: {launched: web}\n    do: {health: {status: 500}}\n"
    assert problems(GOOD + moment) == []
