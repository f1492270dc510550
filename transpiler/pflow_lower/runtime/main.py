"""The command line of a generated module: `python docs_lowered.py -i topic=tea`."""

import argparse
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from types import FrameType
from typing import Any, NoReturn

from pflow_lower.runtime.errors import InputError, describe
from pflow_lower.runtime.flow import WorkflowFlow, run_flow
from pflow_lower.runtime.inputs import NOT_GIVEN, Input, check_names, fill_inputs
from pflow_lower.values import is_array

FAILED, WRONG_USAGE, INTERRUPTED, TERMINATED = 1, 2, 130, 143


def main(
    build_flow: Callable[[], WorkflowFlow], arguments: Sequence[str] | None = None
) -> NoReturn:
    """Run a workflow as a program, and exit: `docs/language.md` § 6.

    The outputs go to standard output as JSON, everything else to standard error.
    The status is 0, 1 (the run failed), 2 (wrong usage) or 130 (interrupted).
    """
    flow = build_flow()
    options = _parser(flow.inputs).parse_args(arguments)
    try:
        inputs = _inputs(flow.inputs, options.input)
    except InputError as error:
        _exit(WRONG_USAGE, f"error: {error}")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        # What nodes print must not get between the lines of the JSON.
        with redirect_stdout(sys.stderr):
            outputs = run_flow(flow, inputs)
    except KeyboardInterrupt as error:
        _leave(TERMINATED if error.args else INTERRUPTED)
    except BaseException as error:  # also a SystemExit that a node raised
        if options.verbose:
            traceback.print_exception(error)
        _exit(FAILED, f"error: {describe(error)}")
    _print(outputs)
    _exit(0)


def _parser(inputs: Sequence[Input]) -> argparse.ArgumentParser:
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
        help="give an input its value: JSON or, for a string, plain text",
    )
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        help="show where in the code a run failed",
    )
    return parser


def _described(each: Input) -> str:
    """Give the line of the help about an input."""
    if each.default is not NOT_GIVEN:
        use = f"by default {json.dumps(each.default)}"
    else:
        use = "required" if each.required else "optional"
    return f"  {each.name}: {each.type or 'any'}, {use}"


def _inputs(declared: tuple[Input, ...], given: Sequence[str]) -> dict[str, Any]:
    """Read the values of `-i`; raises InputError for what is wrong with them."""
    types = {each.name: each.type for each in declared}
    values: dict[str, Any] = {}
    for argument in given:
        name, equals, text = argument.partition("=")
        if not equals:
            raise InputError(f'"-i {argument}" must be -i NAME=VALUE')
        if name in values:
            raise InputError(f'"-i {name}=" is given twice')
        values[name] = _value(name, text, types.get(name))
    check_names(declared, values)
    fill_inputs(declared, dict(values))
    return values


def _value(name: str, text: str, declared: str | None) -> Any:
    if declared in ("string", "str"):
        return text
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        if declared is None:
            return text
    raise InputError(f'"-i {name}=": {text!r} is no JSON, but the input is {declared}')


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _terminate(_: int, __: FrameType | None) -> None:
    """Stop in order, as at Ctrl-C: child processes must not be left behind."""
    raise KeyboardInterrupt("terminated")


def _print(outputs: Mapping[str, Any]) -> None:
    text = json.dumps(_plain(outputs), ensure_ascii=False, indent=2)
    try:
        # A lone surrogate has no UTF-8; as an escape it is JSON all the same.
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace") + b"\n")
        sys.stdout.buffer.flush()
    except OSError as error:
        # What is left in the buffer must not be tried again when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _exit(WRONG_USAGE, f"error: cannot write the outputs: {error.strerror}")


def _plain(value: Any) -> Any:
    """Give a value as JSON can hold it, all else as its `str`."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        finite = value - value == 0
        return value if finite else str(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if is_array(value):
        return [_plain(item) for item in value]
    return str(value)


def _exit(status: int, message: str = "") -> NoReturn:
    if message:
        sys.stderr.write(f"{message}\n")
    sys.exit(status)


def _leave(status: int) -> NoReturn:
    """Exit at once: a thread that goes on must not keep the program alive."""
    sys.stderr.write("interrupted\n")
    sys.stderr.flush()
    os._exit(status)
