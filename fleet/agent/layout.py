"""Where everything lies on a host's disk, and the marks that outlive a deployment.

The layout is the open-source agent's, so that its users find their logs where they look for them::

    <root>/<group id>/<deployment id>/{bundle.tar, deployment-archive/, logs/scripts.log}
    <root>/deployment-instructions/{<group>-install.json, <group>-cleanup,
                                    <group>_last_successful_install, <group>_most_recent_install}
    <root>/deployment-logs/codedeploy-agent-deployments.log
    <root>/ongoing-deployment/<deployment id>
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from fleet.agent import messages
from fleet.agent.errors import AgentError

ROOT_DIR = "/opt/codedeploy-agent/deployment-root"
TRACKING_STALE_S = 24 * 60 * 60
VERSION_UNKNOWN = "UNKNOWN_VERSION"


@dataclass(frozen=True, slots=True)
class Place:
    """The directory of one deployment on this host."""

    root: Path

    @property
    def bundle(self) -> Path:
        """The bundle as it was downloaded; called a tar whatever it is."""
        return self.root / "bundle.tar"

    @property
    def archive(self) -> Path:
        """The bundle, unpacked."""
        return self.root / "deployment-archive"

    @property
    def scripts_log(self) -> Path:
        """What the scripts said."""
        return self.root / "logs" / "scripts.log"


@dataclass(frozen=True, slots=True)
class Layout:
    """The agent's directory, ``root``; nothing is created before it is needed."""

    root: Path

    def place(self, group: str, deployment: str) -> Place:
        """Where a deployment of a group lies."""
        return Place(self.root / group / deployment)

    def group(self, group: str) -> Path:
        """The directory that holds the deployments of a group."""
        return self.root / group

    @property
    def instructions(self) -> Path:
        """The directory of install files, clean-up files and marks."""
        return self.root / "deployment-instructions"

    def install_file(self, group: str) -> Path:
        """The steps of the group's last install, as JSON."""
        return self.instructions / f"{group}-install.json"

    def cleanup_file(self, group: str) -> Path:
        """What the group's last install created."""
        return self.instructions / f"{group}-cleanup"

    def last_successful(self, group: str) -> Path | None:
        """The deployment whose Install was the last to end well; None before the first."""
        return _read_mark(self.instructions / f"{group}_last_successful_install")

    def mark_last_successful(self, group: str, place: Place) -> None:
        """Remember that Install ended well. Later events may yet fail: the mark stays."""
        _write_mark(self.instructions / f"{group}_last_successful_install", place.root)

    def most_recent(self, group: str) -> Path | None:
        """The deployment whose DownloadBundle was the last to end well; None before the first."""
        return _read_mark(self.instructions / f"{group}_most_recent_install")

    def mark_most_recent(self, group: str, place: Place) -> None:
        """Remember that DownloadBundle ended well."""
        _write_mark(self.instructions / f"{group}_most_recent_install", place.root)

    @property
    def deployments_log(self) -> Path:
        """What the scripts of all deployments said."""
        return self.root / "deployment-logs" / "codedeploy-agent-deployments.log"

    @property
    def version(self) -> str:
        """The version of the agent, from the ``.version`` file beside the root."""
        try:
            text = (self.root.parent / ".version").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return VERSION_UNKNOWN
        return text.removeprefix("agent_version:").strip().split("\n")[0] or VERSION_UNKNOWN

    @property
    def ongoing(self) -> Path:
        """The directory of tracking files: one for each deployment with a command in hand."""
        return self.root / "ongoing-deployment"

    def track(self, deployment: str, command: str) -> None:
        """Remember that ``command`` is in hand, so that a restarted agent can tell. Raises AgentError."""
        try:
            self.ongoing.mkdir(parents=True, exist_ok=True)
            _replace(self.ongoing / deployment, command)
        except OSError as error:
            raise AgentError(messages.not_noted(error.strerror or str(error), str(self.root))) from error

    def untrack(self, deployment: str) -> None:
        """Forget the command in hand."""
        (self.ongoing / deployment).unlink(missing_ok=True)

    def interrupted(self, *, now_s: float | None = None) -> dict[str, str]:
        """The commands that were in hand when the agent died: deployment id → command id, oldest first.

        A mark older than a day is removed and not told: the service has given that command up long ago.
        """
        if not self.ongoing.is_dir():
            return {}
        now = time.time() if now_s is None else now_s
        found = []
        for file in self.ongoing.iterdir():
            written_s = file.stat().st_mtime
            if now - written_s > TRACKING_STALE_S:
                file.unlink()
            elif not file.name.endswith(".new"):
                found.append((written_s, file.name, file.read_text(encoding="utf-8")))
        return {name: command for _, name, command in sorted(found)}


def _read_mark(file: Path) -> Path | None:
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape").strip()
    except FileNotFoundError:
        return None
    return Path(text) if text else None


def _write_mark(file: Path, target: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    _replace(file, str(target))


def _replace(file: Path, text: str) -> None:
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(text, encoding="utf-8", errors="surrogateescape")
    fresh.replace(file)
