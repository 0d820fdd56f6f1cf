"""The AppSpec of ECS and of Lambda, YAML or JSON: `load` as the service does, `examine` with every mistake.

Unlike a server's, which an agent reads leniently, this file is read by the service, which refuses what it does not
know. Source: AWS CodeDeploy user guide, "AppSpec 'resources' section" and "AppSpec 'hooks' section".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from fleet.agent.appspec_model import AppSpecError, Problem
from fleet.agent.appspec_nodes import Document, Entry, Notes, Unreadable, is_null, kind_of, text_of
from fleet.agent.appspec_words import nearest
from fleet.platforms.resources import Resource, read_resource
from scenarios.platforms import RESOURCES
from simulator.rollout.lifecycle import HOOKS

_REMEDY = "give `version: 0.0`, `Resources` and, where functions are to be called, `Hooks`"
_KEYS = ("version", "Resources", "Hooks")
_SERVER_KEYS = ("os", "files", "permissions", "hooks")


@dataclass(frozen=True, slots=True)
class AppSpec:
    """An AppSpec that has been read. `hooks`: the function to be called, by the lifecycle event."""

    platform: str
    resource: Resource
    hooks: Mapping[str, str] = field(default_factory=dict)


def load(text: str, *, platform: str, name: str = "appspec.yaml") -> AppSpec:
    """The AppSpec in a text, for this platform (`ECS` or `Lambda`). Raises AppSpecError with every mistake."""
    appspec, problems = examine(text, platform=platform)
    if appspec is None:
        raise AppSpecError(name, problems)
    return appspec


def examine(text: str, *, platform: str | None = None) -> tuple[AppSpec | None, tuple[Problem, ...]]:
    """The AppSpec, and everything that is wrong with it in the order of the file; None where there is an error.

    `platform` None: the one that its resource belongs to.
    """
    notes = Notes()
    try:
        appspec = _Reader(Document(text), notes, platform).root()
    except Unreadable as unreadable:
        return None, (unreadable.problem,)
    problems = tuple(sorted(notes.problems, key=lambda problem: (problem.line, problem.column)))
    return (None if notes.errors else appspec), problems


class _Reader:
    def __init__(self, document: Document, notes: Notes, platform: str | None) -> None:
        self._document = document
        self._notes = notes
        self._wanted = platform

    def root(self) -> AppSpec | None:
        root = self._document.root
        if root is None or is_null(root):
            self._notes.error(root, "the file is empty", _REMEDY)
            return None
        entries = self._document.entries(root, self._notes)
        if entries is None:
            self._notes.error(root, f"the file is expected to be a mapping, and is {kind_of(root)}", _REMEDY)
            return None
        server = [key for key in _SERVER_KEYS if key in entries]
        if server and "Resources" not in entries:
            of = self._wanted or "ECS or Lambda"
            message = f"this file is for servers (`{server[0]}`), and {of} needs `Resources`"
            self._notes.error(entries[server[0]].key, message, "give the AppSpec of the group's compute platform")
            return None
        self._known(entries)
        self._version(root, entries.get("version"))
        resource = self._resource(root, entries.get("Resources"))
        hooks = self._hooks(entries.get("Hooks"), resource.platform if resource else None)
        return AppSpec(resource.platform, resource, hooks) if resource is not None else None

    def _known(self, entries: Mapping[str, Entry]) -> None:
        for name, entry in entries.items():
            if name not in _KEYS:
                near = nearest(name, _KEYS)
                remedy = f"did you mean `{near}`?" if near else "take it away"
                self._notes.error(entry.key, f"`{name}` is no key of this file", remedy)

    def _version(self, root: yaml.Node, entry: Entry | None) -> None:
        value = self._document.value(entry.value) if entry else None
        if not isinstance(value, int | float) or isinstance(value, bool) or value != 0:
            found = kind_of(entry.value) if entry else "absent"
            at = entry.value if entry else root
            self._notes.error(at, f"`version` is expected to be 0.0, and is {found}", "write `version: 0.0`")

    def _resource(self, root: yaml.Node, entry: Entry | None) -> Resource | None:
        if entry is None:
            self._notes.error(root, "there is no `Resources`", "name the service or the function that is deployed")
            return None
        named = self._single(entry.value, "`Resources`", "a resource")
        if named is None:
            return None
        name, resource = named
        found = self._document.entries(resource.value, self._notes)
        if found is None:
            message = f"`{name}` is expected to be a mapping, and is {kind_of(resource.value)}"
            self._notes.error(resource.value, message, "write `Type: …` and `Properties: …` below it")
            return None
        kind = text_of(found.get("Type"))
        platform = RESOURCES.get(kind or "")
        at = found["Type"].value if "Type" in found else resource.key
        if platform is None:
            types = " or ".join(RESOURCES)
            words = f"is `{kind}`" if kind else "is absent"
            self._notes.error(
                at, f"`Type` is expected to be {types}, and {words}", f"write `Type: {next(iter(RESOURCES))}`"
            )
            return None
        if self._wanted not in (None, platform):
            message = f"this AppSpec is for {platform} (`{kind}`), and the group deploys to {self._wanted}"
            self._notes.error(at, message, "give the AppSpec of the group's compute platform")
            return None
        return read_resource(platform, resource, found, self._document, self._notes)

    def _single(self, node: yaml.Node, what: str, item: str) -> tuple[str, Entry] | None:
        """The one entry of a list of one mapping, which is how a resource is written."""
        if not isinstance(node, yaml.SequenceNode):
            self._notes.error(
                node, f"{what} is expected to be a list, and is {kind_of(node)}", f"begin {item} with `- `"
            )
            return None
        if len(node.value) != 1:
            at = node.value[1] if node.value else node
            message = f"{what} has {len(node.value)} entries: a deployment is of one resource"
            self._notes.error(at, message, "keep one" if node.value else f"add {item}")
            return None
        entries = self._document.entries(node.value[0], self._notes)
        if entries is None or len(entries) != 1:
            message = f"an entry of {what} is expected to be one name with a mapping, and is {kind_of(node.value[0])}"
            self._notes.error(node.value[0], message, f"write {item}'s name, and what it is below it")
            return None
        return next(iter(entries.items()))

    def _hooks(self, entry: Entry | None, platform: str | None) -> dict[str, str]:
        if entry is None or is_null(entry.value):
            return {}
        if not isinstance(entry.value, yaml.SequenceNode):
            message = f"`Hooks` is expected to be a list, and is {kind_of(entry.value)}"
            self._notes.error(
                entry.value, message, "begin each hook with `- `, as in `- AfterAllowTraffic: my-function`"
            )
            return {}
        known = HOOKS.get(platform or "", tuple(dict.fromkeys(event for events in HOOKS.values() for event in events)))
        hooks: dict[str, str] = {}
        for node in entry.value.value:
            for event, hook in (self._document.entries(node, self._notes) or self._no_mapping(node)).items():
                function = text_of(hook)
                if event not in known:
                    self._unknown_event(event, hook, known, platform)
                elif event in hooks:
                    self._notes.error(hook.key, f"`{event}` is there twice", "one function is called for an event")
                elif function is None or not function_name(function):
                    message = f"`{event}` is expected to be a function's name or ARN, and is {kind_of(hook.value)}"
                    self._notes.error(hook.value, message, f"write `- {event}: my-function`")
                else:
                    hooks[event] = function_name(function)
        return hooks

    def _no_mapping(self, node: yaml.Node) -> dict[str, Entry]:
        message = f"a hook is expected to be an event with a function, and is {kind_of(node)}"
        self._notes.error(node, message, "write `- AfterAllowTraffic: my-function`")
        return {}

    def _unknown_event(self, event: str, hook: Entry, known: tuple[str, ...], platform: str | None) -> None:
        near = nearest(event, known)
        remedy = f"did you mean `{near}`?" if near else f"there is {', '.join(known)}"
        of = f" on {platform}" if platform else ""
        self._notes.error(hook.key, f"no function is called at `{event}`{of}", remedy)


def function_name(word: str) -> str:
    """A function's name: itself, or out of its ARN, with or without a version; `""` where that has none."""
    if not word.startswith("arn:"):
        return word.strip()
    parts = word.split(":")
    return parts[6] if len(parts) > 6 and parts[5] == "function" else ""
