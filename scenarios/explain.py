"""What is wrong with a value, in plain words: pydantic's findings as places, messages and remedies."""

from __future__ import annotations

import re
import types
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from scenarios.elsewhere import remedy_for
from scenarios.model import Scenario
from scenarios.notifications import REGION, TOPIC_ARN, VARIABLE_NAME
from scenarios.problems import either, nearest, suggest
from scenarios.strategies import NEEDS_OPTIONS, StrategyName
from scenarios.tree import Place, Tree
from scenarios.words import DURATION_PATTERN, HOST_NAME, RESOURCE_NAME, RuleError, duration_text

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

Location = tuple[int | str, ...]
Explained = tuple[Place, str, str]

_PATTERNS = {
    HOST_NAME: "letters, digits, - and _ (at most 63), with a letter or digit first and last",
    RESOURCE_NAME: "1 to 100 letters, digits and any of + = , . @ _ -",
    r"^[a-z0-9][a-z0-9-]{0,62}$": "lower-case letters, digits and hyphens (at most 63)",
    r"^/\S*$": "a path that begins with / and has no spaces",
    TOPIC_ARN: "a topic's ARN, such as arn:aws:sns:us-east-1:123456789012:deployments",
    REGION: "a region, such as us-east-1",
    VARIABLE_NAME: "the name of an environment variable (letters, digits and _)",
    r"^/.+": "an absolute path, such as /home/ec2-user/file",
}

CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def explain(error: ErrorDetails, tree: Tree) -> Explained | None:
    """A finding as (place, message, remedy); None for a rule that `scenarios.checks` places better."""
    location: Location = error["loc"]
    kind = error["type"]
    context = error.get("ctx", {})
    if isinstance(context.get("error"), RuleError):
        return None
    if kind == "missing":
        return _missing(tree, location)
    if kind == "extra_forbidden":
        return _unknown_key(tree, location)
    node, place = find(tree, location)
    name = _name(location)
    if location[-1:] == ("[key]",):
        node = Tree(*place, str(location[-2]), str(location[-2]))
        name = _name(location[:-2])
    if kind == "too_short" and len(node.items or node.entries) >= context["min_length"]:
        return None
    if kind in ("tuple_type", "list_type") and (words := _words_of(location)):
        return (
            place,
            f"{name}: expected a list, found {found(node)}",
            f"write [{words[0]}]" if len(words) == 1 else f"write a list of {either(words)}",
        )
    if kind == "literal_error" and location[-2:] == ("strategy", "<name>"):
        return place, *_strategy(name, node)
    if kind == "literal_error":
        words = re.findall(r"'([^']*)'", context["expected"])
        remedy = remedy_for(tree, name, node, location) or _choose(node, words)
        return place, f"{name}: expected {either(words)}, found {found(node)}", remedy
    if kind == "value_error":
        message, _, hint = str(context["error"]).partition(": write ")
        return (
            place,
            f"{name}: {message}",
            f"write {hint}" if hint else "write a number and a unit: ms, s, m or h",
        )
    for kinds, phrase in _PHRASES:
        if kind in kinds:
            message, remedy = phrase(node, context)
            holds_keys = phrase is _mapping and kind != "dict_type"  # the keys of that are names of one's own
            keys = keys_of(model) if holds_keys and (model := model_at(location)) is not None else []
            if len(keys) == 1 and node.word:
                remedy = f"write {name.rpartition('.')[2]}: {{{keys[0]}: {node.word}}}"
            elif keys:
                remedy += f": {either(keys)}"
            return place, f"{name}: {message}", remedy
    return place, f"{name}: {error['msg'][:1].lower()}{error['msg'][1:]}", "see `drydeploy schema`"


def find(tree: Tree, location: Location) -> tuple[Tree, Place]:
    """The deepest node on the way to a location, and the place to point at."""
    node, place = tree, tree.place
    for part in location:
        if part == "[key]":
            break
        if isinstance(part, int):
            if part < len(node.items):
                node = node.items[part]
                place = node.place
        elif part in node.entries:
            child = node.entries[part]
            place = node.keys[part] if location[-1:] == ("[key]",) or child.value is None else child.place
            node = child
    return node, place


def _strategy(name: str, node: Tree) -> tuple[str, str]:
    """A strategy by a name that is none, or by the name of one that has to be told something."""
    if (example := NEEDS_OPTIONS.get(node.text)) is not None:
        return f"{name}: {node.text} says nothing without its options", f"write strategy: {{{example}}}"
    known = [*get_args(StrategyName), *NEEDS_OPTIONS]
    if node.word is None:
        return (
            f"{name}: expected a strategy's name or its options, found {found(node)}",
            f"write one of {either(known)}",
        )
    return f"{name}: no strategy is called {found(node)}", suggest(node.text, known)


