"""`EventLog`: the events of a run as a JSON Lines file.

    {"kind":"batch_started","node_id":"sum","time":1767225600.25,"total":2}
    {"kind":"item_started","node_id":"sum","time":1767225600.25,"index":0}
    {"kind":"item_finished","node_id":"sum","time":1767225601.5,"index":0,"attempt":1}

The module `event` says what the fields mean, `delivery` what a listener is.
"""

import logging
import os
from contextlib import suppress
from io import FileIO
from json import JSONEncoder

from pflow_lower.runtime.errors import RunError
from pflow_lower.runtime.events.delivery import QUIET
from pflow_lower.runtime.events.event import Event
from pflow_lower.support.text import to_utf8

logger = logging.getLogger("pflow_lower.runtime")

_encode = JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str
).encode


class EventLog:
    """A listener that adds each event to a file, as one JSON object a line.

    Fields that are None or False are left out. Lines are written several times a
    second and always whole, so a killed run leaves all but its last moments. A line
    that a full disk cut off is removed; if that fails, the next run begins a new
    line. A failed write is logged, and nothing more is written.

    Missing directories are created, and the contents of the file stay. Raises
    RunError if it cannot be opened.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self._lines: list[bytes] = []
        self._written = 0.0
        try:
            os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)
            self._file = FileIO(self.path, "ab")
        except (OSError, ValueError) as error:  # a null byte is a ValueError
            raise RunError(self._message(error)) from error
        if _ends_within_line(self.path):
            self._lines.append(b"\n")

    def __call__(self, event: Event) -> None:
        """Add an event; it is in the file after a fraction of a second.

        For that, `Events` calls `flush` once no more events follow.
        """
        if self._file.closed:
            return
        self._lines.append(_line(event))
        if abs(event.time - self._written) >= QUIET:
            self._written = event.time
            self.flush()

    def flush(self) -> None:
        """Write what is not written yet."""
        data = b"".join(self._lines)
        self._lines.clear()
        written = 0
        try:
            while written < len(data):
                written += self._file.write(memoryview(data)[written:])
        except (OSError, ValueError) as error:
            logger.error("%s; the events end here", self._message(error))
            half = written - (data.rfind(b"\n", 0, written) + 1)
            with suppress(OSError):  # a pipe cannot be cut
                size = os.fstat(self._file.fileno()).st_size
                os.truncate(self._file.fileno(), size - half)
            self._file.close()

    def close(self) -> None:
        """Write what is not written yet, and close the file."""
        if not self._file.closed:
            self.flush()
            self._file.close()

    def _message(self, error: Exception) -> str:
        reason = error.strerror if isinstance(error, OSError) else error
        return f'cannot write events to "{self.path}": {reason}'


def _line(event: Event) -> bytes:
    fields = {"kind": event.kind, **event._asdict()}
    told = {
        name: value
        for name, value in fields.items()
        if value is not None and value is not False
    }
    return to_utf8(f"{_encode(told)}\n")


def _ends_within_line(path: str) -> bool:
    """Return whether the last line of a regular file has no end; False if unknown."""
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    except OSError:  # it is empty, or may not be read
        return False
