"""The file of a journal: what it must be, who may have it, how rows get in and out.

It is a SQLite database in WAL mode with one connection that writes and one that
reads, so that who reads never waits for the disk.
"""

import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from threading import Lock
from typing import Final, NamedTuple

from pflow_lower.runtime.journal.errors import (
    JournalError,
    damaged,
    explained,
    failed,
)
from pflow_lower.runtime.journal.lock import FileLock

APPLICATION_ID: Final = int.from_bytes(b"pflj")
"""What stands in the header of the file: `file` and SQLite know it, too."""

VERSION: Final = 1
"""What the tables are like; stands in the header as the `user_version`."""

_HEADER: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_PATIENCE: Final = 10
"""Seconds to wait for a program that looks into the journal while it is in use."""

_TABLES: Final = """
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE batches (
        node TEXT PRIMARY KEY,
        definition TEXT,
        checksum INTEGER NOT NULL
    );
    CREATE TABLE items (
        node TEXT NOT NULL,
        key TEXT NOT NULL,
        idx INTEGER NOT NULL,
        definition TEXT,
        digest TEXT,
        status TEXT,  -- 'succeeded' with a result, or 'failed' with an error
        result TEXT,
        error TEXT,
        type TEXT,
        finished_at TEXT NOT NULL,
        checksum INTEGER NOT NULL,
        PRIMARY KEY (node, key)
    );
    CREATE TABLE steps (
        node TEXT PRIMARY KEY,
        digest TEXT,
        action TEXT,
        outputs TEXT,
        finished_at TEXT NOT NULL,
        checksum INTEGER NOT NULL
    );
    INSERT INTO meta VALUES ('about', 'A journal of pflow-lower: what nodes of a '
        || 'workflow have finished. Text without a UTF-8 form is a blob.');
    INSERT INTO meta VALUES ('created_at', strftime('%Y-%m-%dT%H:%M:%fZ'));
"""

Cell = str | bytes | int | None


class Write(NamedTuple):
    """A statement that writes, and what stands for its question marks."""

    sql: str
    cells: Sequence[Cell]


class JournalFile:
    """An open journal: as long as it is, nobody else can open it.

    `read` may be called from any thread; `write` from one at a time. All raise
    JournalError. What a forked process has inherited is none of its business.
    """

    def __init__(
        self,
        path: str,
        lock: FileLock,
        writer: sqlite3.Connection,
        reader: sqlite3.Connection,
    ) -> None:
        self._path = path
        self._lock = lock
        self._writer = writer
        self._reader = reader
        self._reading = Lock()
        self._closed = False
        self._process = os.getpid()
        self._database: str = os.path.realpath(path)
        self._files = self._found()

    @classmethod
    def open(cls, path: str) -> "JournalFile":
        """Open the journal at `path`, or make a new one where there is none.

        A file that is empty counts as none; any other that is no journal stays as
        it is. All of it is read, to see whether it is damaged: that takes a second
        for some gigabytes that the system has in memory, else as long as the disk
        takes to give them.
        """
        try:
            return cls._open(path)
        except (sqlite3.Error, OSError, UnicodeError) as error:
            raise explained(path, error) from error

    @classmethod
    def _open(cls, path: str) -> "JournalFile":
        with ExitStack() as undo:
            database = _real_path(path)
            lock = FileLock(f"{database}-lock")
            undo.callback(lock.release)
            # Not before: to close a file ends what locks the process has on it.
            _check_header(path, database)
            writer = _connect(database)
            undo.callback(writer.close)
            _prepare(path, writer)
            reader = _connect(database)
            undo.callback(reader.close)
            reader.text_factory = bytes
            journal_file = cls(path, lock, writer, reader)
            undo.pop_all()
        return journal_file

    def read(self, sql: str, *cells: Cell) -> tuple[bytes | int | None, ...] | None:
        """Give the first row that a query finds, texts as bytes; None for none."""
        self.check_process()
        row: tuple[bytes | int | None, ...] | None
        try:
            with self._reading:
                if self._closed:
                    raise self.error("is closed")
                row = self._reader.execute(sql, cells).fetchone()
        except (sqlite3.Error, UnicodeError) as error:
            raise explained(self._path, error) from error
        return row

    def write(self, writes: Sequence[Write]) -> None:
        """Run all statements in one transaction; returns when the disk has them."""
        try:
            with self._writer:  # commits, or rolls back
                self._writer.execute("BEGIN IMMEDIATE")
                for sql, cells in writes:
                    self._writer.execute(sql, cells)
        except (sqlite3.Error, UnicodeError) as error:
            raise explained(self._path, error) from error
        if self._found() != self._files:
            raise self.error("was moved or deleted while it was in use")

    def close(self) -> None:
        """Leave a single file that any reader of SQLite databases can read.

        Where that cannot be done, a full disk for one, a file `-wal` stays beside
        it. Nothing is lost then: who opens the journal next, finds it.
        """
        with self._reading:
            self._closed = True
            self._reader.close()
        with suppress(sqlite3.Error):
            self._writer.execute("PRAGMA busy_timeout = 0")
            self._writer.execute("PRAGMA journal_mode = DELETE")
        self._writer.close()
        self._lock.release()

    def check_process(self) -> None:
        """Raise JournalError in a process that was forked from that which opened it."""
        if os.getpid() != self._process:
            raise self.error("belongs to the process that this one was forked from")

    def damaged(self, found: str) -> JournalError:
        """Make the error about something in this journal that is damaged."""
        return damaged(self._path, found)

    def error(self, what: str) -> JournalError:
        """Make the error about this journal; `what` goes on after its name."""
        return failed(self._path, what)

    def _found(self) -> list[tuple[int, int]]:
        """Say which files the paths of the journal lead to."""
        found = []
        for path in (self._database, f"{self._database}-wal"):
            with suppress(FileNotFoundError):
                info = os.stat(path)
                found.append((info.st_dev, info.st_ino))
        return found


