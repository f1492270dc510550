"""Data on standard output, and messages on standard error."""

import os
import sys


def say(text: str) -> None:
    """Write a message to standard error, with escapes for what it cannot encode."""
    encoding = sys.stderr.encoding or "utf-8"
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    sys.stderr.write(f"{shown}\n")


def write_stdout(text: str) -> None:
    """Write data to standard output; raise OSError that names it."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        forget_stdout()
        raise OSError(error.errno, error.strerror, "<stdout>") from error


def forget_stdout() -> None:
    """Discard what could not be written: Python would try again when it exits."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
