"""The lock on a journal: only one run at a time holds it.

It is on an empty file beside the journal. SQLite could lock the journal itself for
one connection only, and then readers would wait for writers. `flock` locks
alike on Linux and macOS, within a process as between processes, and the system ends
the lock of a killed process.
"""

import os
import sys
from contextlib import suppress
from typing import Final

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

_held: Final[set[int]] = set()
"""The descriptors of the locks that this process has."""


class FileLock:
    """The lock that the file at `path` stands for, from now until `release`.

    Raises BlockingIOError if another run has it, and OSError if the file cannot be
    created.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        # Its last holder may have removed the file after it was opened here; then
        # another file of the same name may be locked as well.
        while not self._acquire():
            pass

    def release(self) -> None:
        """Let others have the lock, and remove its file."""
        with suppress(OSError):  # Windows keeps a file that is open
            os.unlink(self._path)
        _held.discard(self._descriptor)
        os.close(self._descriptor)

    def _acquire(self) -> bool:
        """Lock the file; tell whether it is still the one of its name."""
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o666)
        is_ours = False
        try:
            _lock(self._descriptor)
            with suppress(FileNotFoundError):
                now = os.stat(self._path)
                is_ours = os.path.samestat(now, os.fstat(self._descriptor))
        finally:
            if is_ours:
                _held.add(self._descriptor)
            else:
                os.close(self._descriptor)
        return is_ours


def _lock(descriptor: int) -> None:
    if sys.platform == "win32":
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError as error:
            raise BlockingIOError from error
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _let_go() -> None:
    """Release, in a forked process, the locks of its parent.

    The child may outlive its parent.
    """
    for descriptor in _held:
        os.close(descriptor)
    _held.clear()


if sys.platform != "win32":
    os.register_at_fork(after_in_child=_let_go)
