"""Change a host's disk for the length of one lifecycle event, and put it right again.

    python3 -m hostside.tamper script EVENT SPECIFICATION FAULT ROOT   (FAULT: exit:N, hang,
                                                                        missing or keeps-output-open)
    python3 -m hostside.tamper bundle FILE FAULT                       (FAULT: missing or corrupt)
    python3 -m hostside.tamper restore

Which scripts an event runs, and where they lie, is the agent's own knowledge, and its own code is asked.
What stood there before is kept aside until `restore`.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

from fleet.agent.errors import AgentError
from fleet.agent.hooks import read_appspec, scripts_place
from fleet.agent.layout import Layout
from fleet.agent.specification import parse

ASIDE = Path("/var/lib/drydeploy/aside")
HANG = "#!/bin/sh\nexec sleep 2147483647\n"
KEEPS_OUTPUT_OPEN = """\
#!/bin/sh
sleep 2147483647 </dev/null &
exec "$(dirname "$0")/{original}" "$@"
"""
"""What the original starts in the background would do: end the script, and leave its outputs open."""


def script(event: str, specification: str, fault: str, root: str) -> None:
    """Replace every script that the event is about to run on this host; none, where it has none."""
    spec = parse(specification.encode())
    place = scripts_place(event, spec, Layout(Path(root)))
    if place is None:
        return
    try:
        scripts = read_appspec(place, spec.appspec_name).scripts(event)
    except AgentError:
        # The event will fail of itself, and say why.
        return
    for location in dict.fromkeys(script.location.lstrip("/") for script in scripts):
        file = place.archive / location
        if not file.is_file():
            continue
        replace(file, fault)


def replace(file: Path, fault: str) -> None:
    """Put a script that fails in the place of one, or none."""
    if fault == "keeps-output-open":
        original = file.with_name(f".{file.name}.original")
        shutil.copy2(file, original)
        original.chmod(0o755)
        note(original)
    keep(file)
    if fault != "missing":
        file.write_text(stand_in(fault, file.name))
        file.chmod(0o755)


def stand_in(fault: str, name: str) -> str:
    """What stands in for a script of this name."""
    word, _, code = fault.partition(":")
    if word == "keeps-output-open":
        return KEEPS_OUTPUT_OPEN.format(original=f".{name}.original")
    return HANG if word == "hang" else f"#!/bin/sh\nexit {int(code)}\n"


def bundle(path: str, fault: str) -> None:
    """Take a bundle's file away, or cut it short and garble what is left."""
    file = Path(path)
    content = file.read_bytes()
    keep(file)
    if fault == "corrupt":
        file.write_bytes(bytes(255 - byte for byte in content[: max(len(content) // 2, 1)]))


def keep(file: Path) -> None:
    """Move a file aside."""
    shutil.move(file, note(file))


def note(file: Path) -> Path:
    """Remember to put right what stands at a path; where to keep what stood there before."""
    ASIDE.mkdir(parents=True, exist_ok=True)
    number = len(list(ASIDE.glob("*.json")))
    aside = ASIDE / str(number)
    (ASIDE / f"{number}.json").write_text(json.dumps({"file": str(file), "aside": str(aside)}))
    return aside


def restore() -> None:
    """Put back what was moved aside, not where its directory has gone meanwhile; and take away what was added."""
    for note in sorted(ASIDE.glob("*.json")):
        kept = json.loads(note.read_text())
        file, aside = Path(kept["file"]), Path(kept["aside"])
        if file.parent.is_dir():
            file.unlink(missing_ok=True)
            if aside.exists():
                shutil.move(aside, file)
        aside.unlink(missing_ok=True)
        note.unlink()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["script", event, specification, fault, root]:
            script(event, specification, fault, root)
        case ["bundle", path, fault]:
            bundle(path, fault)
        case ["restore"]:
            restore()
        case _:
            raise SystemExit(__doc__)
