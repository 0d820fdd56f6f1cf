"""What an AppSpec says of the service or the function that is deployed to.

Source: AWS CodeDeploy user guide, "AppSpec 'resources' section for Amazon ECS deployments" and "… for AWS Lambda
deployments".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import yaml

from fleet.agent.appspec_nodes import Document, Entry, Notes, is_null, kind_of, text_of
from fleet.agent.appspec_words import nearest

TASK_DEFINITION: Final = re.compile(r"^arn:[\w-]+:ecs:[\w-]+:\d{12}:task-definition/[\w-]+(:\d+)?$")
PORT_MAX: Final = 65535

_PROPERTIES: Final = {
    "ECS": (
        "TaskDefinition",
        "LoadBalancerInfo",
        "PlatformVersion",
        "NetworkConfiguration",
        "CapacityProviderStrategy",
    ),
    "Lambda": ("Name", "Alias", "CurrentVersion", "TargetVersion"),
}
_AWSVPC: Final = ("Subnets", "SecurityGroups", "AssignPublicIp")
_CAPACITY: Final = ("Base", "CapacityProvider", "Weight")


@dataclass(frozen=True, slots=True)
class Resource:
    """A service (`task_definition`, `container`, `port`) or a function (`function`, `alias`, `current`, `target`)."""

    platform: str
    task_definition: str = ""
    container: str = ""
    port: int = 0
    function: str = ""
    alias: str = ""
    current: str = ""
    target: str = ""


def read_resource(
    platform: str, resource: Entry, found: Mapping[str, Entry], document: Document, notes: Notes
) -> Resource | None:
    """The resource that is written below `resource`; None where its properties are no mapping."""
    return _Properties(platform, document, notes).read(resource, found)


class _Properties:
    def __init__(self, platform: str, document: Document, notes: Notes) -> None:
        self._platform = platform
        self._document = document
        self._notes = notes

    def read(self, resource: Entry, found: Mapping[str, Entry]) -> Resource | None:
        self._known(found, ("Type", "Properties"), "a resource")
        written = found.get("Properties")
        entries = self._document.entries(written.value, self._notes) if written is not None else None
        if entries is None:
            what = kind_of(written.value) if written is not None else "absent"
            at = written.value if written is not None else resource.key
            message = f"`Properties` is expected to be a mapping, and is {what}"
            self._notes.error(at, message, f"write {', '.join(_PROPERTIES[self._platform])} below it")
            return None
        self._known(entries, _PROPERTIES[self._platform], "`Properties`")
        at = written.key if written is not None else resource.key
        return self._service(at, entries) if self._platform == "ECS" else self._function(at, entries)

    # -- ECS ----------------------------------------------------------------------------------------------------

    def _service(self, at: yaml.Node, entries: Mapping[str, Entry]) -> Resource:
        definition = self._text(at, entries, "TaskDefinition", "the ARN of a task definition")
        if definition and not TASK_DEFINITION.match(definition):
            message = f"`TaskDefinition` is expected to be the ARN of a task definition, and is `{definition}`"
            remedy = "write arn:aws:ecs:REGION:ACCOUNT:task-definition/FAMILY:REVISION"
            self._notes.error(entries["TaskDefinition"].value, message, remedy)
        container, port = self._balancer(at, entries)
        self._network(entries.get("NetworkConfiguration"))
        self._capacity(entries.get("CapacityProviderStrategy"))
        return Resource("ECS", task_definition=definition, container=container, port=port)

    def _balancer(self, at: yaml.Node, entries: Mapping[str, Entry]) -> tuple[str, int]:
        info = self._mapping(at, entries, "LoadBalancerInfo", "ContainerName and ContainerPort")
        if info is None:
            return "", 0
        self._known(info, ("ContainerName", "ContainerPort"), "`LoadBalancerInfo`")
        key = entries["LoadBalancerInfo"].key
        name = self._text(key, info, "ContainerName", "the container that gets the traffic")
        entry = info.get("ContainerPort")
        value = self._document.value(entry.value) if entry is not None else None
        if isinstance(value, str) and value.isdecimal():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= PORT_MAX:
            what = kind_of(entry.value) if entry is not None else "absent"
            message = f"`ContainerPort` is expected to be a port of 1 to {PORT_MAX}, and is {what}"
            self._notes.error(entry.value if entry is not None else key, message, "write `ContainerPort: 8080`")
            return name, 0
        return name, value

    def _network(self, entry: Entry | None) -> None:
        """All of it, or none."""
        if entry is None or is_null(entry.value):
            return
        found = self._document.entries(entry.value, self._notes) or {}
        self._known(found, ("AwsvpcConfiguration",), "`NetworkConfiguration`")
        inner = self._mapping(entry.key, found, "AwsvpcConfiguration", ", ".join(_AWSVPC))
        if inner is None:
            return
        self._known(inner, _AWSVPC, "`AwsvpcConfiguration`")
        key = found["AwsvpcConfiguration"].key
        for name in ("Subnets", "SecurityGroups"):
            written = inner.get(name)
            if written is None or not isinstance(written.value, yaml.SequenceNode) or not written.value.value:
                listed = written is not None and isinstance(written.value, yaml.SequenceNode)
                what = "empty" if listed else kind_of(written.value) if written is not None else "absent"
                message = f"`{name}` is expected to be a list, and is {what}"
                at = written.value if written is not None else key
                self._notes.error(at, message, f"give all of {', '.join(_AWSVPC)}, or no NetworkConfiguration")
        public = self._text(key, inner, "AssignPublicIp", "ENABLED or DISABLED")
        if public and public not in ("ENABLED", "DISABLED"):
            message = f"`AssignPublicIp` is expected to be ENABLED or DISABLED, and is `{public}`"
            self._notes.error(inner["AssignPublicIp"].value, message, "write ENABLED or DISABLED")

    def _capacity(self, entry: Entry | None) -> None:
        if entry is None or is_null(entry.value):
            return
        if not isinstance(entry.value, yaml.SequenceNode):
            message = f"`CapacityProviderStrategy` is expected to be a list, and is {kind_of(entry.value)}"
            self._notes.error(entry.value, message, "begin each entry with `- `")
            return
        for node in entry.value.value:
            found = self._document.entries(node, self._notes)
            if found is None:
                message = f"an entry of `CapacityProviderStrategy` is expected to be a mapping, and is {kind_of(node)}"
                self._notes.error(node, message, f"write {', '.join(_CAPACITY)}")
                continue
            self._known(found, _CAPACITY, "`CapacityProviderStrategy`")
            self._text(node, found, "CapacityProvider", "the name of a capacity provider")
            for name in ("Base", "Weight"):
                if (number := found.get(name)) is not None and not isinstance(self._document.value(number.value), int):
                    message = f"`{name}` is expected to be a whole number, and is {kind_of(number.value)}"
                    self._notes.error(number.value, message, f"write `{name}: 1`")

    # -- Lambda -------------------------------------------------------------------------------------------------

    def _function(self, at: yaml.Node, entries: Mapping[str, Entry]) -> Resource:
        return Resource(
            "Lambda",
            function=self._text(at, entries, "Name", "the function's name"),
            alias=self._text(at, entries, "Alias", "the alias whose traffic is shifted"),
            current=self._text(at, entries, "CurrentVersion", "the version that the alias points to"),
            target=self._text(at, entries, "TargetVersion", "the version that is to have the traffic"),
        )

    # -- pieces -------------------------------------------------------------------------------------------------

    def _known(self, entries: Mapping[str, Entry], keys: Iterable[str], where: str) -> None:
        known = tuple(keys)
        for name, entry in entries.items():
            if name not in known:
                near = nearest(name, known)
                remedy = f"did you mean `{near}`?" if near else f"there is {', '.join(known)}"
                self._notes.error(entry.key, f"{where} has no `{name}`", remedy)

    def _text(self, at: yaml.Node, entries: Mapping[str, Entry], name: str, what: str) -> str:
        entry = entries.get(name)
        text = (text_of(entry) or "").strip()
        if not text:
            found = kind_of(entry.value) if entry is not None else "absent"
            place = entry.value if entry is not None else at
            self._notes.error(place, f"`{name}` is required, and is {found}", f"give {what}")
        return text

    def _mapping(self, at: yaml.Node, entries: Mapping[str, Entry], name: str, what: str) -> dict[str, Entry] | None:
        entry = entries.get(name)
        found = self._document.entries(entry.value, self._notes) if entry is not None else None
        if found is None:
            words = kind_of(entry.value) if entry is not None else "absent"
            place = entry.value if entry is not None else at
            self._notes.error(place, f"`{name}` is required, and is {words}", f"give {what}")
        return found
