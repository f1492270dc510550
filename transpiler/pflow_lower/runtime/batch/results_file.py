"""The results of a batch in a file: one JSON object a line, in the order of the items.

    {"index":0,"result":"..."}
    {"index":1,"result":null,"error":"File not found","type":"FileNotFoundError"}

While the batch runs they are in a file beside it, whose name ends in `.partial`;
that is renamed once all are there. A line is handed to the system as soon as those
before it are, so a kill loses none of them.
"""

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from io import FileIO
from threading import Lock
from typing import Any

from pflow_lower.runtime.batch.paths import spelled_out
from pflow_lower.runtime.errors import RunError, describe
from pflow_lower.support.atomic import is_special, keep_mode, write_all
from pflow_lower.support.text import to_utf8
from pflow_lower.support.values import plain, type_name

if sys.platform != "win32":
    import fcntl

_AT_ONCE = 1 << 20
"""How many bytes are written at once, at most."""

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class ResultsFileError(RunError):
    """The results of a batch cannot be written; the message names the file."""


class ResultsFile:
    """Takes the results of a batch as they come, and writes them in order.

    It must be ended by `finish` or `keep`, once no `put` is running. These take no
    lock: an interrupted `put` may have left one held.
    """

    def __init__(self, path: object) -> None:
        """Open the file beside the one at `path`; what is there is not touched.

        A relative path starts at the working directory, `~/` at the home
        directory; a link is followed. Raises ResultsFileError if `path` is not a path,
        cannot be written to, or is being written to by another batch.
        """
        if not isinstance(path, str) or not path:
            found = type_name(path) if path != "" else "an empty string"
            raise ResultsFileError(f"results can only go to a path, not to {found}")
        self._waiting: dict[int, bytes] = {}
        self._next = 0
        self._ready = bytearray()
        self._size = 0
        self._gathering, self._writing = Lock(), Lock()
        self._path = self._kept = path
        try:
            self._path = spelled_out(path)
            self._target = os.path.realpath(self._path)
            self._draft = f"{self._target}.partial"
            linked = os.path.islink(self._path)
            self._kept = self._draft if linked else f"{self._path}.partial"
            self._file = _open(self._path, self._target, self._draft)
        except OSError as error:
            raise self._error(error.strerror or describe(error)) from error
        except ValueError as error:
            raise self._error(str(error)) from error

    @property
    def waiting(self) -> int:
        """How many results are held in memory, waiting for an earlier one."""
        return len(self._waiting)

    def put(self, index: int, record: Mapping[str, Any]) -> None:
        """Add the line of an item, its `index` and the record; any thread may call it.

        What JSON cannot represent is written as its `str`. Raises ResultsFileError
        if the write fails; the line is kept then, and tried again with the next.
        Raises ValueError if the item has a line already, or the file is closed.
        """
        try:
            line = _line(index, record)
        except Exception as error:
            raise self._error(f"item {index}: {describe(error)}") from error
        if self._file.closed:
            raise ValueError(f"the file is closed, item {index} comes too late")
        if index == self._next:  # no other item moves on before this one
            self._ready += line
            self._next = index + 1
        elif index < self._next or self._waiting.setdefault(index, line) is not line:
            raise ValueError(f"item {index} has a result already")
        # No thread waits for a lock: its holder does the work for all. A waiting thread
        # would be passed by others again and again, and all results after its item
        # would have to be held until then.
        while self._next in self._waiting and self._gathering.acquire(blocking=False):
            try:
                self._gather()
            finally:
                self._gathering.release()
        while self._ready and self._writing.acquire(blocking=False):
            try:
                self._write()
            finally:
                self._writing.release()

    def finish(self, count: int) -> str:
        """Complete the file, and return its path.

        All of `count` items have ended; a missing result is null. Raises
        ResultsFileError if that fails; the results so far are kept then, as by
        `keep`. Raises ValueError if there are results of more items.
        """
        if max(self._waiting, default=self._next - 1) >= count:
            raise ValueError(f"there are results past the last of {count} items")
        try:
            with self._failing():
                self._fill(count)
                os.fsync(self._file.fileno())
                self._publish()
        except BaseException:
            with suppress(ResultsFileError):
                self.keep()
            raise
        return self._path

    def keep(self) -> str:
        """Close the file as it is, incomplete, and return its path.

        Lines that wait for earlier items are written. Raises ResultsFileError if
        that fails; the file is closed all the same. May be called again.
        """
        if self._file.closed:
            return self._kept
        try:
            for index in sorted(self._waiting):
                if index >= self._next:
                    self._next = index
                    self._gather()
            while self._ready:
                self._write()
            with self._failing():
                self._check_it_is_there()
        finally:
            self._file.close()
        return self._kept

    def _fill(self, count: int) -> None:
        while self._next < count:
            if self._next not in self._waiting:
                self._waiting[self._next] = _line(self._next, {"result": None})
            self._gather()
            if len(self._ready) >= _AT_ONCE:
                self._write()
        while self._ready:
            self._write()

    def _gather(self) -> None:
        """Move the lines that wait for no other one to those that are ready."""
        while (line := self._waiting.get(self._next)) is not None:
            # An interrupt comes before both or after both: nothing is called here.
            self._ready += line
            self._next += 1
            del self._waiting[self._next - 1]

    def _write(self) -> None:
        """Write what is ready, or a large part of it."""
        lines = bytes(self._ready[:_AT_ONCE])
        length = len(lines)
        try:
            if (written := self._file.write(lines)) < length:
                write_all(self._file, lines[written:])
            # An interrupt comes before both or after both: nothing is called here.
            self._size += length
            del self._ready[:length]
        except BaseException as error:
            with suppress(OSError):
                self._settle(lines)
            if isinstance(error, OSError):
                raise self._failure(error) from error
            raise

    def _settle(self, lines: bytes) -> None:
        """Forget the lines that a failed write has written, and cut off half a line.

        Half a line would make the file unreadable.
        """
        arrived = os.fstat(self._file.fileno()).st_size - self._size
        whole = lines.rfind(b"\n", 0, arrived) + 1
        self._file.truncate(self._size + whole)
        self._size += whole
        del self._ready[:whole]

    def _publish(self) -> None:
        """Rename the file to its target, with the mode and owner of that."""
        self._check_it_is_there()
        with suppress(FileNotFoundError):
            existing = os.stat(self._target)
            with suppress(PermissionError, AttributeError):  # Windows has no chown
                os.chown(self._draft, existing.st_uid, existing.st_gid)
            keep_mode(self._draft, existing)
        if sys.platform == "win32":
            self._file.close()  # it could not be renamed otherwise
        # Elsewhere the lock is held until the file has its name.
        os.replace(self._draft, self._target)
        self._file.close()

    def _check_it_is_there(self) -> None:
        if not _is_at(self._file, self._draft):
            raise self._error(f"{self._kept} was removed while it was written to")

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Make an error of the system name the file, and where the results are."""
        try:
            yield
        except OSError as error:
            raise self._failure(error) from error

    def _failure(self, error: OSError) -> ResultsFileError:
        return self._error(f"{error.strerror}; the results so far are in {self._kept}")

    def _error(self, reason: str) -> ResultsFileError:
        return ResultsFileError(f"cannot write results to {self._path}: {reason}")


def _line(index: int, record: Mapping[str, Any]) -> bytes:
    members = [f'"index":{index}']
    for key, value in record.items():
        if key != "index":
            json_value = _encode(value if type(value) is str else plain(value))
            members.append(f"{_encode(str(key))}:{json_value}")
    return to_utf8(f"{{{','.join(members)}}}\n")


def _open(path: str, target: str, draft: str) -> FileIO:
    """Open the draft of `target`, which `path` leads to, empty and locked."""
    if path.endswith("/"):
        raise ValueError("it ends in /, as only folders do")
    for each in (path, draft):
        if is_special(each):
            raise ValueError(f"{each} is not a regular file")
    if not os.path.isdir(folder := os.path.dirname(target)):
        raise ValueError(f"there is no folder {folder}")
    # Until it replaces a file, it is not to be more readable than that.
    mode = 0o600 if os.path.exists(target) else 0o666
    while True:
        file = FileIO(draft, "a", opener=partial(_open_itself, mode=mode))
        try:
            _take(file)
            if _is_at(file, draft):
                file.truncate(0)
                return file
        except BaseException:
            file.close()
            raise
        # Another batch finished it after it was opened and before it was locked.
        file.close()


def _open_itself(path: str, flags: int, *, mode: int) -> int:
    return os.open(path, flags | getattr(os, "O_NOFOLLOW", 0), mode)


def _take(file: FileIO) -> None:
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError("another batch is writing to it") from None
    except OSError:  # a file system without locks
        return


def _is_at(file: FileIO, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.stat(path))
    except FileNotFoundError:
        return False
