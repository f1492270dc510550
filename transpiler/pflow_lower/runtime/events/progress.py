"""`progress`: a bar per batch on a terminal, drawn by tqdm.

    sum:  42%|████▏     | 42/100 [00:10<00:13,  4.2 items/s, 1 failed, 3 retried]

The bars are for people; the other listeners tell everything.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Literal, TextIO

from pflow_lower.runtime.errors import RunError
from pflow_lower.runtime.events.event import (
    BatchFinished,
    BatchStarted,
    Event,
    HeldBack,
    ItemFailed,
    ItemFinished,
    ItemRetried,
)
from pflow_lower.support.text import printable, shorten

if TYPE_CHECKING:
    from tqdm import tqdm

_REDRAW, _REDRAW_IN_FILE = 0.1, 5.0
"""Seconds between two redraws; in a file each of them stays."""

_LONGEST_NAME = 40


def progress(
    mode: Literal["auto", "always", "never"], stream: TextIO | None
) -> "Progress | None":
    """Return a listener that shows bars on a stream, or None where none are shown.

    With "auto" there are bars where the stream is a terminal and tqdm is
    installed. With "always" a missing tqdm is a RunError. The stream is None if Python
    found it closed.
    """
    if stream is None or mode == "never":
        return None
    if mode == "auto" and not stream.isatty():
        return None
    try:
        return Progress(stream)
    except ImportError as error:
        if mode == "auto":
            return None
        raise RunError(
            "progress bars need an extra: pip install 'pflow-lower[progress]'"
        ) from error


class Progress:
    """A listener that shows a bar for each batch, which stays when the batch is over.

    A bar counts the items that are over, also those that failed and those that
    the journal had, and says how many failed and were retried. What is written to
    the same terminal by others may break into a bar; the next redraw repairs it.

    Raises ImportError if tqdm is not installed.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar_type = _bar_type()
        self._bars: dict[tuple[str, int], _Batch] = {}

    def __call__(self, event: Event) -> None:
        """Show an event, at the latest when `flush` is called."""
        key = event.node_id, event.batch
        match event:
            case BatchStarted():
                self._close(key)
                self._bars[key] = _Batch(self._bar_of(event))
            case BatchFinished():
                self._close(key)
            case _ if (batch := self._bars.get(key)) is not None:
                batch.show(event)

    def flush(self) -> None:
        """Redraw the bars, now that there is time."""
        for batch in self._bars.values():
            batch.bar.update(0)

    def close(self) -> None:
        """Leave the bars of batches that did not finish as they are."""
        for key in list(self._bars):
            self._close(key)

    def _close(self, key: tuple[str, int]) -> None:
        if (batch := self._bars.pop(key, None)) is not None:
            with suppress(OSError, ValueError):  # the terminal may be gone
                batch.bar.close()

    def _bar_of(self, event: BatchStarted) -> "tqdm[Any]":
        on_terminal = self._stream.isatty()
        return self._bar_type(
            desc=printable(shorten(event.node_id, _LONGEST_NAME)),
            total=event.total,
            file=self._stream,
            unit=" items",
            mininterval=_REDRAW if on_terminal else _REDRAW_IN_FILE,
            miniters=0,  # the time alone decides, also if only the notes change
            dynamic_ncols=on_terminal,
        )


class _Batch:
    """A bar, and the notes behind it."""

    def __init__(self, bar: "tqdm[Any]") -> None:
        self.bar = bar
        self._counts = {"failed": 0, "retried": 0, "from the journal": 0}
        self._held_until: float | None = None
        self._held_for = 0.0

    def show(self, event: Event) -> None:
        if self._held_until is not None and event.time >= self._held_until:
            self._held_until = None
            self._note()
        match event:
            case ItemFinished(journaled=True):
                # Their speed says nothing about how long the rest will take.
                self.bar.initial += 1
                self.bar.last_print_n += 1
                self._add("from the journal")
            case ItemFailed():
                self._add("failed")
            case ItemRetried():
                self._add("retried")
            case HeldBack():
                self._held_until = event.time + event.wait
                self._held_for = event.wait
                self._note()
        self.bar.update(1 if isinstance(event, ItemFinished | ItemFailed) else 0)

    def _add(self, what: str) -> None:
        self._counts[what] += 1
        self._note()

    def _note(self) -> None:
        notes = [f"{count:,} {what}" for what, count in self._counts.items() if count]
        if self._held_until is not None:  # first, since the end may be cut off
            seconds = f"{self._held_for:.1f}".removesuffix(".0")
            notes.insert(0, f"held back {seconds} s")
        self.bar.set_postfix_str(", ".join(notes), refresh=False)


def _bar_type() -> "type[tqdm[Any]]":
    from tqdm import tqdm

    # All bars of a program share a lock; asked of our own class first, it would be
    # another one.
    tqdm.get_lock()  # type: ignore[no-untyped-call] # the stubs leave it open

    class Bar(tqdm):  # type: ignore[type-arg] # it takes none when the program runs
        monitor_interval = 0  # no thread that watches bars

        def display(self, msg: str | None = None, pos: int | None = None) -> None:
            # tqdm would keep the lock forever if this raised, and a node that shows a
            # bar of its own would wait for it.
            with suppress(OSError, ValueError):
                super().display(msg, pos)

    return Bar
