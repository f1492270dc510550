"""The exit statuses of every program of the package."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What a program exits with: `docs/language.md` § 6."""

    OK = 0
    FAILED = 1
    """The run failed, or the workflow has errors."""
    WRONG_USAGE = 2
    """An option is wrong, or a file cannot be read or written."""
    BUG = 3
    INTERRUPTED = 130
    TERMINATED = 143
