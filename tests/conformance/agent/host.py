"""A host for the tests: directories of its own, an agent on it, and the service that commands it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from itertools import count
from pathlib import Path
from threading import Thread
from typing import Any

import yaml

from fleet.agent.client import Client
from fleet.agent.config import load_config
from fleet.agent.envelope import Opener
from fleet.agent.executor import Executor
from fleet.agent.layout import Layout, Place
from fleet.agent.loop import Agent
from tests.conformance.agent.service import CommandService, Signer

IDENTIFIER = "arn:aws:iam::123456789012:user/host-1"
GROUP = "0d6a3c2e-group"
REPOSITORY = Path(__file__).parents[3]

RUN_ALL = (
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
)


class Host:
    """``disk`` is where a test lets the AppSpec install to; ``root`` is the agent's directory."""

    def __init__(self, folder: Path, service: CommandService, signer: Signer) -> None:
        self.folder = folder
        self.disk = folder / "disk"
        self.disk.mkdir()
        self.root = folder / "deployment-root"
        self.service = service
        self.signer = signer
        self.layout = Layout(self.root)
        self.settings: dict[str, Any] = {
            "deploy_control_endpoint": service.address,
            "host_identifier": IDENTIFIER,
            "region": "eu-west-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "signer_certificate": str(signer.write_certificate(folder / "controller.pem")),
            "root_dir": str(self.root),
            "log_dir": str(folder / "log"),
            "wait_after_error": 0.2,
            "github_retry_delays": [0, 0, 0],
        }
        self._ids = count(1)
        self._bundles = count(1)
        self._agent: tuple[Agent, Thread] | None = None

    # --- bundles and deployments -------------------------------------------------------------------------------

    def bundle(self, appspec: str | None, files: dict[str, str] | None = None, *, executable: bool = True) -> Path:
        """A directory with an AppSpec, in which ``DISK`` stands for the host's disk, and files."""
        folder = self.folder / f"bundle-{next(self._bundles)}"
        folder.mkdir()
        if appspec is not None:
            (folder / "appspec.yml").write_text(appspec.replace("DISK", str(self.disk)))
        for name, content in (files or {}).items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode())
            if executable and content.startswith("#!"):
                path.chmod(0o755)
        return folder

    def specification(self, deployment: str, bundle: Path | None = None, **changes: Any) -> dict[str, Any]:
        local = {"Location": str(bundle), "BundleType": "directory"}
        return {
            "DeploymentId": deployment,
            "DeploymentGroupId": GROUP,
            "DeploymentGroupName": "prod",
            "ApplicationName": "shop",
            "Revision": {"RevisionType": "Local Directory", "LocalRevision": local},
            **changes,
        }

    def announce(self, specification: dict[str, Any], *, form: str = "PKCS7/JSON") -> str:
        """Put the specification where the agent fetches it; its execution id."""
        content = json.dumps(specification).encode()
        payload = self.signer.sign(content) if form == "PKCS7/JSON" else content.decode()
        execution = f"CodeDeploy/eu-west-1/test/{specification.get('DeploymentId')}"
        self.service.envelopes[execution] = {"Format": form, "Payload": payload}
        return execution

    def send(self, name: str, execution: str, **changes: Any) -> str:
        """Hand out one command; its id."""
        command = {
            "HostCommandIdentifier": f"command-{next(self._ids)}",
            "HostIdentifier": IDENTIFIER,
            "DeploymentExecutionId": execution,
            "CommandName": name,
            **changes,
        }
        return self.service.hand_out(command)

    def result(self, command: str) -> dict[str, Any]:
        """The diagnostics with which ``command`` was completed, and its status."""
        call = self.service.wait_for("PutHostCommandComplete", command=command)[0]
        assert call.body["Diagnostics"]["Format"] == "JSON"
        payload = json.loads(call.body["Diagnostics"]["Payload"])
        assert set(payload) == {"error_code", "script_name", "message", "log"}
        return {"status": call.body["CommandStatus"], **payload}

    def do(self, name: str, specification: dict[str, Any], *, form: str = "PKCS7/JSON") -> dict[str, Any]:
        """Hand out one command and wait for its end."""
        return self.result(self.send(name, self.announce(specification, form=form)))

    def deploy(self, specification: dict[str, Any], *events: str) -> dict[str, Any]:
        """Go through the events until one fails; the last result."""
        result: dict[str, Any] = {}
        for event in events or RUN_ALL:
            result = {"event": event, **self.do(event, specification)}
            if result["status"] == "Failed":
                break
        return result

    def place(self, deployment: str) -> Place:
        return self.layout.place(GROUP, deployment)

    # --- the agent ---------------------------------------------------------------------------------------------

    def config_file(self) -> Path:
        path = self.folder / "agent.yml"
        path.write_text(yaml.safe_dump(self.settings))
        return path

    def start(self) -> None:
        """Start the agent in a thread of this process."""
        config = load_config(self.config_file(), {})
        agent = Agent(
            config,
            Client(config, self.layout.version),
            Executor(config, self.layout),
            Opener(config.signer_certificate, developer_mode=config.developer_mode),
            self.layout,
        )
        thread = Thread(target=agent.run, daemon=True)
        thread.start()
        self._agent = (agent, thread)

    def stop(self) -> None:
        if self._agent is not None:
            self._agent[0].stop()

    def join(self) -> None:
        if self._agent is not None:
            self._agent[1].join(10)

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the agent as it is started on a host: a process of its own."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        return subprocess.Popen(
            [sys.executable, "-m", "fleet.agent", "--config", str(self.config_file())],
            cwd=REPOSITORY,
            env=environment,
            stderr=subprocess.PIPE,
        )
