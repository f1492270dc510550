"""`Journal`: a file of what a run has finished, so that no run does it again."""

import os
from concurrent.futures import Future
from typing import Final, Self

from pflow_lower.runtime.journal.file import JournalFile
from pflow_lower.runtime.journal.rows import BATCHES, ITEMS, STEPS, now
from pflow_lower.runtime.journal.writer import Writer

_SUCCEEDED: Final = "succeeded"
_FAILED: Final = "failed"


class Journal:
    """The journal of a workflow's runs: a SQLite file that one run at a time uses.

    Use it as a context manager. Threads and tasks may use it at once. What is
    recorded can be found once it is committed, which its Future tells; to find
    something never waits for that. Text may hold anything, lone surrogates too.
    Methods raise JournalError where the file cannot be read, is damaged or closed;
    a Future fails with it where the file cannot be written, as do all after it.
    """

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._writer = Writer(file)

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Open the journal at `path`, or create one if there is none.

        Raises JournalError where its folder does not exist or cannot be written
        to, another run uses the journal, or the file is not a journal, is damaged or
        was written by a newer version. Such a file is left alone.
        """
        file = JournalFile(os.fspath(path))
        try:
            return cls(file)
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Commit what waits, and leave a single file; may be called again.

        It raises nothing: a failed commit is in the Future of its rows.
        """
        self._writer.close()

    def step(self, node_id: str, digest: str) -> tuple[str, str] | None:
        """Return the action and the outputs, as JSON, with which a plain node finished.

        None if it did not, or did with params of another digest.
        """
        row = STEPS.find(self._file, node_id)
        return (row[1], row[2]) if row and row[0] == digest else None

    def record_step(
        self, node_id: str, digest: str, action: str, outputs: str
    ) -> "Future[None]":
        """Record that a plain node finished, replacing an earlier record."""
        row = STEPS.write((node_id,), (digest, action, outputs), now())
        return self._writer.write(row)

    def batch(self, node_id: str, definition: str) -> "BatchJournal":
        """Return the journal of one batch node.

        `definition` stands for what the node is: items that were recorded while it
        was another are not found, until it is that one again. They go one by one,
        when an item of the same key takes their place. Raises JournalError, also
        where the journal cannot be written: so that is known before an item runs.
        """
        found = BATCHES.find(self._file, node_id)
        if found != [definition]:
            self._writer.write(BATCHES.write((node_id,), (definition,))).result()
        changed = found is not None and found != [definition]
        return BatchJournal(self._file, self._writer, node_id, definition, changed)


class BatchJournal:
    """What a journal holds about one batch node, made by `Journal.batch`.

    `changed` says that the journal had the node with another definition.
    """

    def __init__(
        self,
        file: JournalFile,
        writer: Writer,
        node_id: str,
        definition: str,
        changed: bool,
    ) -> None:
        self.changed = changed
        self._file = file
        self._writer = writer
        self._node_id = node_id
        self._definition = definition

    def find(self, key: str, digest: str) -> str | None:
        """Return the result, as JSON, of an item that succeeded.

        None if it did not, or did with params of another digest.
        """
        row = self._find(key)
        return row[3] if row and row[1:3] == [digest, _SUCCEEDED] else None

    def known(self, key: str, digest: str) -> bool:
        """Return whether an item of this key finished, but with other params.

        It then runs again although it did before, which a run may want to say.
        """
        row = self._find(key)
        return row is not None and row[1] != digest

    def record(self, index: int, key: str, digest: str, result: str) -> "Future[None]":
        """Record the success of an item, replacing an earlier record of its key."""
        texts = (self._definition, digest, _SUCCEEDED, result, "", "")
        return self._record(index, key, texts)

    def record_failure(
        self,
        index: int,
        key: str,
        digest: str,
        error: str,
        type: str,  # noqa: A002 - the name it has in all records of failures
    ) -> "Future[None]":
        """Record the failure of an item, for people: `find` returns no failures."""
        texts = (self._definition, digest, _FAILED, "", error, type)
        return self._record(index, key, texts)

    def _find(self, key: str) -> list[str] | None:
        row = ITEMS.find(self._file, self._node_id, key)
        return row if row and row[0] == self._definition else None

    def _record(self, index: int, key: str, texts: tuple[str, ...]) -> "Future[None]":
        row = ITEMS.write((self._node_id, key), texts, index, now())
        return self._writer.write(row)