def _words_of(location: Location) -> list[str]:
    """The words that may stand in the list at a location; empty where it is not a list of given words."""
    plain = _plain(annotation_at(location))
    item = get_args(plain)[0] if get_origin(plain) is tuple else None
    return [str(word) for word in get_args(item)] if get_origin(item) is Literal else []


def found(node: Tree) -> str:
    """A node as a reader would name it."""
    if isinstance(node.value, dict):
        return "a mapping" if node.value else "an empty mapping"
    if isinstance(node.value, list):
        return "a list" if node.value else "an empty list"
    if node.value is None:
        return "nothing"
    return f"the text {node.text!r}" if isinstance(node.value, str) and _looks_typed(node.text) else node.text


def _looks_typed(text: str) -> bool:
    return not text or text.strip() != text or bool(re.fullmatch(r"[-+.\d]+|true|false|null|yes|no", text))


def _missing(tree: Tree, location: Location) -> Explained | None:
    """A key that is not there; None where an unknown key beside it is plainly the same one, misspelt."""
    node, place = find(tree, location[:-1])
    key = str(location[-1])
    parent = _name(location[:-1])
    about = ""
    if (model := model_at(location[:-1])) is not None:
        known = keys_of(model)
        if any(_meant(written, known) == key for written in node.entries if written not in known):
            return None
        described = {field.alias or name: field.description or "" for name, field in model.model_fields.items()}
        if text := described[key].rstrip("."):
            about = f" ({text[:1].lower()}{text[1:]})"
    return place, f"{key} is missing" + (f" in {parent}" if parent else ""), f"write {key}: …{about}"


def _unknown_key(tree: Tree, location: Location) -> Explained:
    node, _ = find(tree, location[:-1])
    key = str(location[-1])
    model = model_at(location[:-1])
    known = keys_of(model) if model is not None else []
    parent = _name(location[:-1])
    message = f"unknown key {key}" + (f" in {parent}" if parent else "")
    field = model.model_fields.get(key) if model is not None else None  # by the name that it has in here
    remedy = f"did you mean {field.alias}?" if field is not None and field.alias else suggest_key(key, known)
    return node.keys.get(key, node.place), message, remedy


def _meant(key: str, known: list[str]) -> str | None:
    """The key that was probably meant; CodeDeploy's own spelling (`deploymentConfig`) counts as the same."""
    return nearest(CAMEL.sub("_", key).lower(), known)


def suggest_key(key: str, known: list[str]) -> str:
    """What to write for a key that nobody knows here: the nearest, or the place where it belongs."""
    if near := _meant(key, known):
        return f"did you mean {near}?"
    if homes := _homes().get(CAMEL.sub("_", key).lower()):
        return f"it belongs under {either(homes)}"
    return suggest(key, known)


def keys_of(model: type[BaseModel]) -> list[str]:
    """The keys of a model as a scenario writes them."""
    return [field.alias or name for name, field in model.model_fields.items()]


def _homes() -> dict[str, list[str]]:
    """Where each key belongs that has few homes: `rise` under `health_check`."""
    homes: dict[str, list[str]] = {}

    def visit(annotation: object, name: str, above: tuple[object, ...]) -> None:
        for part in _parts(annotation):
            if isinstance(part, type) and issubclass(part, BaseModel) and part not in above:
                for field_name, field in part.model_fields.items():
                    key = field.alias or field_name
                    if name and name not in homes.setdefault(key, []):
                        homes[key].append(name)
                    visit(field.annotation, key, (*above, part))

    visit(Scenario, "", ())
    return homes


