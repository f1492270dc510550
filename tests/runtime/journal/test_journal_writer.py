"""What is committed stays: through kills, full disks, exits and forks.

The programs here print what they know to be committed; the test then looks.
"""

import ctypes
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from pathlib import Path

import pytest
from profiles import scaled

from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.journal.journal import Journal

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""

PRELUDE = """
import os, sys, threading
from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.journal.journal import Journal
path = sys.argv[1]
"""

RECORDS_FOREVER = """
start = int(sys.argv[2])
with Journal.open(path) as journal:
    batch = journal.batch("sum", "d")
    def work(worker):
        for index in range(start + worker, 10**9, 4):
            batch.record(index, str(index), "1", '"' + str(index) * 50 + '"').result()
            os.write(1, f"{index}\\n".encode())
    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""

OPENS_FOREVER = """
for index in range(int(sys.argv[2]), 10**9):
    with Journal.open(path) as journal:
        batch = journal.batch("sum", "d")
        batch.record(index, str(index), "1", '"' + str(index) * 50 + '"').result()
    os.write(1, f"{index}\\n".encode())
"""

FILLS_THE_DISK = """
import resource, signal
journal = Journal.open(path)
batch = journal.batch("sum", "d")
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
messages = set()
for index in range(3000):
    error = batch.record(index, str(index), "1", '"' + "x" * 900 + '"').exception()
    if error is None:
        assert not messages, "it went on after a failure"
        print(index)
    else:
        assert type(error) is JournalError, error
        messages.add(str(error))
assert batch.find("0", "1"), "what is there can be read"
journal.close()
print(*messages, sep="\\n", file=sys.stderr)
"""

FORGETS_TO_CLOSE = """
batch = Journal.open(path).batch("sum", "d")
for index in range(2000):
    batch.record(index, str(index), "1", "0")
"""

FORKS = """
journal = Journal.open(path)
batch = journal.batch("sum", "d")
batch.record(0, "0", "1", "0").result()
if os.fork() == 0:
    assert "belongs to the process" in str(batch.record(9, "9", "1", "0").exception())
    try:
        batch.find("0", "1")
    except JournalError as error:
        assert "belongs to the process" in str(error)
    else:
        os._exit(4)
    journal.close()
    del journal, batch
    sys.exit(3)
_, status = os.wait()
assert os.waitstatus_to_exitcode(status) == 3
for index in range(1, 500):
    batch.record(index, str(index), "1", "0").result()
journal.close()
print(*range(500), sep="\\n")
"""

LEAVES_A_CHILD = """
journal = Journal.open(path)
batch = journal.batch("sum", "d")
if os.fork() == 0:
    os.write(1, b"forked\\n")  # it has let go of the lock by now
    sys.stdin.read()
    os._exit(0)
