"""From the name of a command to what is done."""

from __future__ import annotations

from collections.abc import Callable

from fleet.agent.appspec import SCRIPT_EVENTS
from fleet.agent.bundle import download_bundle
from fleet.agent.config import Config
from fleet.agent.download import NetworkSources, Sources
from fleet.agent.errors import AgentError
from fleet.agent.hooks import HookRun, is_noop, read_appspec
from fleet.agent.install import check_events, install
from fleet.agent.layout import Layout
from fleet.agent.specification import Specification

Handler = Callable[[str, Specification], None]
_FALLBACKS = ("appspec.yaml", "appspec.yml")


class Executor:
    """Carries out commands on this host, by a table from a command's name to its handler."""

    def __init__(self, config: Config, layout: Layout, sources: Sources | None = None) -> None:
        self._config = config
        self._layout = layout
        self._sources = sources or NetworkSources(config)
        self._handlers: dict[str, Handler] = {
            "DownloadBundle": self._download_bundle,
            "Install": self._install,
            **dict.fromkeys(SCRIPT_EVENTS, self._run_hook),
        }

    def is_noop(self, name: str, spec: Specification) -> bool:
        """Whether the command has nothing to do. Raises AgentError for an AppSpec that is missing or wrong.

        A command that the agent does not know is a no-op until it is carried out, as with the open-source
        agent.
        """
        if name in ("DownloadBundle", "Install"):
            return False
        return name not in self._handlers or is_noop(name, spec, self._layout)

    def execute(self, name: str, spec: Specification) -> None:
        """Carry out a command. Raises ScriptFailure or AgentError."""
        handler = self._handlers.get(name)
        if handler is None:
            raise AgentError(f"Unsupported command type: {name}. This agent knows {', '.join(self._handlers)}")
        self._layout.place(spec.group_id, spec.deployment_id).root.mkdir(parents=True, exist_ok=True)
        handler(name, spec)

    def _download_bundle(self, _name: str, spec: Specification) -> None:
        download_bundle(spec, self._layout, self._sources, max_revisions=self._config.max_revisions)

    def _install(self, _name: str, spec: Specification) -> None:
        place = self._layout.place(spec.group_id, spec.deployment_id)
        # Install alone falls back to the other spelling; hook events do not.
        candidates = (spec.appspec_name, *_FALLBACKS)
        found = next((name for name in candidates if (place.archive / name).exists()), "appspec.yml")
        appspec = read_appspec(place, found)
        check_events(appspec, spec.possible_events, found)
        install(appspec, place, self._layout, spec.group_id, spec.behaviour)

    def _run_hook(self, name: str, spec: Specification) -> None:
        HookRun(name, spec, self._layout, self._config.enable_deployments_log).execute()
