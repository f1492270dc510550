"""The thread that writes a journal: it commits all waiting rows together.

A commit waits for the disk, and costs about the same for a hundred rows as for one:
while one runs, rows of other workers gather for the next.
"""

import atexit
from concurrent.futures import Future
from contextlib import suppress
from threading import Condition

from pflow_lower.runtime.errors import describe
from pflow_lower.runtime.journal.errors import JournalError, failed
from pflow_lower.runtime.journal.file import JournalFile, Write
from pflow_lower.support.threads import ThreadFuture

_Waiting = tuple[Write, "Future[None]"]


class Writer:
    """Takes rows from any thread, and commits them in the order in which they came.

    After a failed commit none is tried again: all later rows fail with the same
    message. What waits when the program ends is committed first, unless the
    program is killed.
    """

    def __init__(self, file: JournalFile) -> None:
        self._file = file
        self._waiting: list[_Waiting] = []
        self._closing = False
        self._failure: str | None = None
        self._changed = Condition()
        # It does not keep a program alive that forgets to close its journal.
        self._thread = ThreadFuture(self._run, "pflow-journal")
        atexit.register(self.close)

    def write(self, write: Write) -> Future[None]:
        """Write a row soon; the Future is done once it is committed.

        It fails with JournalError. It cannot be cancelled: the work that the row
        records has been done, and paid for.
        """
        future: Future[None] = Future()
        future.set_running_or_notify_cancel()
        try:
            self._file.check_process()
            with self._changed:
                if self._closing:
                    raise failed(self._file.path, "is closed")
                self._waiting.append((write, future))
                self._changed.notify()
        except JournalError as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Commit all that waits, and close the file; return when that is done.

        It may be called again. In a forked process it does nothing.
        """
        with suppress(JournalError):
            self._file.check_process()
            with self._changed:
                self._closing = True
                self._changed.notify()
            self._thread.join()
            atexit.unregister(self.close)

    def _run(self) -> None:
        try:
            while group := self._next():
                self._settle(group, self._commit(group))
        finally:
            # If this thread ever dies, nothing may wait for it forever.
            with self._changed:
                self._closing = True
            what = "is closed: the thread that writes it has died"
            died = failed(self._file.path, what)
            self._settle(self._waiting, str(died))
            self._file.close()

    def _next(self) -> list[_Waiting]:
        """Wait for rows, and return all of them; none when it is to end."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            group, self._waiting = self._waiting, []
        return group

    def _commit(self, group: list[_Waiting]) -> str | None:
        """Commit rows; return the message if this or an earlier commit failed."""
        if self._failure is None:
            try:
                self._file.write([write for write, _ in group])
            except BaseException as error:
                self._failure = describe(error)
        return self._failure

    def _settle(self, group: list[_Waiting], failure: str | None) -> None:
        for _, future in group:
            # A callback of the future must not stop the others.
            with suppress(BaseException):
                if failure is None:
                    future.set_result(None)
                else:
                    future.set_exception(JournalError(failure))
