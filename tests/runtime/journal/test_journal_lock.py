"""Who may have a journal: one run at a time, however it ends."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.journal.journal import Journal

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""

HOLDER = """
import sys
from pflow_lower.runtime.journal.journal import Journal
journal = Journal.open(sys.argv[1])
journal.batch("sum", "d").record(0, "a", "1", '"yes"').result()
print("ready", flush=True)
sys.stdin.read()
journal.close()
"""


@contextmanager
def holder(path: Path) -> Iterator["subprocess.Popen[str]"]:
    """Run a process that has the journal until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        try:
            yield process
        finally:
            process.kill()


RIVAL = """
import os, sys
from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.journal.journal import Journal
path, marker = sys.argv[1:]
wins = 0
while wins < 15:
    try:
        journal = Journal.open(path)
    except JournalError as error:
        assert "is in use by another run" in str(error), error
        continue
    with journal:
        os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
        journal.record_step("n", str(wins), "default", "{}").result()
        os.unlink(marker)
    wins += 1
"""


def in_use(path: Path) -> str:
    return (
        f'the journal "{path}" is in use by another run: wait until that has ended, '
        "or use another journal"
    )


def refusal(path: Path) -> str:
    """Give the message with which a journal is refused."""
    with pytest.raises(JournalError) as raised:
        Journal.open(path)
    return str(raised.value)


class TestWhoMayHaveIt:
    def test_one_run_of_a_process(self, tmp_path: Path) -> None:
        path = tmp_path / "run.sqlite"
        with Journal.open(path) as journal:
            for _ in range(3):
                assert refusal(path) == in_use(path)
            journal.batch("sum", "d").record(0, "a", "1", '"yes"').result()
            assert journal.batch("sum", "d").find("a", "1")
        Journal.open(path).close()

    def test_one_process(self, tmp_path: Path) -> None:
        path = tmp_path / "run.sqlite"
        with holder(path) as process:
            assert refusal(path) == in_use(path)
            process.communicate()
            assert process.returncode == 0
        with Journal.open(path) as journal:
            assert journal.batch("sum", "d").find("a", "1") == '"yes"'

    def test_the_next_one_at_once_when_it_is_killed(self, tmp_path: Path) -> None:
        path = tmp_path / "run.sqlite"
        with holder(path) as process:
            process.send_signal(signal.SIGKILL)
            process.wait()
            with Journal.open(path) as journal:
                assert journal.batch("sum", "d").find("a", "1") == '"yes"'
        assert list(tmp_path.iterdir()) == [path]

    def test_two_journals_in_a_folder_are_two(self, tmp_path: Path) -> None:
        with Journal.open(tmp_path / "a"), Journal.open(tmp_path / "b"):
            pass

    def test_rivals_never_have_it_at_once(self, tmp_path: Path) -> None:
        path, marker = tmp_path / "run.sqlite", tmp_path / "marker"
        command = [sys.executable, "-c", RIVAL, str(path), str(marker)]
        rivals = [subprocess.Popen(command) for _ in range(4)]
        assert [rival.wait(PATIENCE) for rival in rivals] == [0] * 4
        assert list(tmp_path.iterdir()) == [path]
