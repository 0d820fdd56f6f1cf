"""Failures that people really had, and the scenarios of the library that play them.

A test holds the table to the library: every scenario is there and names where it was seen, and its verdict says the
words that are quoted here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scenarios import library


@dataclass(frozen=True, slots=True)
class Incident:
    """What happened, and where it was told. `plays`: by the scenario, words of its verdict that give the point."""

    what: str
    sources: tuple[str, ...]
    plays: Mapping[str, tuple[str, ...]]


def played_by(file: Path) -> Iterator[str]:
    """What people had that a scenario's file plays; nothing for a file that is not the library's."""
    if file.stem in library.names() and file == library.path_of(file.stem):
        yield from (incident.what for incident in INCIDENTS if file.stem in incident.plays)


def _agent(*issues: int) -> tuple[str, ...]:
    return tuple(f"https://github.com/aws/aws-codedeploy-agent/issues/{issue}" for issue in issues)


def _guide(page: str) -> tuple[str, ...]:
    return (f"https://docs.aws.amazon.com/codedeploy/latest/userguide/{page}.html",)


def _issue(repository: str, *issues: int) -> tuple[str, ...]:
    return tuple(f"https://github.com/{repository}/issues/{issue}" for issue in issues)


INCIDENTS: Final = (
    Incident(
        "The new machine image is empty: the health check gets 404, AllowTraffic never ends, and no log says why",
        (*_guide("troubleshooting-deployments"), *_guide("troubleshooting-auto-scaling")),
        {
            "empty-pool-launch": (
                "web-1, web-2 and web-3 failed at AllowTraffic: GET / answered 404, wanted 200; not healthy within 3s",
                "web launches in a loop",
            ),
            "empty-image-not-cured": ("failed at AllowTraffic: GET / answered 404, wanted 200",),
            "health-check-404": ("GET / answered 404, wanted 200; not healthy within 10s", "rollback of"),
        },
    ),
    Incident(
        "A file stands already where the bundle installs, and the host has lost the previous files by then",
        (*_agent(14, 322, 137), *_issue("openva/richmondsunlight.com", 247)),
        {
            "file-already-exists": ("news.html exists already", "the host is left with neither revision"),
            "file-already-exists-overwrite": ("news.html was there before v2", "and is gone: the rollback did not"),
            "file-already-exists-retain": ("v2 failed and was rolled back to v1",),
        },
    ),
    Incident(
        "The old revision's ApplicationStop fails, and so does every deployment from then on",
        (*_issue("villasv/aws-airflow-stack", 192), *_agent(186)),
        {
            "poisoned-application-stop": (
                "is a script of v1, the revision that was there before",
                "until a deployment says ignore_application_stop_failures: true",
            )
        },
    ),
    Incident(
        "The agent does not run, and a script that never ran is blamed",
        _agent(307, 273),
        {"agent-not-running": ("the agent did not begin BeforeBlockTraffic within 5s, and no script ran",)},
    ),
    Incident(
        "HEALTH_CONSTRAINTS explains nothing",
        _issue("acquia/moonshot", 43),
        {
            "script-fails": (
                "failed at ApplicationStart: the script scripts/run_process.sh",
                "3 healthy are left and 3 must stay so",
            )
        },
    ),
    Incident(
        "A process in the background keeps the script's output open, and the hook hangs",
        _agent(118, 26),
        {"background-keeps-output-open": ("a process that it started kept its STDOUT and STDERR open",)},
    ),
    Incident(
        "A minimum of 95 % of ten hosts is all ten of them",
        _guide("instances-health"),
        {"minimum-95-percent": ("HEALTH_CONSTRAINTS_INVALID: FLEET_PERCENT 95 keeps 10 of 10", "No host was touched")},
    ),
    Incident(
        "The last host fails one at a time, and that is a success",
        _issue("aws/aws-cdk", 6575),
        {"last-host-fails": ("Succeeded although 1 of 4 hosts failed", "--strict asks for all of them")},
    ),
    Incident(
        "Eight of nine hosts fail all at once, and that is a success",
        _guide("deployment-configurations"),
        {"all-at-once-8-of-9-fail": ("Succeeded although 8 of 9 hosts failed",)},
    ),
    Incident(
        "The scaling group launches a host in the midst of a deployment",
        _issue("saksdirect/nova", 40),
        {
            "scale-out-mid-deployment": (
                "web-4 was launched, and v1 is the group's last successful revision",
                "while web-4 came up without it",
            ),
            "scale-out-ignored": ("production ends with mixed versions: v2, and web-4 on v1",),
        },
    ),
    Incident(
        "A release turns bad after its checks have passed",
        _issue("Eldara-Tech/swarmcli", 475),
        {
            "canary-bad": ("had passed every check and turned unhealthy later", "Without the bake"),
            "canary-no-bake": ("turned unhealthy after their checks: no bake was long enough to notice",),
        },
    ),
    Incident(
        "The rollback takes the good hosts as well",
        _issue("moby/moby", 37972, 34111),
        {
            "rollback-takes-good-hosts": (
                "had 3 of the group's 4 hosts out of traffic at once that were well and had v1 all along",
            )
        },
    ),
    Incident(
        "A canary that cannot start stalls the deployment for ever",
        _issue("hashicorp/nomad", 10465),
        {"canary-cannot-start": ("GET / answered 503, wanted 200; not healthy within 6s",)},
    ),
    Incident(
        "A second deployment is begun while a canary is under way",
        _issue("argoproj/argo-rollouts", 3372),
        {
            "second-deployment-refused": ("v3 is refused (DeploymentLimitExceededException)",),
            "second-deployment-queued": ("v3 waits in the queue",),
        },
    ),
    Incident(
        "Nobody asks the canary anything, and it is found good",
        _issue("fluxcd/flagger", 883),
        {"no-traffic-during-canary": ("Inconclusive: no request to the new version",)},
    ),
    Incident(
        "The rollback fails, too",
        ("https://docs.docker.com/reference/cli/docker/service/update/",),
        {"rollback-fails": ("v2 failed, and so did the rollback to v1",)},
    ),
    Incident(
        "The controller dies between two steps",
        ("https://www.usenix.org/conference/osdi22/presentation/sun",),
        {"controller-crash": ("the controller began anew at", "4 of 4 hosts succeeded")},
    ),
    Incident(
        "What a script has done outlives the rollback",
        _guide("deployments-rollback-and-redeploy"),
        {"residue": ("was not there before v2", "and the rollback left it")},
    ),
    Incident(
        "The pool scales between Ready and the shift of a blue/green deployment",
        _issue("aws-samples/aws-codedeploy-samples", 80),
        {
            "pool-scales-before-the-shift": ("web-4 is stranded in CodeDeploy_production_",),
            "pool-shrinks-before-the-shift": ("its pool terminated the host",),
        },
    ),
    Incident(
        "The role of the hosts cannot read the bucket",
        _guide("getting-started-create-iam-instance-profile"),
        {"role-denied": ("failed at DownloadBundle", "AccessDenied", "lacks s3:GetObject")},
    ),
)
"""In the order in which a deployment meets them, about."""