batch.record(0, "0", "1", "0").result()
os.write(1, b"recorded\\n")
threading.Event().wait()
"""


def program(text: str, *arguments: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PRELUDE + text]
    return subprocess.Popen(
        [*command, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(text: str, *arguments: object) -> tuple[list[str], str]:
    """Run a program to its end; give the lines it has printed, and its errors."""
    process = program(text, *arguments)
    printed, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    return printed.split(), errors.strip()


def check_found(path: Path, keys: Sequence[str]) -> None:
    with Journal.open(path) as journal:
        batch = journal.batch("sum", "d")
        missing = [key for key in keys if batch.find(key, "1") is None]
        assert missing == []


@pytest.mark.parametrize(
    "text", [RECORDS_FOREVER, OPENS_FOREVER], ids=["recording", "opening"]
)
def test_what_was_committed_outlives_kills(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.sqlite"
    chance, kills = random.Random(), scaled(20)
    known: list[str] = []
    for _ in range(kills):
        with program(text, path, len(known) * 10) as process:
            assert process.stdout
            lines = chance.randint(1, 40)
            known += [process.stdout.readline().strip() for _ in range(lines)]
            time.sleep(chance.random() * 0.01)
            process.send_signal(signal.SIGKILL)
            known += process.stdout.read().split()
        check_found(path, known)
        assert list(tmp_path.iterdir()) == [path]
    assert len(known) >= kills


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.sqlite"
    keys, errors = ended(FILLS_THE_DISK, path)
    assert 10 < len(keys) < 3000
    assert errors == (
        f'the journal "{path}" cannot be read or written: check that the disk is not '
        "full, no limit for files is reached and the file is still there, and run "
        "again with the same journal; nothing in it is lost (disk I/O error)"
    )
    check_found(path, keys)


def test_what_waits_is_committed_before_a_program_ends(tmp_path: Path) -> None:
    ended(FORGETS_TO_CLOSE, path := tmp_path / "run.sqlite")
    assert list(tmp_path.iterdir()) == [path]
    check_found(path, [str(index) for index in range(2000)])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
class TestFork:
    def test_a_child_does_no_harm(self, tmp_path: Path) -> None:
        keys, _ = ended(FORKS, path := tmp_path / "run.sqlite")
        check_found(path, keys)

    def test_a_child_that_is_left_does_not_hold_it(self, tmp_path: Path) -> None:
        path = tmp_path / "run.sqlite"
        with program(LEAVES_A_CHILD, path) as process:
            assert process.stdout
            lines = {process.stdout.readline() for _ in range(2)}
            assert lines == {"forked\n", "recorded\n"}
            process.send_signal(signal.SIGKILL)
            process.wait()
            check_found(path, ["0"])


class TestClose:
    def test_what_waits_is_committed(self, tmp_path: Path) -> None:
        path = tmp_path / "run.sqlite"
        with Journal.open(path) as journal:
            batch = journal.batch("sum", "d")
            futures = [batch.record(n, str(n), "1", "0") for n in range(2000)]
        assert all(future.done() for future in futures)
        assert {future.exception() for future in futures} == {None}
        check_found(path, [str(index) for index in range(2000)])

    def test_afterwards_it_says_so(self, tmp_path: Path) -> None:
        path = tmp_path / "run.sqlite"
        with Journal.open(path) as journal:
            batch = journal.batch("sum", "d")
        message = f'the journal "{path}" is closed'
        assert str(batch.record(0, "a", "1", "0").exception()) == message
        with pytest.raises(JournalError) as raised:
            batch.find("a", "1")
        assert str(raised.value) == message
        journal.close()

    def test_many_may_close_it(self, tmp_path: Path) -> None:
        journal = Journal.open(tmp_path / "run.sqlite")
        threads = [threading.Thread(target=journal.close) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        Journal.open(tmp_path / "run.sqlite").close()

    def test_each_row_is_committed_or_fails(self, tmp_path: Path) -> None:
        path = tmp_path / "run.sqlite"
        journal = Journal.open(path)
        batch = journal.batch("sum", "d")
        futures: dict[str, Future[None]] = {}

        def work(worker: int) -> None:
            for index in range(worker, 10**9, 4):
                future = futures[str(index)] = batch.record(index, str(index), "1", "0")
                if future.exception(PATIENCE):
                    return

        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        while len(futures) < 100:
            time.sleep(0.001)
        journal.close()
        for thread in threads:
            thread.join()
        with Journal.open(path) as journal:
            batch = journal.batch("sum", "d")
            for key, future in futures.items():
                assert (batch.find(key, "1") is None) == bool(future.exception())

    def test_an_exception_on_the_way_loses_nothing(self, tmp_path: Path) -> None:
        path = tmp_path / "run.sqlite"

        def body() -> None:
            with Journal.open(path) as journal:
                journal.batch("sum", "d").record(0, "a", "1", "0")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            body()
        check_found(path, ["a"])


class TestFailure:
    @pytest.mark.parametrize("suffix", ["", "-wal"])
    @pytest.mark.parametrize("how", ["deleted", "moved", "replaced"])
    def test_a_file_that_is_gone(self, tmp_path: Path, suffix: str, how: str) -> None:
        path = tmp_path / "run.sqlite"
        with Journal.open(path) as journal:
            batch = journal.batch("sum", "d")
            batch.record(0, "a", "1", "0").result(PATIENCE)
            file = path.with_name(f"run.sqlite{suffix}")
            file.rename(file.with_name("elsewhere"))
            if how == "deleted":
                file.with_name("elsewhere").unlink()
            elif how == "replaced":
                file.write_bytes(b"")
            for index in range(3):
                error = batch.record(index, "b", "1", "0").exception(PATIENCE)
                assert type(error) is JournalError
                assert str(error) == (
                    f'the journal "{path}" was moved or deleted while it was in use'
                )
            with pytest.raises(JournalError, match="moved or deleted"):
                journal.batch("other", "d")

    def test_what_a_future_calls_cannot_stop_others(self, tmp_path: Path) -> None:
        def raises(_: "Future[None]") -> None:
            raise SystemExit

        with Journal.open(tmp_path / "run.sqlite") as journal:
            batch = journal.batch("sum", "d")
            for index in range(100):
                batch.record(index, str(index), "1", "0").add_done_callback(raises)
            batch.record(100, "100", "1", "0").result(PATIENCE)
        check_found(tmp_path / "run.sqlite", [str(index) for index in range(101)])

    @pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
    def test_nobody_waits_for_a_thread_that_has_died(self, tmp_path: Path) -> None:
        path = tmp_path / "run.sqlite"
        before = set(threading.enumerate())
        with Journal.open(path) as journal:
            batch = journal.batch("sum", "d")
            (thread,) = set(threading.enumerate()) - before
            kill = ctypes.pythonapi.PyThreadState_SetAsyncExc
            kill(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(SystemExit))
            assert batch.record(0, "a", "1", "0").exception(PATIENCE)
            thread.join(PATIENCE)
            assert batch.record(0, "a", "1", "0").exception(PATIENCE)
        with Journal.open(path) as journal:
            assert journal.batch("sum", "d").find("a", "1") is None
