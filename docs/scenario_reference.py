"""The reference of the scenario format, from its JSON Schema: a section a model, a row a key."""

from __future__ import annotations

import json
import re
from typing import Any

from scenarios.model import Scenario
from scenarios.words import duration_text

_WORDS = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}
_BOUNDS = {"minimum": "≥", "maximum": "≤"}


def scenario_reference() -> str:
    """Every mapping that a scenario may have, in the order in which a reader meets them."""
    schema = Scenario.model_json_schema(by_alias=True)
    models = schema.pop("$defs")
    order = ["Scenario"]
    models["Scenario"] = schema
    for name in order:
        for reference in re.findall(r'"#/\$defs/(\w+)"', json.dumps(models[name].get("properties", {}))):
            if reference not in order:
                order.append(reference)
    return "\n\n".join(_section(name, models[name]) for name in order)


def _section(name: str, model: dict[str, Any]) -> str:
    about = model.get("description", "").removesuffix(" Exactly one.")
    required = model.get("required", [])
    lines = [f"## {name}", "", *([about, ""] if about else [])]
    if "oneOf" in model:
        keys = ", ".join(" with ".join(f"`{key}`" for key in entry["required"]) for entry in model["oneOf"])
        lines += [f"Exactly one of {keys}.", ""]
    lines += ["| Key | Value | Left out | Meaning |", "| --- | --- | --- | --- |"]
    for key, value in model.get("properties", {}).items():
        cells = (f"`{key}`", _type(value), _left_out(key, value, required), value.get("description", ""))
        lines.append("| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |")
    return "\n".join(lines)


def _left_out(key: str, value: dict[str, Any], required: list[str]) -> str:
    if key in required:
        return "required"
    default = value.get("default")
    if default is None or default in ("", [], {}):
        return ""
    if _type(value) == "duration":
        return f"`{duration_text(default)}`"
    if isinstance(default, dict):
        return "its own defaults"
    plain = isinstance(default, str) and default.isprintable()
    return f"`{default}`" if plain else f"`{json.dumps(default)}`"


def _type(value: dict[str, Any]) -> str:
    """What may stand there, in words, with links to the sections."""
    if "$ref" in value:
        name = value["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "allOf" in value:
        return _type(value["allOf"][0])
    for key in ("anyOf", "oneOf"):
        if key in value:
            return " or ".join(dict.fromkeys(_type(each) for each in value[key] if each.get("type") != "null"))
    if "const" in value:
        return f"`{value['const']}`"
    if "enum" in value:
        return ", ".join(f"`{word}`" for word in value["enum"])
    kind = value.get("type")
    if kind == "array":
        return f"list of {_type(value['items'])}" if "items" in value else "list"
    if kind == "object":
        names = value.get("propertyNames", {})
        inner = value.get("additionalProperties")
        key = _type(names) if "enum" in names else "name"
        return f"mapping, {key}: {_type(inner)}" if isinstance(inner, dict) else "mapping"
    if value.get("examples") == ["10s", "5m"]:
        return "duration"
    bounds = [f"{sign} {value[word]}" for word, sign in _BOUNDS.items() if word in value]
    return " ".join([_WORDS.get(str(kind), "anything"), *([f"({', '.join(bounds)})"] if bounds else [])])
