"""Describe the keys of a JSON Schema in words, for the prompt of the planner.

Before:  {"as": {"type": "string", "default": "item", "description": "The name of ..."}}
After:   - `as` (string; default "item"): The name of ...

Each object that the schema defines gets a heading and a line for each of its keys;
objects inside those are indented below their key.
"""

from collections.abc import Iterator
from json import dumps
from typing import Any, TypeAlias

from pflow_lower.check.schema import BOUNDS

_Schema: TypeAlias = dict[str, Any]

_REFERENCE = "#/$defs/"


def outline(schema: _Schema) -> str:
    """Return all keys of the schema of workflows, as Markdown."""
    sections = {"workflow": schema, **schema["$defs"]}
    return "\n\n".join(
        "\n".join([*_heading(name, section), *_keys(section)])
        for name, section in sections.items()
    )


def _heading(name: str, section: _Schema) -> Iterator[str]:
    yield from (f"### {name}", "")
    if "description" in section:
        yield from (section["description"], "")


def _keys(schema: _Schema, indent: str = "") -> Iterator[str]:
    """Yield a line for each key of an object, and for the keys of objects in it."""
    required = schema.get("required", ())
    for name, value in schema.get("properties", {}).items():
        facts = [_kind(value), *_limits(value)]
        if name in required:
            facts.append("required")
        about = f": {value['description']}" if "description" in value else ""
        yield f"{indent}- `{name}` ({'; '.join(facts)}){about}"
        yield from _keys(value, f"{indent}  ")


def _kind(schema: _Schema) -> str:
    """Return the kinds of value that a schema allows, as one phrase."""
    if "$ref" in schema:
        return str(schema["$ref"]).removeprefix(_REFERENCE)
    if "enum" in schema:
        return " or ".join(map(_json, schema["enum"]))
    if "const" in schema:
        return _json(schema["const"])
    types = schema.get("type", "any value")
    if types == "array" and "items" in schema:
        return f"array of {_kind(schema['items'])}"
    members = schema.get("additionalProperties")
    if types == "object" and isinstance(members, dict):
        return f"object of name to {_kind(members)}"
    return types if isinstance(types, str) else " or ".join(types)


def _limits(schema: _Schema) -> Iterator[str]:
    for keyword, words in BOUNDS.items():
        if keyword in schema:
            yield f"{words} {schema[keyword]}"
    if "pattern" in schema:
        yield f"of the form {schema['pattern']}"
    if "default" in schema:
        yield f"default {_json(schema['default'])}"


def _json(value: object) -> str:
    return dumps(value, ensure_ascii=False)
