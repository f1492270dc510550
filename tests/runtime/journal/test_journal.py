"""What a journal gives back: to the same run, to the next one, to many at once."""

import asyncio
import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pflow_lower.runtime.journal.journal import BatchJournal, Journal

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""

ODD_TEXTS = [
    "",
    "0",
    "\0",
    "a\0b",
    "a",
    "a ",
    "A",
    "\ud800",
    "\ud83d\ude00",
    "\U0001f600",
    "é",
    "e\u0301",
    "'; DROP TABLE items; --",
    '"',
    "\n",
    "1",
    "1.0",
    "01",
    "null",
    "%",
    "x" * 100_000,
    "x" * 99_999 + "y",
    "\udfff" * 1000,
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    with Journal.open(path) as journal:
        yield journal


def done(future: "Future[None]") -> None:
    future.result(PATIENCE)


def rows(path: Path, query: str) -> list[Any]:
    """Look into a journal as any other program would."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


class TestItems:
    def test_a_success_is_found_with_the_same_digest(self, journal: Journal) -> None:
        batch = journal.batch("sum", "d")
        done(batch.record(0, "a", "1", '"yes"'))
        assert batch.find("a", "1") == '"yes"'
        assert batch.find("a", "2") is None
        assert batch.find("b", "1") is None
        assert batch.known("a", "2")
        assert not batch.known("a", "1")
        assert not batch.known("b", "1")

    def test_a_failure_is_not_found_and_known(self, journal: Journal) -> None:
        batch = journal.batch("sum", "d")
        done(batch.record_failure(0, "a", "1", "no", "ValueError"))
        assert batch.find("a", "1") is None
        assert not batch.known("a", "1")
        assert batch.known("a", "2")

    def test_the_last_word_counts(self, journal: Journal) -> None:
        batch = journal.batch("sum", "d")
        batch.record_failure(0, "a", "1", "no", "ValueError")
        done(batch.record(0, "a", "1", "1"))
        assert batch.find("a", "1") == "1"
        done(batch.record(0, "a", "2", "2"))
        assert batch.find("a", "1") is None
        assert batch.find("a", "2") == "2"
        done(batch.record_failure(0, "a", "2", "no", "ValueError"))
        assert batch.find("a", "2") is None

    def test_nodes_know_nothing_of_each_other(self, journal: Journal) -> None:
        one, other = journal.batch("one", "d"), journal.batch("other", "d")
        done(one.record(0, "a", "1", "1"))
        assert other.find("a", "1") is None
        assert not other.known("a", "2")

    def test_the_next_run_finds_them(self, path: Path) -> None:
        with Journal.open(path) as journal:
            journal.batch("sum", "d").record(0, "a", "1", "[1, 2]")
        with Journal.open(path) as journal:
            assert journal.batch("sum", "d").find("a", "1") == "[1, 2]"

    def test_any_text_will_do(self, path: Path) -> None:
        with Journal.open(path) as journal:
            for node in ODD_TEXTS:
                batch = journal.batch(node, f"definition of {node}")
                for index, key in enumerate(ODD_TEXTS):
                    batch.record(index, key, f"{key}!", f"{node}/{key}")
        with Journal.open(path) as journal:
            for node in ODD_TEXTS:
                batch = journal.batch(node, f"definition of {node}")
                assert not batch.changed
                for key in ODD_TEXTS:
                    assert batch.find(key, f"{key}!") == f"{node}/{key}"

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    def test_any_text_may_be_said_of_an_item(self, journal: Journal, text: str) -> None:
        batch = journal.batch("sum", text)
        done(batch.record_failure(0, "a", text, text, text))
        assert not batch.known("a", text)
        done(batch.record(0, "a", text, text))
        assert batch.find("a", text) == text
        assert not journal.batch("sum", text).changed


class TestDefinitions:
    def test_items_of_another_definition_are_not_used(self, path: Path) -> None:
        with Journal.open(path) as journal:
            batch = journal.batch("sum", "old")
            assert not batch.changed
            batch.record(0, "a", "1", '"old"')
        with Journal.open(path) as journal:
            batch = journal.batch("sum", "new")
            assert batch.changed
            assert batch.find("a", "1") is None
            assert not batch.known("a", "2")
            assert not journal.batch("sum", "new").changed

    def test_they_are_there_when_the_definition_is(self, journal: Journal) -> None:
        batch = journal.batch("sum", "old")
        batch.record(0, "a", "1", '"old a"')
        batch.record(1, "b", "1", '"old b"')
        done(journal.batch("sum", "new").record(0, "a", "1", '"new a"'))
        batch = journal.batch("sum", "old")
        assert batch.changed
        assert batch.find("a", "1") is None
        assert batch.find("b", "1") == '"old b"'


class TestSteps:
    def test_a_step_is_found_with_the_same_digest(self, path: Path) -> None:
        with Journal.open(path) as journal:
            assert journal.step("ls", "1") is None
            done(journal.record_step("ls", "1", "default", '{"files": []}'))
            assert journal.step("ls", "1") == ("default", '{"files": []}')
            assert journal.step("ls", "2") is None
            assert journal.step("cat", "1") is None
            journal.record_step("ls", "2", "more", "{}")
        with Journal.open(path) as journal:
            assert journal.step("ls", "1") is None
            assert journal.step("ls", "2") == ("more", "{}")

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    def test_any_text_will_do(self, journal: Journal, text: str) -> None:
        done(journal.record_step(text, text, text, text))
        assert journal.step(text, text) == (text, text)
        assert journal.step(text, f"{text}?") is None
        assert journal.step(f"{text}?", text) is None


class TestPeople:
    """A journal can be read without us, while it is in use and after."""

    def test_what_stands_in_the_tables(self, path: Path) -> None:
        with Journal.open(path) as journal:
            batch = journal.batch("sum", "d")
            batch.record(0, "a", "1", '"yes"')
            done(batch.record_failure(1, "b", "2", "no", "ValueError"))
            done(journal.record_step("ls", "3", "default", "{}"))
            during = rows(path, "SELECT key FROM items ORDER BY idx")
        assert during == [("a",), ("b",)]
        columns = "node, key, idx, definition, digest, status, result, error, type"
        assert rows(path, f"SELECT {columns} FROM items ORDER BY idx") == [
            ("sum", "a", 0, "d", "1", "succeeded", '"yes"', None, None),
            ("sum", "b", 1, "d", "2", "failed", None, "no", "ValueError"),
        ]
        assert rows(path, "SELECT node, definition FROM batches") == [("sum", "d")]
        assert rows(path, "SELECT node, digest, action, outputs FROM steps") == [
            ("ls", "3", "default", "{}")
        ]
        times = "SELECT finished_at FROM items UNION SELECT finished_at FROM steps"
        query = f"SELECT count(*) FROM ({times}) WHERE julianday(finished_at) IS NULL"
        assert rows(path, query) == [(0,)]

    def test_a_single_file_is_left(self, path: Path) -> None:
        with Journal.open(path) as journal:
            journal.batch("sum", "d").record(0, "a", "1", '"yes"')
        assert list(path.parent.iterdir()) == [path]
        query = f"file:{path}?immutable=1"  # as from a disk that is read-only
        with closing(sqlite3.connect(query, uri=True)) as connection:
            assert connection.execute("SELECT key FROM items").fetchall() == [("a",)]

    def test_who_still_looks_into_it_does_no_harm(self, path: Path) -> None:
        with Journal.open(path) as journal:
            done(journal.batch("sum", "d").record(0, "a", "1", "1"))
            other = sqlite3.connect(path)
            other.execute("BEGIN").execute("SELECT * FROM items").fetchall()
            done(journal.batch("sum", "d").record(1, "b", "1", "2"))
        other.close()
        with Journal.open(path) as journal:
            assert journal.batch("sum", "d").find("b", "1") == "2"
        assert list(path.parent.iterdir()) == [path]


class TestManyAtOnce:
    def test_threads(self, journal: Journal) -> None:
        batch = journal.batch("sum", "d")
        missed = []

        def work(worker: int) -> None:
            for index in range(worker, 600, 12):
                done(batch.record(index, str(index), "1", str(index * 2)))
                if batch.find(str(index), "1") != str(index * 2):
                    missed.append(index)

        threads = [threading.Thread(target=work, args=(n,)) for n in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert missed == []
        assert all(batch.find(str(index), "1") for index in range(600))

    def test_tasks(self, journal: Journal) -> None:
        batch = journal.batch("sum", "d")

        async def work(index: int) -> bool:
            await asyncio.wrap_future(batch.record(index, str(index), "1", "0"))
            return batch.find(str(index), "1") == "0"

        async def body() -> list[bool]:
            return await asyncio.gather(*map(work, range(600)))

        assert all(asyncio.run(body()))

    def test_a_cancelled_task_loses_nothing(self, path: Path) -> None:
        async def body(batch: BatchJournal) -> None:
            futures = [batch.record(n, str(n), "1", "0") for n in range(100)]
            tasks = [asyncio.wrap_future(future) for future in futures]
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

        with Journal.open(path) as journal:
            asyncio.run(body(journal.batch("sum", "d")))
        with Journal.open(path) as journal:
            batch = journal.batch("sum", "d")
            assert all(batch.find(str(index), "1") for index in range(100))

    def test_to_find_does_not_wait_for_who_writes(self, path: Path) -> None:
        with Journal.open(path) as journal:
            batch = journal.batch("sum", "d")
            done(batch.record(0, "a", "1", '"yes"'))
            # Somebody else has the right to write: the journal's own has to wait.
            with closing(sqlite3.connect(path, isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                waiting = batch.record(1, "b", "1", '"yes"')
                assert batch.find("a", "1") == '"yes"'
                assert batch.find("b", "1") is None
                assert not waiting.done()
                other.execute("ROLLBACK")
            done(waiting)
            assert batch.find("b", "1") == '"yes"'
