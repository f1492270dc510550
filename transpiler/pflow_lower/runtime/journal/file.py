"""The file of a journal: how it is opened, locked, read and written.

It is a SQLite database in WAL mode with one connection that writes and one that
reads, so that reading never waits for the disk.
"""

import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from threading import Lock
from typing import Final, NamedTuple

from pflow_lower.runtime.journal.errors import damaged, explaining, failed
from pflow_lower.runtime.journal.lock import FileLock

APPLICATION_ID: Final = int.from_bytes(b"pflj")
"""Identifies the file by its header; the `file` command and SQLite know it."""

VERSION: Final = 1
"""The version of the tables; in the header it is the `user_version`."""

_HEADER: Final = 100
_MAGIC: Final = b"SQLite format 3\0"
_PATIENCE: Final = 10
"""Seconds to wait for another program that reads the journal."""

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
    """A statement that writes, and its parameters."""

    sql: str
    cells: Sequence[Cell]


class JournalFile:
    """An open journal, which no other run can open meanwhile.

    `read` may be called from any thread; `write` from one at a time. All raise
    JournalError, also in a forked process.
    """

    def __init__(self, path: str) -> None:
        """Open the journal at `path`, or create one if there is none.

        An empty file counts as none; any other file that is not a journal is left
        alone. The whole file is read to find damage: that takes a second for some
        gigabytes in the cache of the system, else as long as the disk needs.
        """
        self.path = path
        self._reading = Lock()
        self._closed = False
        self._process = os.getpid()
        with explaining(path), ExitStack() as undo:
            self._database = _real_path(path)
            self._lock = FileLock(f"{self._database}-lock")
            undo.callback(self._lock.release)
            # Only now: closing a file ends the locks that the process has on it.
            _check_header(path, self._database)
            self._writer = _connect(self._database)
            undo.callback(self._writer.close)
            _prepare(path, self._writer)
            self._reader = _connect(self._database)
            undo.callback(self._reader.close)
            self._reader.text_factory = bytes
            self._files = self._found()
            undo.pop_all()

    def read(self, sql: str, *cells: Cell) -> tuple[bytes | int | None, ...] | None:
        """Return the first row that a query finds, texts as bytes; None for none."""
        self.check_process()
        row: tuple[bytes | int | None, ...] | None
        with explaining(self.path), self._reading:
            if self._closed:
                raise failed(self.path, "is closed")
            row = self._reader.execute(sql, cells).fetchone()
        return row

    def write(self, writes: Sequence[Write]) -> None:
        """Run all statements in one transaction; return when they are on the disk."""
        with explaining(self.path), self._writer:  # commits, or rolls back
            self._writer.execute("BEGIN IMMEDIATE")
            for sql, cells in writes:
                self._writer.execute(sql, cells)
        if self._found() != self._files:
            raise failed(self.path, "was moved or deleted while it was in use")

    def close(self) -> None:
        """Close, leaving a single file that any reader of SQLite databases can read.

        If that fails, on a full disk for one, a file `-wal` stays beside it.
        Nothing is lost then: the next run finds it.
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
        """Raise JournalError in a process forked from the one that opened it."""
        if os.getpid() != self._process:
            raise failed(
                self.path, "belongs to the process that this one was forked from"
            )

    def _found(self) -> list[tuple[int, int]]:
        """Return which files the paths of the journal lead to."""
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
        raise failed(
            path, f'cannot be created: there is no folder "{folder}"'
        ) from None
    except ValueError as error:  # a NUL
        raise failed(path, f"cannot be opened: {error}") from error
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
        raise failed(path, f"cannot be opened: it is {kind}")
    return database


def _check_header(path: str, database: str) -> None:
    """Check the file before SQLite does, which might repair the file of another."""
    try:
        with open(database, "rb") as file:
            header = file.read(_HEADER)
    except FileNotFoundError:
        return
    if not header:
        return
    if not header.startswith(_MAGIC) or len(header) < _HEADER:
        raise failed(path, "is not a journal but another file: use another path")
    application_id, version = header[68:72], int.from_bytes(header[60:64])
    if int.from_bytes(application_id) != APPLICATION_ID:
        raise failed(path, "is a database, but not a journal: use another path")
    if version > VERSION:
        raise failed(
            path,
            f"was written by a newer pflow-lower (its version is {version}, this one "
            f"knows {VERSION}): upgrade, or use another path",
        )
    if version < 1:
        raise damaged(path, f"its version is {version}")


def _prepare(path: str, writer: sqlite3.Connection) -> None:
    """Create the tables of a new journal, or check an existing one; then write to it.

    So a full disk is found before anything has run.
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
