"""The version, read once from what is installed."""

from importlib.metadata import version

VERSION = version("drydeploy")
