"""What a user means by SCENARIO: a name in the library, a file, or a bundle."""

from __future__ import annotations

import hashlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from simulator.cli.errors import UsageError

if TYPE_CHECKING:
    from scenarios.model import Scenario

HOSTS_DEFAULT: Final = 4


@dataclass(frozen=True, slots=True)
class BundleOptions:
    """How a bare bundle is rehearsed; each is None where the user left it out."""

    hosts: int | None = None
    strategy: str | None = None
    config: str | None = None
    running: str | None = None
    port: int | None = None
    path: str | None = None
    interval: str | None = None

    def words(self) -> list[str]:
        """The options as the user may write them."""
        pairs = (
            ("--hosts", self.hosts),
            ("--strategy", self.strategy),
            ("--config", self.config),
            ("--running", self.running),
            ("--port", self.port),
            ("--path", self.path),
            ("--interval", self.interval),
        )
        return [word for name, value in pairs if value is not None for word in (name, str(value))]


@dataclass(frozen=True, slots=True)
class Source:
    """A scenario that has been found. `words` name it again on a command line."""

    scenario: Scenario
    sha256: str
    words: tuple[str, ...]

    def command(self, verb: str, *options: str) -> str:
        """The command line that does `verb` with it."""
        return shlex.join(["drydeploy", verb, *self.words, *options])


def resolve(word: str, options: BundleOptions | None = None) -> Source:
    """The scenario that `word` means. Raises UsageError or ScenarioError, the latter with every mistake of the file."""
    from scenarios import library
    from scenarios.bundle import is_bundle
    from scenarios.commits import whole
    from scenarios.loader import load

    options = options or BundleOptions()
    path = _path(word)
    if word not in library.names() and is_bundle(path):
        return _bundle(whole(word, path), path, options)
    path = library.find(word)
    if given := options.words():
        raise UsageError(f"{given[0]} goes with a bundle, and {word} is a scenario: write that in its file")
    scenario = load(path)
    return Source(scenario, hashlib.sha256(path.read_bytes()).hexdigest(), (word,))


def _bundle(word: str, path: Path, options: BundleOptions) -> Source:
    from scenarios import bundle_scenario
    from scenarios.from_bundle import INTERVAL

    if options.interval is not None and options.port is None:
        raise UsageError("--interval says how often the balancer asks, and goes with --port, where it asks")
    if options.path is not None and options.port is None:
        raise UsageError("--path says what the balancer asks for, and goes with --port, where it asks")
    running = _path(options.running) if options.running else None
    scenario = bundle_scenario(
        path,
        hosts=options.hosts or HOSTS_DEFAULT,
        strategy=options.strategy or "rolling",
        config=options.config,
        running=running,
        port=options.port,
        path="/" if options.path is None else options.path,
        interval=INTERVAL if options.interval is None else options.interval,
    )
    # Where the bundle lies is no part of what is rehearsed.
    revisions = {name: r.model_copy(update={"bundle": Path(r.bundle.name)}) for name, r in scenario.revisions.items()}
    text = scenario.model_copy(update={"revisions": revisions}).model_dump_json(by_alias=True)
    return Source(scenario, hashlib.sha256(text.encode()).hexdigest(), (word, *options.words()))


def _path(word: str) -> Path:
    """What a word names: a file or directory; or a commit, as REPOSITORY@COMMIT, by its archive."""
    from scenarios.commits import CommitError, archive_of, split

    parts = split(word)
    if parts is None or not parts[0].is_dir():
        return Path(word).expanduser()
    try:
        return archive_of(*parts)
    except CommitError as error:
        raise UsageError(str(error)) from error
