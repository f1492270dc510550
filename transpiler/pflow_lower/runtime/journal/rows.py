"""The rows of a journal: any text comes back as it was written, or is an error.

A row ends with a checksum of its texts, since SQLite notices only where a damaged
disk or copy has changed the structure of the file, and a result that is not what a
node gave must never be taken for it.
"""

import reprlib
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from zlib import crc32

from pflow_lower.runtime.journal.errors import damaged
from pflow_lower.runtime.journal.file import Cell, JournalFile, Write


class Table:
    """One table of a journal: `keys` identify a row, `texts` are its contents.

    `others` are columns that only people read. An empty text is NULL, except in
    `keys`.
    """

    def __init__(
        self,
        name: str,
        keys: tuple[str, ...],
        texts: tuple[str, ...],
        others: tuple[str, ...] = (),
    ) -> None:
        columns = (*keys, *texts, *others, "checksum")
        where = " AND ".join(f"{key} = ?" for key in keys)
        self._select = f"SELECT {', '.join(texts)}, checksum FROM {name} WHERE {where}"
        self._insert = (
            f"INSERT OR REPLACE INTO {name} ({', '.join(columns)}) "
            f"VALUES ({', '.join('?' * len(columns))})"
        )

    def find(self, file: JournalFile, *keys: str) -> list[str] | None:
        """Return the texts of the row of these keys; None where there is none.

        Raises JournalError, also for a row that is not what was written.
        """
        row = file.read(self._select, *map(_cell, keys))
        if row is None:
            return None
        *cells, checksum = row
        found = [cell if isinstance(cell, bytes) else b"" for cell in cells]
        if checksum != _checksum([*map(_bytes, keys), *found]):
            row_name = ", ".join(map(reprlib.repr, keys))
            raise damaged(file.path, f"the row of {row_name}")
        return [str(text, "utf-8", "surrogatepass") for text in found]

    def write(
        self, keys: tuple[str, ...], texts: tuple[str, ...], *others: Cell
    ) -> Write:
        """Return the statement that writes a row, replacing one of the same keys."""
        checksum = _checksum(map(_bytes, keys + texts))
        cells = (*map(_cell, keys), *(_cell(text) or None for text in texts))
        return Write(self._insert, (*cells, *others, checksum))


STEPS: Final = Table(
    "steps", ("node",), ("digest", "action", "outputs"), ("finished_at",)
)
BATCHES: Final = Table("batches", ("node",), ("definition",))
ITEMS: Final = Table(
    "items",
    ("node", "key"),
    ("definition", "digest", "status", "result", "error", "type"),
    ("idx", "finished_at"),
)


def now() -> str:
    """Return the current time as people read it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _cell(text: str) -> str | bytes:
    """Return a text as SQLite takes it: a blob if a lone surrogate is in it."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return _bytes(text)
    return text


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _checksum(texts: Iterable[bytes]) -> int:
    return crc32(b"\0".join(texts))
