"""`drydeploy schema`: the JSON Schema of scenarios, from which editors complete and check."""

from __future__ import annotations

import sys


def verb() -> None:
    """Print the JSON Schema of scenarios, for editors."""
    from scenarios.schema import json_schema
    from simulator.report.document import dumps

    sys.stdout.write(dumps(json_schema()))
