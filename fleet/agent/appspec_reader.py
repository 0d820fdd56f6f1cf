"""From the nodes of a YAML file to an :class:`AppSpec`, with every mistake on the way.

What is refused is what the open-source agent refuses (aws-codedeploy-agent,
application_specification/*.rb), and the sections are visited in its order, so that the first error here is
the one that it would report.
"""

from __future__ import annotations

import yaml

from fleet.agent.acl import AclEntry, parse_entry
from fleet.agent.appspec_model import (
    BEHAVIOURS,
    EVENT_TIMEOUT_MAX_S,
    TIMEOUT_DEFAULT_S,
    AppSpec,
    FileEntry,
    Permission,
    Script,
)
from fleet.agent.appspec_nodes import Document, Entry, Notes, is_null, items, kind_of, known, mark_of, text_of
from fleet.agent.appspec_words import (
    CONTEXT_KEYS,
    FILE_KEYS,
    PERMISSION_KEYS,
    ROOT_KEYS,
    SCRIPT_KEYS,
    explain_event,
)
from fleet.agent.selinux import Context, check_range

_EMPTY_REMEDY = "give at least `version: 0.0` and `os: linux`"
_TYPES = ("file", "directory")


def read(document: Document, notes: Notes, *, host_os: str | None) -> AppSpec | None:
    """Read the document as far as it can be: what is wrong is among ``notes``; None if it is no AppSpec at all."""
    root = document.root
    if root is None or is_null(root):
        notes.error(root, "the file is empty", _EMPTY_REMEDY)
        return None
    entries = document.entries(root, notes)
    if entries is None:
        notes.error(root, f"the file is expected to be a mapping, and is {kind_of(root)}", _EMPTY_REMEDY)
        return None
    if "Resources" in entries:
        notes.error(
            entries["Resources"].key,
            "this file is for another compute platform: `Resources` belongs to Amazon ECS or AWS Lambda",
            "a Server AppSpec has `os`, `files`, `permissions` and `hooks`",
        )
        return None
    return _Reader(document, notes, host_os).root(root, entries)


