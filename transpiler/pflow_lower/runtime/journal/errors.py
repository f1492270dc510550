"""What is wrong with a journal, and what to do about it."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from pflow_lower.runtime.errors import RunError


class JournalError(RunError):
    """A journal cannot be used, or no longer; the message says what to do."""


_IN_USE = "is in use by another run: wait until that has ended, or use another journal"
_LOCKED = (
    "is locked by another program that reads it: end that program, and run again with "
    "the same journal; nothing in it is lost"
)
_NOT_OPENED = "cannot be opened: check its path, and that its folder is writable"
_DAMAGED = (
    "is damaged: use another journal, or recover its contents with the command "
    ".recover of sqlite3"
)

_ADVICE = {
    "": _DAMAGED,  # from Python, not from SQLite: what should be text is not
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_CANTOPEN": _NOT_OPENED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_ERROR": _DAMAGED,  # its tables are not those of a journal
    "SQLITE_FULL": "cannot be written, the disk is full: make room and run again "
    "with the same journal; nothing in it is lost",
    "SQLITE_IOERR": "cannot be read or written: check that the disk is not full, "
    "no limit for files is reached and the file is still there, and run again with "
    "the same journal; nothing in it is lost",
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_READONLY": "cannot be written: check the permissions of the file and of "
    "its folder",
}


def failed(path: str, what: str) -> JournalError:
    """Return the error about the journal at `path`; `what` follows its name."""
    return JournalError(f'the journal "{path}" {what}')


def damaged(path: str, found: str) -> JournalError:
    """Return the error about the journal at `path` in which damage was found."""
    return failed(path, f"{_DAMAGED} ({' '.join(found.split())})")


@contextmanager
def explaining(path: str) -> Iterator[None]:
    """Explain the errors of SQLite and of the system."""
    try:
        yield
    except BlockingIOError as error:
        raise failed(path, _IN_USE) from error
    except OSError as error:
        raise failed(path, f"{_NOT_OPENED} ({error.strerror})") from error
    except (sqlite3.Error, UnicodeError) as error:
        # SQLITE_IOERR_WRITE is a SQLITE_IOERR.
        name = getattr(error, "sqlite_errorname", "")
        advice = _ADVICE.get("_".join(name.split("_")[:2]), "cannot be used")
        reason = " ".join(str(error).split())
        raise failed(path, f"{advice} ({reason})") from error
