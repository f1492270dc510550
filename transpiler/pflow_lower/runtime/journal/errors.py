"""What is wrong with a journal, in words that say what to do about it."""

from pflow_lower.runtime.errors import RunError


class JournalError(RunError):
    """A journal cannot be used, or not any longer; the message says what to do."""


_IN_USE = "is in use by another run: wait until that has ended, or give another journal"
_LOCKED = (
    "is locked by a program that looks into it: have that end first, and run again "
    "with the same journal; what it holds is not lost"
)
_NOT_OPENED = "cannot be opened: check its path, and that its folder may be written to"
_DAMAGED = (
    "is damaged: give another journal, or save what it holds with the command "
    ".recover of sqlite3"
)

_ADVICE = {
    "": _DAMAGED,  # not from SQLite, but from Python: what should be text is none
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_CANTOPEN": _NOT_OPENED,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_ERROR": _DAMAGED,  # its tables are not those of a journal
    "SQLITE_FULL": "cannot be written, the disk is full: make room and run again "
    "with the same journal; what it holds is not lost",
    "SQLITE_IOERR": "cannot be read or written: check that the disk is not full, "
    "no limit for files is reached and the file is still there, and run again with "
    "the same journal; what it holds is not lost",
    "SQLITE_NOTADB": _DAMAGED,
    "SQLITE_READONLY": "cannot be written: check the permissions of the file and of "
    "its folder",
}


def failed(path: str, what: str) -> JournalError:
    """Make the error about the journal at `path`; `what` goes on after its name."""
    return JournalError(f'the journal "{path}" {what}')


def damaged(path: str, found: str) -> JournalError:
    """Make the error about the journal at `path` in which something was found."""
    return failed(path, f"{_DAMAGED} ({' '.join(found.split())})")


def explained(path: str, error: Exception) -> JournalError:
    """Make the error that says what one of SQLite, or of the system, means."""
    if isinstance(error, BlockingIOError):
        return failed(path, _IN_USE)
    if isinstance(error, OSError):
        return failed(path, f"{_NOT_OPENED} ({error.strerror})")
    # SQLITE_IOERR_WRITE is a SQLITE_IOERR.
    name = getattr(error, "sqlite_errorname", "")
    advice = _ADVICE.get("_".join(name.split("_")[:2]), "cannot be used")
    return failed(path, f"{advice} ({' '.join(str(error).split())})")
