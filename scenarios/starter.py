"""What `drydeploy init` writes: a scenario to start from, and two revisions of an application for it to deploy.

The application is that of the library: `bundles/web-v1` and `bundles/web-v2`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from scenarios.problems import Problem, ScenarioError, either

SCENARIO_NAME = "rehearsal.yml"
BUNDLES = {"bundles/v1": "web-v1", "bundles/v2": "web-v2"}

SCENARIO = """\
# A rehearsal: drydeploy run rehearsal.yml
# Every key is described by `drydeploy schema`; `drydeploy list` has rehearsals of failures that people had.
name: rehearsal
title: Four hosts go from v1 to v2, one at a time

fleet:
  hosts: 4                  # h1 to h4; or a list: [{name: web-1, zone: a, tags: {role: web}}]
  running: v1               # what was deployed to them before; leave it out for new hosts

balancer:
  port: 8080                # where the application listens
  health_check: {path: /, status: 200, interval: 500ms, timeout: 500ms, rise: 2, fall: 3}
  draining: 1s

revisions:
  v1: bundles/v1            # a directory with an appspec.yml, or an archive (zip, tar, tgz)
  v2: bundles/v2

group:
  deployment_config: CodeDeployDefault.OneAtATime    # or {type: FLEET_PERCENT, value: 75}
  auto_rollback: [DEPLOYMENT_FAILURE]

deploy:
  - revision: v2

limits:                     # CodeDeploy waits for 5 minutes and for an hour; a rehearsal need not
  start: 10s
  event: 20s

# What goes wrong. Take the hashes away to see v2 answer 500 to the health check, on whatever host carries it.
# faults:
#   - where: {revision: v2}
#     do: {health: {status: 500}}

expect:                     # makes the rehearsal a test: exit code 0 if this is how it goes
  outcome: succeeded
  revisions: {v2: 4}
  in_service_min: 3
"""


@dataclass(frozen=True, slots=True)
class StarterFile:
    """One file to write: a path relative to the directory that is initialised, what stands in it, and its mode."""

    path: str
    text: str
    executable: bool = False


def starter_files() -> tuple[StarterFile, ...]:
    """Everything that `drydeploy init` writes, in order."""
    written = [StarterFile(SCENARIO_NAME, SCENARIO)]
    source = Path(str(files("scenarios").joinpath("bundles")))
    for directory, bundle in BUNDLES.items():
        root = source / bundle
        written += [
            StarterFile(
                f"{directory}/{path.relative_to(root).as_posix()}", path.read_text("utf-8"), path.suffix == ".sh"
            )
            for path in sorted(root.rglob("*"))
            if path.is_file() and "__pycache__" not in path.parts
        ]
    return tuple(written)


def write(directory: Path) -> tuple[Path, ...]:
    """Write the starter into a directory, which is made if need be. Nothing that is there is touched.

    Raises ScenarioError where any file is in the way.
    """
    wanted = {directory / file.path: file for file in starter_files()}
    if in_the_way := [path for path in wanted if path.exists() or path.is_symlink()]:
        places = (SCENARIO_NAME, *BUNDLES)
        taken = [place for place in places if any(path.is_relative_to(directory / place) for path in in_the_way)]
        names = either(taken).replace(" or ", " and ")
        message = f"{names} {'is' if len(taken) == 1 else 'are'} here already, and nothing is overwritten"
        raise ScenarioError([Problem(str(directory), 0, 0, message, "give another directory, or move them away")])
    for path, file in wanted.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(file.text, encoding="utf-8")
        path.chmod(0o755 if file.executable else 0o644)
    return tuple(wanted)
