"""The arguments of a generated program: `docs/language.md` § 6."""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from pflow_lower.runtime.errors import InputError
from pflow_lower.runtime.events.delivery import OnEvent
from pflow_lower.runtime.events.event_log import EventLog
from pflow_lower.runtime.events.progress import progress
from pflow_lower.runtime.inputs import NOT_GIVEN, Input, check_names, fill_inputs
from pflow_lower.support.secrets import mask
from pflow_lower.support.text import shorten
from pflow_lower.support.values import read_json

_SHOWN = 80


def parser_for(inputs: Sequence[Input]) -> argparse.ArgumentParser:
    """Return the parser of a program that takes these inputs."""
    parser = argparse.ArgumentParser(
        description="Run the workflow, and print its outputs as JSON.",
        epilog="\n".join(["inputs:", *map(_described, inputs)]) if inputs else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "-i",
        "--input",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set an input: JSON or, for a string, plain text",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="show where in the code a run failed",
    )
    parser.add_argument(
        "--journal",
        metavar="FILE",
        help="record results in this file, and continue from those it holds",
    )
    parser.add_argument(
        "--events", metavar="FILE", help="append each event of a batch as a JSON line"
    )
    parser.add_argument(
        "--progress",
        choices=("auto", "always", "never"),
        default="auto",
        help="show a bar for each batch; by default where there is a terminal",
    )
    parser.add_argument(
        "--otel", action="store_true", help="send spans of batches to OpenTelemetry"
    )
    return parser


def listeners(options: argparse.Namespace) -> Iterator[OnEvent]:
    """Yield the event listeners that the options ask for; raises RunError."""
    if options.events is not None:
        yield EventLog(options.events)
    if (bars := progress(options.progress, sys.stderr)) is not None:
        yield bars
    if options.otel:
        from pflow_lower.runtime.events.telemetry import Spans

        yield Spans()


def _described(each: Input) -> str:
    """Return the line of the help about an input."""
    if each.default is not NOT_GIVEN:
        use = f"by default {json.dumps(each.default)}"
    else:
        use = "required" if each.required else "optional"
    if each.stdin:
        use += ", may be piped in"
    return f"  {each.name}: {each.type or 'any'}, {use}"


def read_inputs(declared: tuple[Input, ...], given: Sequence[str]) -> dict[str, Any]:
    """Return the inputs of `-i` and of standard input; raises InputError."""
    types = {each.name: each.type for each in declared}
    values: dict[str, Any] = {}
    for argument in given:
        name, equals, text = argument.partition("=")
        if not equals:
            raise InputError(f'"-i {argument}" must be -i NAME=VALUE')
        if name in values:
            raise InputError(f'"-i {name}=" is given twice')
        values[name] = _value(f'"-i {name}="', text, types.get(name))
    for each in declared:
        if each.stdin and each.name not in values and (text := _piped()):
            values[each.name] = _value("standard input", text, each.type)
    check_names(declared, values)
    fill_inputs(declared, dict(values))
    return values


def _piped() -> str:
    """Return what was piped into the program, without a line break at its end.

    Nothing is read from a terminal.
    """
    if sys.stdin is None or sys.stdin.isatty():
        return ""
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"standard input cannot be read: {error}") from error
    return text.removesuffix("\n").removesuffix("\r")


def _value(where: str, text: str, declared: str | None) -> Any:
    if declared in ("string", "str"):
        return text
    try:
        return read_json(text)
    except ValueError:
        if declared is None:
            return text
    shown = shorten(mask(text), _SHOWN)
    raise InputError(
        f"{where}: {shown!r} is not valid JSON, but the input is {declared}"
    )
