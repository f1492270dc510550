"""Capture what code prints, separately for each of several runs at once.

`sys.stdout` belongs to the whole process: replacing it for one run would mix up the
output of parallel runs, and might restore what another run had put there. Here one
stand-in for each of the two streams is in place while any run lasts. It looks up the
run in the context of the caller. Without one, as in other threads of the program, it
prints as usual.
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
    """The output of one run of code."""

    def __init__(self) -> None:
        self._octets = {"stdout": io.BytesIO(), "stderr": io.BytesIO()}
        self._streams = {name: _text(to) for name, to in self._octets.items()}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Capture what the current context prints."""
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
        """Return the stream to print to."""
        return self._streams[name]

    def text(self, name: _Name) -> str:
        """Return what has been printed so far."""
        return self._octets[name].getvalue().decode("utf-8", "surrogateescape")


class _Standin:
    """Stands in for a stream of `sys`, and passes everything on to the right one."""

    def __init__(self, name: _Name) -> None:
        self._name: _Name = name
        self._usual: TextIO | None = None

    def __getattr__(self, attribute: str) -> object:
        return getattr(self._stream(), attribute)

    def install(self) -> None:
        """Replace the stream, unless that is done already."""
        if not self._installed():
            self._usual = getattr(sys, self._name)
            setattr(sys, self._name, self)

    def remove(self) -> None:
        """Restore the stream, unless it has been replaced again since."""
        if self._installed():
            setattr(sys, self._name, self._usual)

    def _installed(self) -> bool:
        return getattr(sys, self._name) is self

    def _stream(self) -> TextIO:
        capture = _current.get()
        if capture is not None:
            return capture.stream(self._name)
        # This object may have been kept, and be used after it was removed.
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
