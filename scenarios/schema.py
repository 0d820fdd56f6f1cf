"""The JSON Schema of scenarios: editors complete from it and underline what it refuses.

`python -m scenarios.schema` rewrites the copy beside this file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from scenarios.model import Scenario
from scenarios.words import DURATION_PATTERN, duration_text

DIALECT = "https://json-schema.org/draft/2020-12/schema"
COPY = Path(__file__).with_name("scenario.schema.json")


def json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12, with descriptions, defaults and examples as a scenario writes them."""
    schema = _as_written(Scenario.model_json_schema(by_alias=True, mode="validation"))
    revision = schema["$defs"]["Revision"]
    short = {"type": "string", "format": "path", "description": "The bundle, relative to the scenario file."}
    schema["$defs"]["Revision"] = {
        "title": revision.pop("title"),
        "description": revision.pop("description"),
        "anyOf": [short, revision],
    }
    return {"$schema": DIALECT, "title": "drydeploy scenario", **{k: v for k, v in schema.items() if k != "title"}}


def _as_written(node: Any) -> Any:
    """Defaults in milliseconds become durations; defaults that are whole models are left to the models."""
    if isinstance(node, list):
        return [_as_written(item) for item in node]
    if not isinstance(node, dict):
        return node
    result = {key: _as_written(value) for key, value in node.items()}
    default = result.get("default")
    if isinstance(default, dict) or (default is None and "default" in result and "anyOf" in result):
        del result["default"]
    elif result.get("pattern") == DURATION_PATTERN and isinstance(default, int):
        result["default"] = duration_text(default)
    return result


def text() -> str:
    """The schema as the copy beside this file has it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    COPY.write_text(text(), encoding="utf-8")
