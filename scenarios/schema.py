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

_SHORT_FORMS = {"Revision": "The bundle", "UserData": "The script"}
"""What may be written as a path alone, and what the path leads to."""


def json_schema() -> dict[str, Any]:
    """The schema, draft 2020-12, with descriptions, defaults and examples as a scenario writes them."""
    schema = _as_written(Scenario.model_json_schema(by_alias=True, mode="validation"))
    for name, what in _SHORT_FORMS.items():
        whole = schema["$defs"][name]
        short = {"type": "string", "format": "path", "description": f"{what}, relative to the scenario file."}
        schema["$defs"][name] = {
            "title": whole.pop("title"),
            "description": whole.pop("description"),
            "anyOf": [short, whole],
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
