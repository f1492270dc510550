"""Check the shape of a workflow: keys, types and ranges, by `workflow.schema.json`.

jsonschema finds all mistakes; this module adds the code, the location and a message in
the user's terms. It also checks what JSON Schema cannot express or is less strict about
(`docs/language.md` §§ 1, 3): 4.0 is not an integer, a trailing newline is part of a
string, and a default must have its declared type.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.resources import files
from json import dumps, loads
from typing import Any, TypeAlias

from pflow_lower.diagnostics import (
    Code,
    Diagnostic,
    Related,
    did_you_mean,
    quote,
    report,
    suggest,
)
from pflow_lower.ir.codec import SUPPORTED_MAJOR
from pflow_lower.source.positions import JSON, Location
from pflow_lower.support.values import INPUT_TYPES, has_type, type_name

_Error: TypeAlias = Any
"""A `jsonschema.ValidationError`, whose attributes its stubs leave untyped."""


def schema_text() -> str:
    """Return the JSON Schema of workflows, as text."""
    return files(__package__).joinpath("workflow.schema.json").read_text("utf-8")


def check_schema(value: JSON) -> tuple[Diagnostic, ...]:
    """Report where a document does not have the shape of a workflow."""
    found: list[Diagnostic] = []
    for error in _validator().iter_errors(value):
        place = Location(tuple(error.absolute_path))
        found.extend(_KEYWORDS[error.validator](error, place, _spoken(place)))
    if isinstance(value, dict):
        found.extend(_check_version(value))
        found.extend(_check_defaults(value))
    return tuple(dict.fromkeys(found))


def _unknown_keys(error: _Error, place: Location, here: str) -> Iterator[Diagnostic]:
    known = error.schema["properties"]
    meant = {name: _meant(name, known, place) for name in _unknown(error)}
    is_other_object = len(meant) == len(error.instance) and not any(meant.values())
    if is_other_object and "jsonl" in known:
        yield from _no_source(error, place, here)
        return
    for name, hint in meant.items():
        message = f"{here} has no key {quote(name)}"
        mended = hint or suggest(name, known, "its keys are")
        yield report(Code.UNKNOWN_KEY, place.key(name), message, mended)


def _meant(name: str, known: Iterable[str], place: Location) -> str:
    """Return a hint for a key that is unknown at its location, or ''."""
    of_batch = _validator().schema["$defs"]["batch"]["properties"]
    if "batch" in known and name in of_batch:
        return 'it belongs inside "batch"'
    if place.path[-2:-1] == ("batch",) and name in of_batch:
        inside = {"max_retries": "max_attempts", "retry_wait": "wait"}.get(name, "")
        if inside in known:
            return f'here it is called "{inside}"'
        return f"it stands beside {quote(str(place.path[-1]))}, not inside it"
    return did_you_mean(name, known)


def _no_source(_: _Error, place: Location, here: str) -> Iterator[Diagnostic]:
    message = f"{here} does not say where to read the items from"
    hint = "an object has the key jsonl, csv, lines or glob; a list is written as [...]"
    yield report(Code.NOT_ONE_SOURCE, place, message, hint)


def _two_sources(error: _Error, place: Location, here: str) -> Iterator[Diagnostic]:
    given = [name for name in error.instance if name in error.schema["properties"]]
    if len(given) > 1:
        message = f'{here} has both "{given[0]}" and "{given[1]}"'
        hint = "items are read from one source: leave the other out"
        related = (Related(place.key(given[0]), "the first is here"),)
        place = place.key(given[1])
        yield report(Code.NOT_ONE_SOURCE, place, message, hint, related=related)


def _missing_keys(error: _Error, place: Location, here: str) -> Iterator[Diagnostic]:
    for name in error.validator_value:
        # A misspelt key has its own diagnostic.
        misspelt = any(did_you_mean(other, [name]) for other in _unknown(error))
        if name not in error.instance and not misspelt:
            yield report(Code.MISSING_KEY, place, f'{here} is missing the key "{name}"')


def _unknown(error: _Error) -> Iterator[str]:
    """Return the keys of the object that its schema does not define."""
    private = "patternProperties" in error.schema
    for name in error.instance:
        known = name in error.schema["properties"]
        if not known and not (private and name.startswith("_")):
            yield name


def _wrong_type(error: _Error, place: Location, here: str) -> Iterator[Diagnostic]:
    wanted = error.validator_value
    names = [wanted] if isinstance(wanted, str) else wanted
    *others, last = (_ARTICLES[name] for name in names)
    expected = f"{', '.join(others)} or {last}" if others else last
    found = type_name(error.instance)
    if expected == "an integer" and isinstance(error.instance, float):
        found = repr(error.instance)
    message = f"{here} must be {expected}, not {found}"
    yield report(Code.WRONG_TYPE, place, message, _how_to_mend(error.instance, place))


def _how_to_mend(found: JSON, place: Location) -> str:
    """Return a hint for a value that has the wrong type, or ''."""
    if isinstance(found, str) and re.fullmatch(r"true|false|-?\d+(\.\d+)?", found):
        return f"write {found} without the quotes"
    match place.path:
        case ("inputs", str()):
            return 'for example {"type": "string"}'
        case ("outputs", str()):
            return 'for example {"source": "${node.output}"}'
        case ("edges", int()):
            return 'for example {"from": "a", "to": "b"}'
        case (*_, "on", int()):
            return 'for example "TimeoutError" or 429'
        case (*_, "batch" | "retry", str(key)) if found is not None:
            return _EXAMPLES.get(key, "")
        case (*_, str(key)) if found is None and key not in _REQUIRED:
            return "leave the key out"
    return ""


def _not_a_choice(error: _Error, place: Location, here: str) -> Iterator[Diagnostic]:
    found, choices = error.instance, error.validator_value
    message = f"{here} must be one of {', '.join(map(quote, choices))}"
    if isinstance(found, str):
        hint = did_you_mean(found, choices)
        yield report(Code.NOT_A_CHOICE, place, f"{message}, not {quote(found)}", hint)
    else:
        message = f"{message}, not {type_name(found)}"
        yield report(Code.WRONG_TYPE, place, message, _how_to_mend(found, place))


def _unsupported(error: _Error, place: Location, here: str) -> Iterator[Diagnostic]:
    only = dumps(error.validator_value)
    message = f"{here} must be {only}; nothing else is supported"
    yield report(Code.UNSUPPORTED_VALUE, place, message, "leave the key out")


def _out_of_range(error: _Error, place: Location, here: str) -> Iterator[Diagnostic]:
    message = f"{here} must be {BOUNDS[error.validator]} {error.validator_value}"
    found = quote(str(error.instance)).strip('"')  # it may have thousands of digits
    match place.path:
        case (*_, "on", int()):
            hint = "a failure has a status from 400 to 599"
        case (*_, "timeout" | "batch_timeout"):
            hint = "leave the key out for no limit"
        case _:
            hint = ""
    yield report(Code.OUT_OF_RANGE, place, f"{message}, not {found}", hint)


def _empty(_: _Error, place: Location, here: str) -> Iterator[Diagnostic]:
    yield report(Code.EMPTY, place, f"{here} must not be empty")


def _wrong_form(error: _Error, place: Location, here: str) -> Iterator[Diagnostic]:
    match place.path:
        case (*_, "as"):
            form = "a name"
            hint = (
                "a name is ASCII letters, digits and _, and does not begin with a digit"
            )
        case (*_, "on", int()):
            form = "the name of an exception class"
            hint = _how_to_mend(error.instance, place)
        case _:
            form = "a version x.y.z"
            hint = 'for example "0.1.0"'
    message = f"{here} must be {form}, not {quote(error.instance)}"
    yield report(Code.WRONG_FORM, place, message, hint)


_ARTICLES = {
    "string": "a string",
    "array": "an array",
    "object": "an object",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
}

BOUNDS = {
    "minimum": "at least",
    "exclusiveMinimum": "more than",
    "maximum": "at most",
}
"""The keywords of JSON Schema that limit a number, in words."""

_EXAMPLES = {
    "retry": 'for example {"max_attempts": 3}',
    "on": 'for example ["TimeoutError", 429]',
    "rate_limit": 'for example {"requests": 50, "per": 60}',
}

_REQUIRED = frozenset(
    {
        *("nodes", "id", "type", "items", "from", "to", "requests", "per"),
        *("jsonl", "csv", "lines", "glob"),
    }
)

_KEYWORDS: dict[str, Callable[[_Error, Location, str], Iterator[Diagnostic]]] = {
    "additionalProperties": _unknown_keys,
    "required": _missing_keys,
    "type": _wrong_type,
    "enum": _not_a_choice,
    "const": _unsupported,
    "minProperties": _no_source,
    "maxProperties": _two_sources,
    "minimum": _out_of_range,
    "exclusiveMinimum": _out_of_range,
    "maximum": _out_of_range,
    "minLength": _empty,
    "minItems": _empty,
    "pattern": _wrong_form,
}


def _check_version(workflow: dict[str, JSON]) -> Iterator[Diagnostic]:
    version = workflow.get("ir_version")
    if not isinstance(version, str):
        return
    known_form = re.fullmatch(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*)){2}", version)
    if known_form and known_form[1] != str(SUPPORTED_MAJOR):
        yield report(
            Code.UNSUPPORTED_VERSION,
            Location(("ir_version",)),
            f"this version of pflow-lower does not know ir_version {quote(version)}",
            f"it knows {SUPPORTED_MAJOR}.x.y",
        )


def _check_defaults(workflow: dict[str, JSON]) -> Iterator[Diagnostic]:
    inputs = workflow.get("inputs")
    for name, spec in inputs.items() if isinstance(inputs, dict) else ():
        if not isinstance(spec, dict) or spec.get("default") is None:
            continue
        declared, value = spec.get("type"), spec["default"]
        # An invalid type, such as a list, has its own diagnostic.
        if not isinstance(declared, str) or declared not in INPUT_TYPES:
            continue
        if has_type(value, declared):
            continue
        found = repr(value) if isinstance(value, float) else type_name(value)
        yield report(
            Code.WRONG_DEFAULT,
            Location(("inputs", name, "default")),
            f"the default of input {quote(name)} is {found}, "
            f'but its type is "{declared}"',
        )


def _spoken(place: Location) -> str:
    """Return the name of a location in a message, by its last key."""
    match place.path:
        case ():
            return "the workflow"
        case (*_, "nodes", int()):
            return "a node"
        case (*_, "edges", int()):
            return "an edge"
        case (*_, "on", int()):
            return 'a failure in "on"'
        case ("inputs" | "outputs" as group, name):
            return f"{group.removesuffix('s')} {quote(str(name))}"
        case (*_, str(name)):
            return quote(name)
    return "the value"


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator, ValidationError, validators

    def is_integer(_: object, value: object) -> bool:
        return isinstance(value, int) and not isinstance(value, bool)

    def check_pattern(
        _: object, pattern: str, value: object, __: object
    ) -> Iterator[ValidationError]:
        # Python's "$" also matches before a last newline; that of JSON Schema does not.
        if isinstance(value, str) and not re.fullmatch(pattern.strip("^$"), value):
            yield ValidationError(f"{value!r} does not match {pattern!r}")

    extend: Any = validators.extend  # its stubs leave it untyped
    strict = extend(
        Draft202012Validator,
        {"pattern": check_pattern},
        type_checker=Draft202012Validator.TYPE_CHECKER.redefine("integer", is_integer),
    )
    return strict(loads(schema_text()))
