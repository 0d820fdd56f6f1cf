"""A script of a bundle, as far as its first line tells how the system will start it."""

from __future__ import annotations

from pathlib import Path

from fleet.agent.appspec_model import Mark, Problem

_FIRST_LINE_BYTES = 4096
_BOM = b"\xef\xbb\xbf"
_SHEBANG = b"#!"


def check_script(event: str, location: str, file: Path, mark: Mark) -> list[Problem]:
    """What the first line of the script ``file`` will surprise its author with, at the script's place in the AppSpec.

    Binaries have no first line to speak of.
    """
    script = f"the script `{location}` of `{event}`"

    def warn(message: str, remedy: str) -> list[Problem]:
        return [Problem("warning", mark.line, mark.column, f"{script} {message}", remedy)]

    try:
        with file.open("rb") as opened:
            head = opened.read(_FIRST_LINE_BYTES)
    except OSError as error:
        reason = (error.strerror or "unknown").lower()
        return warn(f"cannot be read here ({reason}), so it is not looked into", "make it readable")
    if b"\0" in head:
        return []
    first = head.split(b"\n", 1)[0]
    if first.startswith(_BOM + _SHEBANG):
        message = (
            "begins with a byte order mark, so that its first line is no `#!` line to the system: it is run by sh, "
            "which knows no command of that name"
        )
        return warn(message, "save it as UTF-8 without a byte order mark")
    if not first.startswith(_SHEBANG):
        return warn(
            "has no `#!` in its first line: it is run by sh, whatever it is written in", "begin it with #!/bin/sh"
        )
    if first.endswith(b"\r"):
        words = first[len(_SHEBANG) :].strip().split(None, 1)
        interpreter = words[0].decode(errors="replace") if words else ""
        last = (
            f"an interpreter named `{interpreter}\\r`"
            if len(words) < 2
            else f"`{interpreter}` with the argument `…\\r`"
        )
        message = f"has Windows line ends: its first line makes the system look for {last}, and the event fails there"
        return warn(message, "save it with Unix line ends")
    return []
