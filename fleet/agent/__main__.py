"""``python3 -m fleet.agent --config FILE``: run the agent until SIGTERM or SIGINT.

Exit codes: 0 left in peace, 1 left with a command in hand, 2 the configuration is wrong.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path
from threading import Thread

from fleet.agent.config import Config, ConfigError, load_config
from fleet.agent.download import NetworkSources
from fleet.agent.envelope import Opener
from fleet.agent.executor import Executor
from fleet.agent.layout import Layout
from fleet.agent.loop import Agent

DEFAULT_CONFIG = Path("/etc/codedeploy-agent/conf/drydeploy-agent.yml")
LOG_MAX_BYTES = 16 * 1024 * 1024
LOG_FILES_MAX = 4


def main(arguments: list[str] | None = None) -> int:
    """Run the agent; the exit code."""
    parser = argparse.ArgumentParser(prog="fleet.agent", description="The agent of a host: carries out deployments.")
    parser.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help="the configuration (default: %(default)s)")
    options = parser.parse_args(arguments)
    try:
        config = load_config(options.config)
        logger = _open_log(config)
    except ConfigError as error:
        sys.stderr.write(f"drydeploy agent: {error}\n")
        return 2
    return _run(config, logger)


def _run(config: Config, logger: logging.Logger) -> int:
    from fleet.agent.client import Client

    layout = Layout(config.root_dir)
    sources = NetworkSources(config)
    agent = Agent(
        config,
        Client(config, layout.version),
        Executor(config, layout, sources),
        Opener(config.signer_certificate, developer_mode=config.developer_mode),
        layout,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    logger.info("agent of %s started, version %s, polling %s", config.host_identifier, layout.version, config.endpoint)
    if config.ignored:
        logger.warning("keys of the configuration without a meaning here: %s", ", ".join(config.ignored))
    if config.s3_endpoint_override:
        Thread(target=sources.warm_up, name="warm-up", daemon=True).start()
    in_peace = agent.run()
    logger.info("agent of %s stopped", config.host_identifier)
    logging.shutdown()
    if not in_peace:
        # Threads with commands in hand are left behind; the tracking files tell the next start about them.
        os._exit(1)
    return 0


def _open_log(config: Config) -> logging.Logger:
    logger = logging.getLogger("fleet.agent")
    try:
        config.log_dir.mkdir(parents=True, exist_ok=True)
        config.root_dir.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(
            config.log_dir / "codedeploy-agent.log",
            maxBytes=LOG_MAX_BYTES,
            backupCount=LOG_FILES_MAX,
            encoding="utf-8",
        )
    except OSError as error:
        raise ConfigError(f"`log_dir` or `root_dir` cannot be written to: {error}") from error
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-5s [%(threadName)s] %(message)s"))
    logger.addHandler(handler)
    logger.setLevel(config.log_level)
    return logger


if __name__ == "__main__":
    sys.exit(main())
