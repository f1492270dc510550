"""Progress bars on real terminals, and on streams that are none."""

import fcntl
import io
import os
import re
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import dedent
from typing import Any, TextIO

import event_samples
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from pflow_lower.runtime.errors import RunError
from pflow_lower.runtime.events.delivery import Events
from pflow_lower.runtime.events.event import Event, now
from pflow_lower.runtime.events.progress import Progress, progress

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""


@pytest.fixture(autouse=True)
def nothing_is_left_behind() -> Iterator[None]:
    """Check that a test leaves no thread and no bar."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) == before
    assert not getattr(tqdm, "_instances", ())


class Screen:
    """A terminal of 100 columns, and what was written to it."""

    def __init__(self, file: TextIO, leader: int) -> None:
        self.file = file
        self._leader = leader
        self._written = b""
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def text(self) -> str:
        return self._written.decode()

    def states(self) -> list[str]:
        """Give what stood in a line at some time, the last one last."""
        return [one for one in re.split(r"[\r\n]+", self.text) if one]

    def wait_for(self, pattern: str) -> str:
        """Wait until there is what a pattern describes, and give that."""
        end = time.monotonic() + PATIENCE
        while (found := re.search(pattern, self.text)) is None:
            assert time.monotonic() < end, f"{pattern} never came: {self.text!r}"
            time.sleep(0.005)
        return found[0]

    def close(self) -> None:
        """Take all that was written, and nothing more."""
        self.file.close()
        self._reader.join()
        os.close(self._leader)

    def _read(self) -> None:
        while True:
            try:
                self._written += os.read(self._leader, 65536)
            except OSError:  # that is how the end looks
                return


@contextmanager
def terminal() -> Iterator[Screen]:
    leader, follower = os.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 100, 0, 0))
    screen = Screen(os.fdopen(follower, "w", encoding="utf-8"), leader)
    try:
        yield screen
    finally:
        screen.close()


class Terminal(io.StringIO):
    """A terminal to be written to without end."""

    def isatty(self) -> bool:
        return True


def event(kind: str, index: int | None = None, **fields: Any) -> Event:
    item = {} if index is None else {"index": index}
    return event_samples.event(kind, **{"time": now()} | item | fields)


def test_a_bar_ends_with_what_was_done_failed_and_retried() -> None:
    with terminal() as screen:
        events = Events([Progress(screen.file)])
        events.emit(event("batch_started", total=4))
        for index in range(4):
            events.emit(event("item_started", index))
        events.emit(event("item_retried", 1, attempt=1, wait=0.0, error="no"))
        events.emit(event("item_finished", 0, attempt=1))
        events.emit(event("item_failed", 1, attempt=2, error="no"))
        events.emit(event("item_finished", 2, attempt=1))
        events.emit(event("item_finished", 3, journaled=True))
        events.emit(event("batch_finished", count=4, success_count=3, error_count=1))
        events.close()
    last = screen.states()[-1]
    assert last.startswith("sum: 100%|█")
    assert "| 4/4 [" in last
    assert last.endswith(", 1 failed, 1 retried, 1 from the journal]")
    assert screen.text.endswith("\n")
    assert all(len(state) <= 100 for state in screen.states())


def test_a_stream_of_items_has_a_count() -> None:
    with terminal() as screen:
        events = Events([Progress(screen.file)])
        events.emit(event("batch_started"))
        for index in range(12):
            events.emit(event("item_finished", index, attempt=1))
        events.emit(event("batch_finished", count=12))
        events.close()
    assert screen.states()[-1].startswith("sum: 12 items [00:00, ")


def test_the_newest_state_is_shown_although_nothing_follows() -> None:
    with terminal() as screen:
        events = Events([Progress(screen.file)])
        events.emit(event("batch_started", total=9))
        for index in range(5):
            events.emit(event("item_finished", index, attempt=1))
        screen.wait_for(r"\| 5/9 \[")
        events.close()


def test_it_says_while_the_batch_is_held_back() -> None:
    with terminal() as screen:
        events = Events([Progress(screen.file)])
        begin = now()
        events.emit(event("batch_started", total=2, time=begin))
        events.emit(event("held_back", wait=30.0, time=begin))
        screen.wait_for("held back 30 s")
        events.emit(event("item_finished", 0, time=begin + 29))
        assert "held back 30 s" in screen.wait_for(r"\| 1/2 \[.*?\]")
        events.emit(event("item_started", 1, time=begin + 30))
        events.emit(event("item_finished", 1, time=begin + 31))
        assert "held back" not in screen.wait_for(r"\| 2/2 \[.*?\]")
        events.close()


@pytest.mark.parametrize(
    ("wait", "shown"), [(0.25, "0.2 s"), (2.5, "2.5 s"), (3600.0, "3600 s")]
)
def test_how_long_is_easy_to_read(wait: float, shown: str) -> None:
    stream = Terminal()
    bars = Progress(stream)
    bars(event("batch_started", total=2))
    bars(event("held_back", wait=wait))
    bars.close()
    assert f", held back {shown}]" in stream.getvalue()


def test_an_interrupted_run_leaves_its_bars_as_they_are() -> None:
    with terminal() as screen:
        events = Events([Progress(screen.file)])
        events.emit(event("batch_started", total=3))
        events.emit(event("item_finished", 0, attempt=1))
        events.close()
    assert "| 1/3 [" in screen.states()[-1]
    assert screen.text.endswith("\n")


def test_batches_at_the_same_time_have_a_line_each() -> None:
    with terminal() as screen:
        events = Events([Progress(screen.file)])
        for batch in (1, 2):
            events.emit(event("batch_started", total=2, batch=batch))
        for batch, index in [(1, 0), (2, 0), (2, 1)]:
            events.emit(event("item_finished", index, batch=batch))
        for batch in (2, 1):
            events.emit(event("batch_finished", batch=batch))
        events.close()
    *_, second, first = screen.states()
    assert "| 2/2 [" in second
    assert "| 1/2 [" in first
    assert screen.text.endswith("\n")


def test_a_batch_that_starts_anew_has_a_new_bar() -> None:
    with terminal() as screen:
        events = Events([Progress(screen.file)])
        events.emit(event("batch_started", total=2))
        events.emit(event("item_finished", 0))
        events.emit(event("batch_started", total=5))
        events.emit(event("batch_finished"))
        events.close()
    assert "| 0/5 [" in screen.states()[-1]


def test_what_belongs_to_no_batch_is_ignored() -> None:
    stream = io.StringIO()
    bars = Progress(stream)
    bars(event("item_finished", 0))
    bars(event("batch_finished"))
    bars.flush()
    bars.close()
    assert stream.getvalue() == ""


def test_it_is_not_redrawn_for_each_item() -> None:
    stream = Terminal()
    bars = Progress(stream)
    begin = time.monotonic()
    bars(event("batch_started", total=50_000))
    for index in range(50_000):
        bars(event("item_started", index))
        bars(event("item_retried", index, wait=0.0))
        bars(event("item_finished", index, attempt=2))
    bars(event("batch_finished"))
    took = time.monotonic() - begin
    # Ten a second, the first, the last, and one for the clocks' differences.
    assert stream.getvalue().count("sum:") <= took / 0.1 + 3
    assert "| 50000/50000 [" in stream.getvalue()


@given(st.text(st.characters(exclude_categories=())))
def test_no_node_id_can_play_tricks_on_a_terminal(node_id: str) -> None:
    stream = Terminal()
    bars = Progress(stream)
    bars(event("batch_started", total=2, node_id=node_id))
    bars(event("item_finished", 0, node_id=node_id))
    bars(event("batch_finished", node_id=node_id))
    assert re.sub(r"[\r\n]", "", stream.getvalue()).isprintable()
    stream.getvalue().encode("utf-8")


def test_a_long_node_id_leaves_room_for_the_bar() -> None:
    stream = Terminal()
    bars = Progress(stream)
    bars(event("batch_started", total=2, node_id="n" * 500))
    bars.close()
    assert f"\r{'n' * 39}…:   0%|" in stream.getvalue()


def test_auto_is_for_terminals() -> None:
    with terminal() as screen:
        assert isinstance(progress("auto", screen.file), Progress)
        assert progress("never", screen.file) is None
    assert progress("auto", io.StringIO()) is None
    assert isinstance(progress("always", io.StringIO()), Progress)
    assert progress("always", None) is None


def test_without_tqdm_auto_shows_nothing_and_always_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert progress("auto", Terminal()) is None
    with pytest.raises(RunError) as raised:
        progress("always", Terminal())
    assert str(raised.value) == (
        "progress bars need an extra: pip install 'pflow-lower[progress]'"
    )


class Broken(Terminal):
    """A terminal that is gone."""

    def write(self, text: str) -> int:
        raise OSError("it hung up")


def test_a_terminal_that_is_gone_does_not_keep_others_from_their_bars() -> None:
    bars = Progress(Broken())
    bars(event("batch_started", total=2))
    bars(event("item_finished", 0))
    bars.flush()

    def other() -> None:
        for _ in tqdm(range(3), file=io.StringIO()):
            pass

    # A lock that the first bar kept would let this thread wait for ever.
    thread = threading.Thread(target=other, daemon=True)
    with_monitor, tqdm.monitor_interval = tqdm.monitor_interval, 0
    try:
        thread.start()
        thread.join(PATIENCE)
        assert not thread.is_alive()
    finally:
        tqdm.monitor_interval = with_monitor
    bars.close()


def test_it_is_seen_on_the_standard_error_of_a_program() -> None:
    code = """
        import sys
        from pflow_lower.runtime import BatchFinished, BatchStarted, ItemFinished
        from pflow_lower.runtime.events.delivery import Events
        from pflow_lower.runtime.events.progress import progress

        shown = progress("auto", sys.stderr)
        assert shown is not None
        events = Events([shown])
        events.emit(BatchStarted("sum", 1.0, 1, total=1))
        events.emit(ItemFinished("sum", 2.0, 1, index=0, attempt=1))
        events.emit(BatchFinished("sum", 3.0, 1, None, None, 1, 1, 0))
        events.close()
        print("the outputs")
    """
    with terminal() as screen:
        done = subprocess.run(
            [sys.executable, "-c", dedent(code)],
            stdout=subprocess.PIPE,
            stderr=screen.file,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            timeout=PATIENCE,
            check=True,
        )
    assert done.stdout == b"the outputs\n"
    assert screen.states()[-1].startswith("sum: 100%|█")


def test_nothing_of_it_is_imported_before_it_is_needed() -> None:
    code = (
        "import sys\n"
        "from pflow_lower.runtime.events import progress, telemetry\n"
        "assert not {'tqdm', 'opentelemetry'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], timeout=PATIENCE, check=True)
