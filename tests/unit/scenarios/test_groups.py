"""Deployment groups: which hosts their filters select, and mistakes in writing them, each at its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from scenarios.groups import Group, TagFilter
from scenarios.loader import ScenarioError, loads, warnings
from scenarios.model import Scenario
from tests.support.rehearsals import BUNDLES, data, run, scenario

HOSTS = [
    {"name": "web-1", "tags": {"role": "web", "env": "prod"}},
    {"name": "web-2", "tags": {"role": "web", "env": "test"}},
    {"name": "batch-1", "tags": {"role": "batch", "env": "prod"}},
    {"name": "rack-1", "tags": {"role": "web", "env": "prod"}, "on_premises": True},
]


def fleet(**group: Any) -> Scenario:
    return scenario(fleet={"hosts": HOSTS}, group=group, deploy=[{"revision": "v1"}], balancer=None)


def members(**group: Any) -> list[str]:
    found = fleet(**group)
    return [host.name for host in found.members(found.group)]


@pytest.mark.parametrize(
    ("written", "tags", "matches"),
    [
        ({"key": "role"}, {"role": "web"}, True),
        ({"key": "role"}, {"env": "role"}, False),
        ({"value": "web"}, {"anything": "web"}, True),
        ({"value": "web"}, {"web": "no"}, False),
        ({"key": "role", "value": "web"}, {"role": "web"}, True),
        ({"key": "role", "value": "web"}, {"role": "batch", "other": "web"}, False),
        ({"key": "role", "value": "web", "type": "KEY_ONLY"}, {"role": "batch"}, True),
        ({"key": "role", "value": "web", "type": "VALUE_ONLY"}, {"other": "web"}, True),
        ({"key": "role", "value": "web", "type": "KEY_AND_VALUE"}, {"role": "batch"}, False),
    ],
)
def test_a_filter_asks_for_a_key_a_value_or_both(written: dict[str, Any], tags: dict[str, str], matches: bool) -> None:
    assert TagFilter(**written).matches(tags) is matches


def test_no_host_without_tags_matches_a_filter() -> None:
    assert not TagFilter(key="role").matches({})


@pytest.mark.parametrize(
    "written", [{}, {"type": "KEY_ONLY"}, {"key": "a", "type": "VALUE_ONLY"}, {"type": "KEY_AND_VALUE", "key": "a"}]
)
def test_a_filter_needs_what_its_type_asks_for(written: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="needs what it asks for"):
        TagFilter.model_validate(written)


def test_a_group_without_filters_has_every_host() -> None:
    assert members() == ["web-1", "web-2", "batch-1", "rack-1"]


def test_a_list_of_filters_is_any_of_them() -> None:
    assert members(ec2_tag_filters=[{"key": "role", "value": "batch"}, {"value": "test"}]) == ["web-2", "batch-1"]


def test_a_set_of_lists_is_all_of_them() -> None:
    lists = [[{"value": "web"}, {"value": "batch"}], [{"key": "env", "value": "prod"}]]
    assert members(ec2_tag_set=lists) == ["web-1", "batch-1"]


def test_ec2_hosts_and_on_premises_hosts_are_asked_for_apart() -> None:
    web = [{"key": "role", "value": "web"}]
    assert members(ec2_tag_filters=web) == ["web-1", "web-2"]
    assert members(on_premises_tag_filters=web) == ["rack-1"]
    assert members(ec2_tag_filters=[{"value": "test"}], on_premises_tag_set=[web]) == ["web-2", "rack-1"]


def test_filters_in_words() -> None:
    group = Group.model_validate(
        {
            "ec2_tag_filters": [{"key": "a", "value": "1"}, {"key": "b"}],
            "on_premises_tag_set": [[{"value": "2"}], [{"key": "c"}]],
        }
    )
    assert group.filters == "ec2_tag_filters a=1 or b=*; on_premises_tag_set (*=2) and (c=*)"
    assert Group().filters == ""


def problems(**parts: Any) -> list[tuple[str, str]]:
    with pytest.raises(ScenarioError) as caught:
        scenario(**parts)
    return [(problem.message, problem.remedy) for problem in caught.value.problems]


TO_WEB = [{"revision": "v2", "group": "web"}]
GROUPS = [{"name": "web"}, {"name": "batch"}]
SEVERAL: dict[str, Any] = {"group": None, "groups": GROUPS}
BLUE_GREEN = {"strategy": "blue-green"}
BOTH = {"ec2_tag_filters": [{"key": "a"}], "ec2_tag_set": [[{"key": "a"}]]}
WITH, WITHOUT = ({"deployment_option": f"{word}_TRAFFIC_CONTROL"} for word in ("WITH", "WITHOUT"))
STOP = {"when": {"at": "1s"}, "do": "stop"}


@pytest.mark.parametrize(
    ("parts", "message", "remedy"),
    [
        ({"groups": GROUPS, "deploy": TO_WEB}, "exclude each other", "move what group says"),
        (SEVERAL, "does not say which group", "add group: web or batch"),
        ({**SEVERAL, "deploy": [{"revision": "v2", "group": "wbe"}]}, "no group is called wbe", "did you mean web"),
        ({"group": None, "groups": [*GROUPS, GROUPS[0]], "deploy": TO_WEB}, "a second group named web", "of its own"),
        ({"group": {"running": "v0"}}, "no revision is called v0", "v1 or v2"),
        ({"group": BOTH}, "exclude each other", "write all of it as ec2_tag_set"),
        ({"group": WITH, "balancer": None}, "there is no balancer", "add balancer"),
        ({"deploy": [{"revision": "v2", "if_active": "queue"}]}, "if_active says nothing without when", "add when"),
        ({"operator": [{**STOP, "group": "nobody"}]}, "no group is called nobody", "production"),
        ({"group": BLUE_GREEN, "fleet": {"hosts": HOSTS}}, "has on-premises hosts", "filters that leave them out"),
        ({"group": BLUE_GREEN | WITHOUT}, "WITHOUT_TRAFFIC_CONTROL", "take deployment_option away"),
        ({"expect": {"refused": ["v9"]}}, "no revision is called v9", "v1 or v2"),
        ({"expect": {"deployments": [{"group": "nobody"}]}}, "no group is called nobody", "production"),
    ],
)
def test_a_mistake_is_told(parts: dict[str, Any], message: str, remedy: str) -> None:
    told = problems(**parts)
    assert any(message in found and remedy in hint for found, hint in told), told


@pytest.mark.parametrize(
    ("hosts", "filters", "there"),
    [
        (HOSTS, {"ec2_tag_filters": [{"key": "role", "value": "wbe"}]}, "env=prod, env=test, role=batch, role=web"),
        (HOSTS[:3], {"on_premises_tag_filters": [{"key": "role"}]}, "there are no on-premises hosts"),
        (2, {"ec2_tag_filters": [{"key": "role"}]}, "no host has any tag"),
    ],
)
def test_a_filter_that_matches_nothing_is_warned_of(
    hosts: Any, filters: dict[str, Any], there: str, tmp_path: Any
) -> None:
    file = tmp_path / "a-test.yml"
    data = {
        "name": "a-test",
        "fleet": {"hosts": hosts},
        "revisions": {"v1": str(BUNDLES / "web-v1")},
        "group": filters,
        "deploy": [{"revision": "v1"}],
    }
    file.write_text(json.dumps(data))
    told = [problem for problem in warnings(file) if "NO_INSTANCES" in problem.message]
    assert len(told) == 1
    assert there in told[0].remedy


POOLED = {"pools": {"web": {"min": 2, "desired": 3, "max": 4}}, "group": {"pools": ["web"], "running": "v1"}}
WEB = {"ec2_tag_filters": [{"key": "role", "value": "web"}]}
STANDS_BY = {"blue-green": {"green_fleet_provisioning": "DISCOVER_EXISTING", "target_instances": ["batch-1"]}}


def warned(directory: Path, **parts: Any) -> list[str]:
    file = directory / "a-test.yml"
    file.write_text(json.dumps(data(**parts)))
    return [problem.render().removeprefix(str(file)) for problem in warnings(file) if "no group" in problem.message]


@pytest.mark.parametrize(
    ("parts", "outside"),
    [
        ({"fleet": {"hosts": HOSTS[:3], "running": "v1"}, "group": WEB}, "batch-1 belongs to no group (its tags: "),
        (
            {"fleet": {"hosts": 9, "running": "v1"}, **POOLED},
            "h1, h2, h3 and 6 more belong to no group (without a tag)",
        ),
        ({"fleet": {"hosts": HOSTS[:3], "running": "v1"}, "group": {**WEB, "strategy": STANDS_BY}}, None),
        ({"fleet": {"hosts": HOSTS, "running": "v1"}}, None),
        ({"fleet": {"hosts": 9, "running": "v1"}, "group": {**WEB, "strategy": "in-place"}}, None),  # NO_INSTANCES
    ],
)
def test_hosts_of_no_group_are_warned_of_and_told_by_the_run(
    parts: dict[str, Any], outside: str | None, tmp_path: Path
) -> None:
    told = [flag for flag in run(scenario(**parts)).flags if "no group" in flag]
    found = warned(tmp_path, **parts)
    assert len(told) == len(found) == (outside is not None)
    assert outside is None or (outside in told[0] and told[0] in found[0])


def test_the_first_host_of_no_group_is_where_the_warning_stands(tmp_path: Path) -> None:
    (found,) = warned(tmp_path, fleet={"hosts": HOSTS[:3], "running": "v1"}, group=WEB)
    column = json.dumps(data(fleet={"hosts": HOSTS[:3], "running": "v1"}, group=WEB)).index('"batch-1"') + 1
    assert found.startswith(f":1:{column}: warning: ")
    assert found.endswith("; give it tags that a group's filters match, or take it out of fleet.hosts")


def test_an_nth_host_is_one_of_those_that_a_deployment_has() -> None:
    def nth(number: int, *more: Any) -> dict[str, Any]:
        crash = {"when": {"event": "Install", "nth": number}, "do": {"host": "crash"}}
        return {"fleet": None, **POOLED, "faults": [crash, *more]}

    scaled = {"do": {"pool": {"name": "web", "desired": 4}}}
    assert scenario(**nth(3)).faults
    assert scenario(**nth(4, scaled)).faults
    refused = "when.nth: {} can never be: no deployment has more than {} hosts"
    assert problems(**nth(4)) == [(refused.format(4, 3), "write at most 3")]
    assert problems(**nth(5, scaled)) == [(refused.format(5, 4), "write at most 4")]


def test_several_groups_are_read() -> None:
    found = loads(
        json.dumps(
            {
                "name": "a-test",
                "fleet": {"hosts": 2, "running": "v1"},
                "revisions": {"v1": str(BUNDLES / "web-v1"), "w1": str(BUNDLES / "worker-v1")},
                "groups": [{"name": "web"}, {"name": "worker", "application": "worker", "running": "w1"}],
                "deploy": [{"revision": "w1", "group": "worker"}],
            }
        ),
        name="a-test.yml",
        directory=BUNDLES,
    )
    web, worker = found.all_groups
    assert (found.running_in(web), found.running_in(worker)) == ("v1", "w1")
    assert found.group_of(found.deploy[0]) is worker
