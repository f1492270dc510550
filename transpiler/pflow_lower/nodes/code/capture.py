"""What code prints, caught per run of it, however many runs there are at once.

`sys.stdout` belongs to the whole process, so replacing it for the time of one
run mixes up what parallel runs print and may put back what another run had put
there. Here one stand-in for each of the two streams is in place while any run
lasts; it asks the context of whoever prints where that is to go. What has no
run in its context, such as the other threads of the program, prints as ever.
"""

import io
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock
from typing import Literal, TextIO, cast

_Name = Literal["stdout", "stderr"]


class Capture:
    """What one run of code prints."""

    def __init__(self) -> None:
        self._octets = {"stdout": io.BytesIO(), "stderr": io.BytesIO()}
        self._streams = {name: _text(to) for name, to in self._octets.items()}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Catch what the current context prints."""
        with _lock:
            _running.add(self)
            for standin in _standins:
                standin.install()
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            with _lock:
                _running.discard(self)
                if not _running:
                    for standin in _standins:
                        standin.remove()

    def stream(self, name: _Name) -> TextIO:
        """Give the stream that takes what is printed."""
        return self._streams[name]

    def text(self, name: _Name) -> str:
        """Give what has been printed so far."""
        return self._octets[name].getvalue().decode("utf-8", "surrogateescape")


class _Standin:
    """Stands in for a stream of `sys`, and is whichever stream it is just now."""

    def __init__(self, name: _Name) -> None:
        self._name: _Name = name
        self._usual: TextIO | None = None

    def __getattr__(self, attribute: str) -> object:
        return getattr(self._stream(), attribute)

    def install(self) -> None:
        """Take the place of the stream, unless it has it already."""
        if not self._installed():
            self._usual = getattr(sys, self._name)
            setattr(sys, self._name, self)

    def remove(self) -> None:
        """Give the place back, unless somebody else has taken it since."""
        if self._installed():
            setattr(sys, self._name, self._usual)

    def _installed(self) -> bool:
        return getattr(sys, self._name) is self

    def _stream(self) -> TextIO:
        capture = _current.get()
        if capture is not None:
            return capture.stream(self._name)
        # Whoever has kept this object may print after it was removed.
        now = self._usual if self._installed() else getattr(sys, self._name)
        return io.StringIO() if now is None else cast(TextIO, now)


def _text(octets: io.BytesIO) -> io.TextIOWrapper:
    return io.TextIOWrapper(
        octets,
        encoding="utf-8",
        errors="surrogateescape",
        newline="",
        write_through=True,
    )


_current: ContextVar[Capture | None] = ContextVar("capture", default=None)
_running: set[Capture] = set()
_standins = (_Standin("stdout"), _Standin("stderr"))
_lock = Lock()
