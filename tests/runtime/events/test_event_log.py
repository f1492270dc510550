"""Events as JSON Lines: whole lines, whatever happens to the process or the disk."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.runtime.errors import RunError
from pflow_lower.runtime.events.delivery import Events
from pflow_lower.runtime.events.event import (
    BatchFinished,
    BatchStarted,
    ItemFailed,
    ItemFinished,
    ItemStarted,
)
from pflow_lower.runtime.events.event_log import EventLog

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""

STARTED = BatchStarted("sum", 1767225600.25, 1, total=2)
FINISHED = ItemFinished("sum", 1767225601.5, 1, index=0, attempt=1)


def lines_of(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def program(*lines: str) -> str:
    """Give a program that logs many events to the file that it is called with."""
    head = """
        import sys
        from pflow_lower.runtime.events.event_log import EventLog
        from pflow_lower.runtime.events.delivery import Events
        from pflow_lower.runtime.events.event import ItemStarted, now

        events = Events([EventLog(sys.argv[1])])
    """
    return "\n".join([dedent(head), *map(dedent, lines)])


def test_an_event_is_a_compact_object_without_what_says_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log(STARTED)
    log(FINISHED)
    log(ItemFinished("sum", 1767225602.0, 1, index=1, attempt=None, journaled=True))
    log.close()
    assert path.read_text(encoding="utf-8") == (
        '{"kind":"batch_started","node_id":"sum","time":1767225600.25,"batch":1,"total":2}\n'
        '{"kind":"item_finished","node_id":"sum","time":1767225601.5,'
        '"batch":1,"index":0,"attempt":1}\n'
        '{"kind":"item_finished","node_id":"sum","time":1767225602.0,'
        '"batch":1,"index":1,"journaled":true}\n'
    )


def test_zeros_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    log(BatchFinished("b", 1.0, 1, None, None, 0, 0, 0))
    log.close()
    (line,) = lines_of(path)
    assert (line["count"], line["success_count"], line["error_count"]) == (0, 0, 0)


texts = st.text(st.characters(exclude_categories=()))


@given(st.lists(st.tuples(texts, st.integers(0, 10**9), texts)))
def test_any_event_comes_back_from_its_line(
    tmp_path_factory: pytest.TempPathFactory,
    fields: list[tuple[str, int, str]],
) -> None:
    emitted = [
        ItemFailed(node_id, 1000.5 + number, 1, index, 1, error, type="")
        for number, (node_id, index, error) in enumerate(fields)
    ]
    path = tmp_path_factory.mktemp("log") / "events.jsonl"
    log = EventLog(path)
    for each in emitted:
        log(each)
    log.close()
    with path.open(encoding="utf-8", newline="\n") as file:
        assert [ItemFailed(**json.loads(line)) for line in file] == emitted


def test_directories_are_made_and_what_a_file_holds_stays(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "events.jsonl"
    for _ in range(2):
        log = EventLog(path)
        log(STARTED)
        log.close()
    assert lines_of(path) == 2 * [{"kind": "batch_started", **STARTED._asdict()}]


def test_a_line_that_was_cut_off_does_not_spoil_the_next_one(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text('{"kind":"item_fin')
    log = EventLog(path)
    log(STARTED)
    log.close()
    cut, line = path.read_text().splitlines()
    assert cut == '{"kind":"item_fin'
    assert json.loads(line)["kind"] == "batch_started"


def test_where_it_cannot_be_opened_the_message_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(RunError) as raised:
        EventLog(tmp_path)
    assert str(raised.value) == f'cannot write events to "{tmp_path}": Is a directory'
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match=r'to ".*file/x": (Not a dir|File exists)'):
        EventLog(tmp_path / "file" / "x")
    with pytest.raises(RunError, match="null byte"):
        EventLog("\0")


def test_a_folder_that_takes_no_files_is_an_error() -> None:
    # Not even root may make a file there.
    with pytest.raises(RunError, match=r"Permission denied|Read-only file"):
        EventLog("/sys/events.jsonl")


def test_a_full_disk_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    log = EventLog("/dev/full")
    for _ in range(3):
        log(STARTED)
        log.flush()
    log.close()
    log.close()
    (record,) = caplog.records
    assert record.message == (
        'cannot write events to "/dev/full": No space left on device; '
        "the events end here"
    )


def test_a_disk_that_fills_up_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    code = program(
        """
        for index in range(1000):
            events.emit(ItemStarted("b", now(), 1, index, 1))
        events.close()
        print("the run goes on")
        """
    )
    limit = 10_000

    def limit_file_size() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = subprocess.run(
        [sys.executable, "-c", code, path],
        preexec_fn=limit_file_size,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stdout == "the run goes on\n"
    assert done.stderr == (
        f'cannot write events to "{path}": File too large; the events end here\n'
    )
    indices = [line["index"] for line in lines_of(path)]
    assert indices == list(range(len(indices)))
    assert limit - 100 < path.stat().st_size <= limit
    assert path.read_bytes().endswith(b"\n")


def test_a_killed_run_leaves_all_but_its_last_moments(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    code = program(
        """
        import time
        for index in range(1000):
            events.emit(ItemStarted("b", now(), 1, index, 1))
        time.sleep(600)  # it is killed long before
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code, path])
    try:
        end = time.monotonic() + PATIENCE
        # Nothing follows the last event, and yet it gets into the file.
        while not (
            path.exists() and b'"index":999,"attempt":1}\n' in path.read_bytes()
        ):
            assert time.monotonic() < end, "it never came"
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    assert [line["index"] for line in lines_of(path)] == list(range(1000))


def test_a_run_killed_in_the_middle_leaves_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    code = program(
        """
        index = 0
        while True:
            events.emit(ItemStarted("b", now(), 1, index, 1))
            index += 1
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code, path])
    try:
        end = time.monotonic() + PATIENCE
        while not (path.exists() and path.stat().st_size > 1_000_000):
            assert time.monotonic() < end, "it never came"
            time.sleep(0.01)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait(PATIENCE)
    # The kill may fall into a write; then the last line has no end.
    lines = path.read_bytes().split(b"\n")[:-1]
    assert [json.loads(line)["index"] for line in lines] == list(range(len(lines)))


def test_events_are_written_while_more_come(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    log = EventLog(path)
    for tenth in range(100):
        log(ItemStarted("b", tenth / 10, 1, tenth, 1))
    # By the events' own times, all but those of the last moment are due.
    assert len(lines_of(path)) >= 97
    log.close()
    assert len(lines_of(path)) == 100


def test_a_pipe_can_be_written_to(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    code = "import sys; sys.stdout.write(open(sys.argv[1]).read())"
    command = [sys.executable, "-c", code, str(pipe)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        events = Events([EventLog(pipe)])
        events.emit(STARTED)
        events.close()
        out, _ = reader.communicate(timeout=PATIENCE)
    assert json.loads(out)["kind"] == "batch_started"