class _Reader:
    def __init__(self, document: Document, notes: Notes, host_os: str | None) -> None:
        self._document = document
        self._notes = notes
        self._host_os = host_os

    def root(self, node: yaml.Node, entries: dict[str, Entry]) -> AppSpec:
        found = known(entries, ROOT_KEYS, "the file", self._notes)
        version = self._version(node, found.get("version"))
        os_name = self._os(node, found.get("os"))
        hooks = self._hooks(found.get("hooks"))
        files = self._files(found.get("files"), os_name)
        permissions = self._permissions(found.get("permissions"), os_name)
        behaviour = self._behaviour(found.get("file_exists_behavior"))
        return AppSpec(version, os_name, files, behaviour, permissions, hooks)

    def _version(self, root: yaml.Node, entry: Entry | None) -> float:
        value = self._document.value(entry.value) if entry else None
        if not isinstance(value, int | float) or isinstance(value, bool) or value != 0:
            found = kind_of(entry.value) if entry else "absent"
            quoted = f"{found} in quotes" if isinstance(value, str) and value == "0.0" else found
            self._notes.error(
                entry.value if entry else root,
                f"`version` is expected to be 0.0, and is {quoted}",
                "write `version: 0.0`",
            )
        return 0.0

    def _os(self, root: yaml.Node, entry: Entry | None) -> str:
        name = text_of(entry) or ""
        at = entry.value if entry else root
        if name not in ("linux", "windows"):
            found = kind_of(entry.value) if entry else "absent"
            self._notes.error(at, f"`os` is expected to be linux or windows, and is {found}", "write `os: linux`")
        elif self._host_os and name != self._host_os:
            self._notes.error(
                at,
                f"`os` is {name}, and this host runs {self._host_os}: its agent refuses the file",
                f"write `os: {self._host_os}`, or deploy it elsewhere",
            )
        return name

    def _hooks(self, entry: Entry | None) -> dict[str, tuple[Script, ...]]:
        if entry is None or is_null(entry.value):
            return {}
        hooks = self._document.entries(entry.value, self._notes)
        if hooks is None:
            self._notes.error(
                entry.value,
                f"`hooks` is expected to be a mapping, and is {kind_of(entry.value)}",
                "write the name of a lifecycle event, and below it a list of scripts",
            )
            return {}
        result = {}
        for name, hook in hooks.items():
            warning = explain_event(name)
            if warning:
                self._notes.warn(hook.key, *warning)
            if is_null(hook.value):
                continue
            scripts = tuple(
                script for node in items(hook.value, f"`{name}`", self._notes) if (script := self._script(name, node))
            )
            # Scripts that leave the default alone have not been thought about: only chosen timeouts are added up.
            for script in scripts:
                self._longer_than_its_event(name, script)
            total_s = sum(script.timeout_s for script in scripts if script.timeout_s != TIMEOUT_DEFAULT_S)
            each_fits = all(script.timeout_s <= EVENT_TIMEOUT_MAX_S for script in scripts)
            if len(scripts) > 1 and each_fits and total_s > EVENT_TIMEOUT_MAX_S:
                self._notes.warn(
                    hook.key,
                    f"the scripts of `{name}` may take {total_s} s together, and an event has {EVENT_TIMEOUT_MAX_S} s",
                    "give them shorter timeouts",
                )
            result[name] = scripts
        return result

    def _longer_than_its_event(self, event: str, script: Script) -> None:
        if script.timeout_s > EVENT_TIMEOUT_MAX_S:
            self._notes.warn_at(
                script.mark,
                f"the script `{script.location}` of `{event}` may take {script.timeout_s} s, and an event has "
                f"{EVENT_TIMEOUT_MAX_S} s: the deployment gives the host up before",
                f"write at most `timeout: {EVENT_TIMEOUT_MAX_S}`",
            )

    def _script(self, event: str, node: yaml.Node) -> Script | None:
        entries = self._mapping(node, f"a script of `{event}`", "write `- location: path/to/script`")
        if entries is None:
            return None
        found = known(entries, SCRIPT_KEYS, f"a script of `{event}`", self._notes)
        location = (text_of(found.get("location")) or "").strip()
        if not location:
            self._notes.error(node, f"a script of `{event}` has no `location`", "name its path within the bundle")
        timeout_s = self._timeout(found.get("timeout"))
        runas = (text_of(found.get("runas")) or "").strip() or None
        sudo = "sudo" in found and self._document.value(found["sudo"].value) not in (None, False)
        return Script(location, timeout_s, runas, sudo, mark_of(node))

    def _timeout(self, entry: Entry | None) -> int:
        if entry is None or is_null(entry.value):
            return TIMEOUT_DEFAULT_S
        value = self._document.value(entry.value)
        seconds = 0
        if isinstance(value, int | float) and not isinstance(value, bool):
            seconds = int(value) if abs(value) < 1e15 else 0
        elif isinstance(value, str) and value.strip().isdecimal() and len(value.strip()) <= 15:
            seconds = int(value)
        if seconds <= 0:
            self._notes.error(
                entry.value,
                f"`timeout` is expected to be a number of seconds above 0, and is {kind_of(entry.value)}",
                "write whole seconds, such as `timeout: 300`",
            )
        return seconds

    def _files(self, entry: Entry | None, os_name: str) -> tuple[FileEntry, ...]:
        nodes = items(entry.value if entry else None, "`files`", self._notes)
        return tuple(file for node in nodes if (file := self._file(node, os_name)))

    def _file(self, node: yaml.Node, os_name: str) -> FileEntry | None:
        entries = self._mapping(node, "an entry of `files`", "write `- source: …` and `destination: …`")
        if entries is None:
            return None
        found = known(entries, FILE_KEYS, "an entry of `files`", self._notes)
        source, destination = text_of(found.get("source")), text_of(found.get("destination"))
        if source is None:
            to = f" for the destination `{destination}`" if destination is not None else ""
            self._notes.error(
                node, f"an entry of `files` has no `source`{to}", "name a file or directory of the bundle"
            )
        elif destination is None:
            self._notes.error(node, f"the source `{source}` has no `destination`", "name a directory on the host")
        if source is None or destination is None:
            return None
        if not destination.startswith("/") and os_name != "windows":
            self._notes.warn(
                found["destination"].value,
                f"the destination `{destination}` is relative, and is taken from the agent's working directory, `/`",
                "write it from the root",
            )
        return FileEntry(source, destination, mark_of(node))

    def _permissions(self, entry: Entry | None, os_name: str) -> tuple[Permission, ...]:
        nodes = list(items(entry.value if entry else None, "`permissions`", self._notes))
        if nodes and os_name == "windows" and self._host_os in (None, "windows"):
            self._notes.error(nodes[0], "`permissions` are not supported on windows", "remove them")
            return ()
        return tuple(permission for node in nodes if (permission := self._permission(node)))

    def _permission(self, node: yaml.Node) -> Permission | None:
        entries = self._mapping(node, "an entry of `permissions`", "write `- object: /path`")
        if entries is None:
            return None
        found = known(entries, PERMISSION_KEYS, "an entry of `permissions`", self._notes)
        name = (text_of(found.get("object")) or "").strip()
        if not name:
            self._notes.error(node, "an entry of `permissions` has no `object`", "name a file or directory of the host")
        return Permission(
            object=name,
            pattern=text_of(found.get("pattern")) or "**",
            exceptions=self._texts(found.get("except"), "`except`"),
            types=self._types(found.get("type")),
            owner=text_of(found.get("owner")),
            group=text_of(found.get("group")),
            mode=self._mode(found.get("mode")),
            acls=self._acls(found.get("acls")),
            context=self._context(found.get("context")),
            mark=mark_of(node),
        )

    def _texts(self, entry: Entry | None, what: str) -> tuple[str, ...]:
        nodes = items(entry.value if entry else None, what, self._notes)
        return tuple(str(node.value) for node in nodes if isinstance(node, yaml.ScalarNode))

    def _types(self, entry: Entry | None) -> tuple[str, ...]:
        if entry is None or is_null(entry.value):
            return _TYPES
        result = []
        for node in items(entry.value, "`type`", self._notes):
            if node.value in _TYPES:
                result.append(str(node.value))
            else:
                self._notes.error(
                    node, f"`type` holds {kind_of(node)}, where file or directory may stand", "write `- file`"
                )
        return tuple(result)

    def _behaviour(self, entry: Entry | None) -> str | None:
        if entry is None or is_null(entry.value):
            return None
        name = text_of(entry)
        if name in BEHAVIOURS:
            return name
        self._notes.error(
            entry.value,
            f"`file_exists_behavior` is expected to be {', '.join(BEHAVIOURS)}, and is {kind_of(entry.value)}",
            "write one of them, in capitals",
        )
        return None

    def _mode(self, entry: Entry | None) -> str | None:
        if entry is None or is_null(entry.value):
            return None
        value, written = self._document.value(entry.value), text_of(entry) or ""
        mode = str(value if isinstance(value, int) and not isinstance(value, bool) else written).rjust(3, "0")
        octal_trap = isinstance(value, int) and str(value) != written
        because = f" (YAML reads {written} as an octal number, {value})" if octal_trap else ""
        remedy = (
            f"write `mode: {written.lstrip('0') or '0'}`, or put it in quotes"
            if octal_trap
            else "write it like `mode: 644`"
        )
        if len(mode) > 4:
            self._notes.error(entry.value, f"`mode` is `{mode}`, longer than four digits{because}", remedy)
        elif wrong := [digit for digit in mode if digit not in "01234567"]:
            self._notes.error(entry.value, f"`mode` is `{mode}`, and `{wrong[0]}` is no octal digit{because}", remedy)
        elif octal_trap and mode != written.rjust(3, "0"):
            self._notes.warn(entry.value, f"the mode that is set is {mode}{because}", remedy)
        return mode

    def _acls(self, entry: Entry | None) -> tuple[AclEntry, ...] | None:
        if entry is None or is_null(entry.value):
            return None
        result = []
        for node in items(entry.value, "`acls`", self._notes):
            try:
                result.append(parse_entry(str(node.value) if isinstance(node, yaml.ScalarNode) else ""))
            except ValueError as error:
                self._notes.error(
                    node, f"invalid entry of `acls`: {error}", "write it like `u:deploy:rw` or `d:g:web:r-x`"
                )
        return tuple(result)

    def _context(self, entry: Entry | None) -> Context | None:
        if entry is None or is_null(entry.value):
            return None
        entries = self._mapping(entry.value, "`context`", "write `type:` below it")
        if entries is None:
            return None
        found = known(entries, CONTEXT_KEYS, "`context`", self._notes)
        kind, span = text_of(found.get("type")), text_of(found.get("range"))
        if kind is None:
            self._notes.error(
                entry.value, "`context` has no `type`", "name an SELinux type, such as `httpd_sys_content_t`"
            )
        if span is not None:
            try:
                check_range(span)
            except ValueError as error:
                self._notes.error(found["range"].value, f"bad SELinux range: {error}", "write it like `s0-s3:c0.c255`")
        return Context(kind or "", text_of(found.get("name")), span)

    def _mapping(self, node: yaml.Node, what: str, remedy: str) -> dict[str, Entry] | None:
        entries = self._document.entries(node, self._notes)
        if entries is None:
            self._notes.error(node, f"{what} is expected to be a mapping, and is {kind_of(node)}", remedy)
        return entries
