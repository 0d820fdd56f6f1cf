"""What a scenario needs to know of a bundle before the run: that it is there, and which scripts it names.

This reads an AppSpec as far as that and no further: whether it is a good one, the agent says in its own time.
"""

from __future__ import annotations

import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any, Final

from scenarios.platforms import RESOURCES, SERVER
from scenarios.problems import either

APPSPEC_NAMES = ("appspec.yml", "appspec.yaml", "appspec.json")
"""JSON is for ECS and Lambda."""
ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz")
APPSPEC_BYTES_MAX = 1 << 20
"""A longer AppSpec is not read here."""


SCENARIO_KEYS = frozenset({"fleet", "deploy", "revisions", "group", "balancer", "faults", "expect", "name"})
APPSPEC_KEYS = frozenset(
    {"os", "version", "files", "hooks", "permissions", "permission", "file_exists_behavior", "Resources", "Hooks"}
)
_TOP_KEY = re.compile(r"""^["']?([A-Za-z_]\w*)["']?\s*:""", re.MULTILINE)


def keys_at_the_margin(text: str) -> frozenset[str]:
    """What looks like a key at the left margin of a text, whether it is YAML or not."""
    return frozenset(_TOP_KEY.findall(text))


def is_appspec_by_keys(keys: Iterable[str]) -> bool:
    """Whether a file with these keys is an AppSpec rather than a scenario: which of the two has more of its own."""
    given = frozenset(keys)
    return len(given & APPSPEC_KEYS) > len(given & SCENARIO_KEYS)


def is_bundle(path: Path) -> bool:
    """Whether a bundle may stand there: a directory, or a file with the name of an archive."""
    return path.is_dir() or (path.is_file() and path.name.endswith(ARCHIVES))


_UNREADABLE: Final = (
    *(OSError, UnicodeDecodeError, EOFError, tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError),
    RuntimeError,  # zipfile: it is encrypted, or compressed in a way that nobody here knows
)


def appspec_text(bundle: Path) -> str | None:
    """The text of a bundle's AppSpec, or of one by itself; None where there is none, or none that can be read."""
    try:
        if bundle.is_dir():
            found = next((bundle / name for name in APPSPEC_NAMES if (bundle / name).is_file()), None)
            return None if found is None else found.read_text(encoding="utf-8")
        if bundle.name.endswith(".zip"):
            return _from_zip(bundle)
        return _from_tar(bundle) if bundle.name.endswith(ARCHIVES) else bundle.read_text(encoding="utf-8")
    except _UNREADABLE:
        return None


def _from_zip(bundle: Path) -> str | None:
    with zipfile.ZipFile(bundle) as archive:
        if (name := _appspec_among(archive.namelist())) is None:
            return None
        with archive.open(name) as member:
            return member.read(APPSPEC_BYTES_MAX).decode()


def _from_tar(bundle: Path) -> str | None:
    with tarfile.open(bundle) as archive:
        if (name := _appspec_among(archive.getnames())) is None or (member := archive.extractfile(name)) is None:
            return None
        return member.read(APPSPEC_BYTES_MAX).decode()


def _appspec_among(names: list[str]) -> str | None:
    """The AppSpec at the root of an archive, or at that of its only directory, as the agent looks for it."""
    paths = {PurePosixPath(name): name for name in names if PurePosixPath(name).name}
    for depth in (1, 2):
        if depth == 2 and len({path.parts[0] for path in paths}) > 1:
            return None
        for wanted in APPSPEC_NAMES:
            for path, name in paths.items():
                if len(path.parts) == depth and path.name == wanted:
                    return name
    return None


def script_locations(bundle: Path) -> frozenset[str] | None:
    """The locations of all scripts that a bundle's AppSpec names; None where no AppSpec can be read."""
    scripts = _scripts(bundle)
    return None if scripts is None else frozenset(location for listed in scripts.values() for location in listed)


def script_events(bundle: Path) -> frozenset[str] | None:
    """The lifecycle events for which a bundle's AppSpec names scripts; None where no AppSpec can be read."""
    scripts = _scripts(bundle)
    return None if scripts is None else frozenset(event for event, locations in scripts.items() if locations)


def hook_functions(bundle: Path) -> frozenset[str] | None:
    """The names of the functions that the AppSpec for ECS or Lambda in a bundle calls; None where none can be read."""
    spec = _spec(bundle)
    if spec is None:
        return None
    listed = spec.get("Hooks")
    hooks = listed if isinstance(listed, list) else []
    words = (word for hook in hooks if isinstance(hook, dict) for word in hook.values())
    return frozenset(_function(word) for word in words if isinstance(word, str))


def platform_of(bundle: Path) -> str:
    """The compute platform that the AppSpec of a bundle, or one by itself, is for: `ECS or Lambda` if it is not for
    servers, and has no `Type` that is known. One that cannot be read is for servers, as any that has no `Resources`.
    """
    spec = _spec(bundle) or {}
    if "Resources" not in spec:
        return SERVER
    listed = spec["Resources"]
    entries = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    kinds = [found.get("Type") for entry in entries for found in entry.values() if isinstance(found, dict)]
    known = [platform for kind, platform in RESOURCES.items() if kind in kinds]
    return either(known or RESOURCES.values())


def _function(word: str) -> str:
    """A function's name: itself, or out of its ARN, with or without a version."""
    return word.split(":")[6] if word.startswith("arn:") and word.count(":") > 5 else word


def _scripts(bundle: Path) -> dict[str, list[str]] | None:
    """The locations of a bundle's scripts, by the lifecycle event."""
    spec = _spec(bundle)
    if spec is None:
        return None
    hooks = spec.get("hooks")
    return {
        str(event): [
            entry["location"]
            for entry in (listed if isinstance(listed, list) else ())
            if isinstance(entry, dict) and isinstance(entry.get("location"), str)
        ]
        for event, listed in (hooks.items() if isinstance(hooks, dict) else ())
    }


def _spec(bundle: Path) -> dict[object, Any] | None:
    """What stands in a bundle's AppSpec; None where none can be read."""
    import yaml

    text = appspec_text(bundle)
    if text is None:
        return None
    try:
        spec = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return spec if isinstance(spec, dict) else {}