def _connect(database: str) -> sqlite3.Connection:
    return sqlite3.connect(
        database, timeout=_PATIENCE, isolation_level=None, check_same_thread=False
    )


def _real_path(path: str) -> str:
    """Follow links; raises JournalError where no journal can be."""
    try:
        database = os.path.realpath(path)
        mode = os.stat(database).st_mode
    except FileNotFoundError:
        folder = os.path.dirname(database)
        if os.path.isdir(folder):
            return database
        raise failed(path, f'cannot be made: there is no folder "{folder}"') from None
    except ValueError as error:  # a NUL
        raise failed(path, f"cannot be opened: {error}") from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise failed(path, f"cannot be opened: it is {kind}")
    return database


def _check_header(path: str, database: str) -> None:
    """Look at the file before SQLite does, which might repair what is not ours."""
    try:
        with open(database, "rb") as file:
            header = file.read(_HEADER)
    except FileNotFoundError:
        return
    if not header:
        return
    if not header.startswith(_MAGIC) or len(header) < _HEADER:
        raise failed(path, "is no journal, but another file: give another path")
    application_id, version = header[68:72], int.from_bytes(header[60:64])
    if int.from_bytes(application_id) != APPLICATION_ID:
        raise failed(path, "is a database, but no journal: give another path")
    if version > VERSION:
        raise failed(
            path,
            f"was written by a newer pflow-lower (its version is {version}, this one "
            f"knows {VERSION}): upgrade, or give another path",
        )
    if version < 1:
        raise damaged(path, f"its version is {version}")


def _prepare(path: str, writer: sqlite3.Connection) -> None:
    """Make the tables of a new journal, or check one that is there; then write to it.

    So a disk that is full is found before anything has run.
    """
    writer.execute("PRAGMA synchronous = FULL")
    (pages,) = writer.execute("PRAGMA page_count").fetchone()
    if pages == 0:
        ids = f"PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={VERSION}"
        writer.executescript(f"BEGIN EXCLUSIVE; {_TABLES}; {ids}; COMMIT")
    else:
        (found,) = writer.execute("PRAGMA quick_check(1)").fetchone()
        if found != "ok":
            raise damaged(path, found)
    writer.execute("PRAGMA journal_mode = WAL")
    writer.execute(
        "INSERT OR REPLACE INTO meta VALUES "
        "('opened_at', strftime('%Y-%m-%dT%H:%M:%fZ'))"
    )
