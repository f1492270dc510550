"""The command line of a generated module: `python docs_lowered.py -i topic=tea`."""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from types import FrameType
from typing import Any, NoReturn

from pflow_lower.runtime.errors import RunError, describe
from pflow_lower.runtime.flow import WorkflowFlow, run_flow
from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.program.options import listeners, parser_for, read_inputs
from pflow_lower.support.secrets import mask, register_fields
from pflow_lower.support.statuses import ExitStatus
from pflow_lower.support.text import to_utf8
from pflow_lower.support.values import plain


def main(
    build_flow: Callable[[], WorkflowFlow], arguments: Sequence[str] | None = None
) -> NoReturn:
    """Run a workflow as a program, and exit: `docs/language.md` § 6.

    The outputs go to standard output as JSON, everything else to standard error.

    Args:
        build_flow: The function of the generated module that makes its flow.
        arguments: The arguments of the program; by default those of the process.

    Raises:
        SystemExit: Always, with an ExitStatus.
    """
    flow = build_flow()
    options = parser_for(flow.inputs).parse_args(arguments)
    try:
        inputs = read_inputs(flow.inputs, options.input)
        register_fields(_texts(inputs))
        told = tuple(listeners(options))
    except RunError as error:
        _exit(ExitStatus.WRONG_USAGE, f"error: {error}")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        # What nodes print must not get into the JSON.
        with redirect_stdout(sys.stderr):
            outputs = run_flow(flow, inputs, journal=options.journal, on_event=told)
    except KeyboardInterrupt as error:
        status = ExitStatus.TERMINATED if error.args else ExitStatus.INTERRUPTED
        _leave(status, options.journal)
    except JournalError as error:
        _exit(ExitStatus.WRONG_USAGE, f"error: {error}")
    except BaseException as error:  # also a SystemExit that a node raised
        if options.verbose:
            sys.stderr.write(mask("".join(traceback.format_exception(error))))
        _exit(ExitStatus.FAILED, f"error: {describe(error)}")
    if flow.outputs_for is None:
        # The store is printed, and with it the inputs: a key in them must not be.
        outputs |= {name: mask(text) for name, text in _texts(inputs)}
    _print(outputs)
    _exit(ExitStatus.OK)


def _texts(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Return the inputs that are strings."""
    return ((name, text) for name, text in inputs.items() if isinstance(text, str))


def _terminate(_: int, __: FrameType | None) -> None:
    """Stop as on Ctrl-C: child processes must not be left behind."""
    raise KeyboardInterrupt("terminated")


def _print(outputs: Mapping[str, Any]) -> None:
    sys.set_int_max_str_digits(0)  # a computed number of any length can be printed
    text = json.dumps(plain(outputs), ensure_ascii=False, indent=2)
    try:
        sys.stdout.buffer.write(to_utf8(f"{text}\n"))
        sys.stdout.buffer.flush()
    except OSError as error:
        # Python must not write the rest of the buffer again when it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        _exit(
            ExitStatus.WRONG_USAGE, f"error: cannot write the outputs: {error.strerror}"
        )


def _exit(status: ExitStatus, message: str = "") -> NoReturn:
    if message:
        sys.stderr.write(f"{mask(message)}\n")
    sys.exit(status)


def _leave(status: ExitStatus, journal: str | None) -> NoReturn:
    """Exit at once: a thread that goes on must not keep the program alive."""
    goes_on = f"; to continue, run it again with --journal {journal}" if journal else ""
    sys.stderr.write(f"interrupted{goes_on}\n")
    sys.stderr.flush()
    os._exit(status)