def _parts(annotation: object) -> list[object]:
    """The types within an annotation: of a union its members, of a container what it contains."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parts(get_args(annotation)[0])
    if origin in (Union, types.UnionType, tuple, dict):
        return [part for argument in get_args(annotation) for part in _parts(argument)]
    return [annotation]


def model_at(location: Location) -> type[BaseModel] | None:
    """The model whose keys stand at a location; None where there is no model."""
    return _model_in(annotation_at(location))


def annotation_at(location: Location) -> object:
    """The type of what stands at a location; None where nothing is known to."""
    current: object = Scenario
    for part in location:
        if isinstance(part, str) and part.startswith("<"):
            continue
        model = _model_in(current)
        if isinstance(part, int) or (model is None or get_origin(_plain(current)) is dict):
            current = _contained(current)
        else:
            fields = {field.alias or name: field for name, field in model.model_fields.items()}
            if part not in fields:
                return None
            current = fields[part].annotation
    return current


def _plain(annotation: object) -> object:
    """An annotation without `Annotated` and without `| None`."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in (Union, types.UnionType):
        members = [member for member in get_args(annotation) if member is not types.NoneType]
        if len(members) == 1:
            return _plain(members[0])
    return annotation


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The one model among the alternatives of an annotation."""
    for part in _parts(_plain(annotation)):
        if isinstance(part, type) and issubclass(part, BaseModel):
            return part
    return None


def _contained(annotation: object) -> object:
    """What a list or a mapping of an annotation contains."""
    plain = _plain(annotation)
    if get_origin(plain) is dict:
        return get_args(plain)[1]
    return _model_in(plain)


def _name(location: Location) -> str:
    """How a location is spoken of: its keys, without numbers and alternatives."""
    words: list[str] = []
    for part in location:
        if isinstance(part, str) and not part.startswith(("<", "[")):
            words.append(part)
        elif isinstance(part, int) and words:
            words[-1] += f"[{part + 1}]"
    return ".".join(words[-2:])


Phrase = tuple[str, str]
Context = dict[str, Any]


def _choose(node: Tree, words: list[str]) -> str:
    if (near := nearest(node.text, words)) and node.text:
        return f"did you mean {near}?"
    return f"write {either(words)}"


def _text(node: Tree, _: Context) -> Phrase:
    remedy = f'put it in quotes: "{node.text}"' if not node.entries and not node.items and node.text else "write text"
    return f"expected text, found {found(node)}", remedy


def _whole(node: Tree, _: Context) -> Phrase:
    digits = re.sub(r"\D.*$", "", node.text)
    return (
        f"expected a whole number, found {found(node)}",
        f"write {digits}" if digits else "write a whole number",
    )


def _number(node: Tree, _: Context) -> Phrase:
    if percent := re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", node.text):
        return f"expected a number, found {found(node)}", f"write {float(percent[1]) / 100:g}"
    return f"expected a number, found {found(node)}", "write a number"


def _truth(node: Tree, _: Context) -> Phrase:
    meant = {
        "yes": "true",
        "on": "true",
        "y": "true",
        "1": "true",
        "no": "false",
        "off": "false",
        "0": "false",
    }
    return (
        f"expected true or false, found {found(node)}",
        f"write {meant.get(node.text.lower(), 'true or false')}",
    )


def _list(node: Tree, _: Context) -> Phrase:
    remedy = f"write [{node.text}]" if node.text else "begin each item with a hyphen, or leave the key out"
    return f"expected a list, found {found(node)}", remedy


def _mapping(node: Tree, _: Context) -> Phrase:
    return (
        f"expected a mapping, found {found(node)}",
        "write its keys beneath it, indented, each with a colon",
    )


def _at_least(node: Tree, context: Context) -> Phrase:
    return f"expected {context['ge']} or more, found {found(node)}", f"write at least {context['ge']}"


def _at_most(node: Tree, context: Context) -> Phrase:
    most = context["le"]
    if re.match(DURATION_PATTERN, node.text):
        return f"expected {duration_text(most)} or less, found {node.text}", f"write at most {duration_text(most)}"
    if most == 1.0 and isinstance(most, float) and isinstance(node.value, int | float) and node.value <= 100:
        return f"expected 1 or less, found {found(node)}", f"{node.text} % is {node.value / 100:g}"
    number = f"{most:g}" if isinstance(most, float) else str(most)
    return f"expected {number} or less, found {found(node)}", f"write at most {number}"


def _pattern(node: Tree, context: Context) -> Phrase:
    return (
        f"expected {_PATTERNS.get(context['pattern'], 'another form')}, found {node.text!r}",
        "write it in that form",
    )


def _short(_: Tree, context: Context) -> Phrase:
    least = context["min_length"]
    return f"expected {least} or more, found {context['actual_length']}", "write one, or leave the key out"


def _long(_: Tree, context: Context) -> Phrase:
    most = context["max_length"]
    return (
        f"expected at most {most:,}, found {context.get('actual_length', 'more')}",
        f"keep {most:,} of them",
    )


def _long_text(node: Tree, context: Context) -> Phrase:
    most = context["max_length"]
    return (
        f"expected at most {most} characters, found {len(node.text)}",
        f"shorten it by {len(node.text) - most}",
    )


_PHRASES: tuple[tuple[frozenset[str], Callable[[Tree, Context], Phrase]], ...] = (
    (frozenset({"string_type", "path_type", "string_unicode"}), _text),
    (frozenset({"int_type", "int_parsing", "int_from_float", "int_parsing_size"}), _whole),
    (frozenset({"float_type", "float_parsing", "finite_number"}), _number),
    (frozenset({"bool_type", "bool_parsing"}), _truth),
    (frozenset({"tuple_type", "list_type"}), _list),
    (frozenset({"dict_type", "model_type", "model_attributes_type", "dataclass_type"}), _mapping),
    (frozenset({"greater_than_equal"}), _at_least),
    (frozenset({"less_than_equal"}), _at_most),
    (frozenset({"string_pattern_mismatch"}), _pattern),
    (frozenset({"too_short"}), _short),
    (frozenset({"too_long"}), _long),
    (frozenset({"string_too_long"}), _long_text),
)
