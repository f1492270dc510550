"""What a journal knows about the steps of a run, from this run and earlier ones."""

import logging
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, NamedTuple

from pocketflow import BaseNode

from pflow_lower.runtime.batch.settings import BatchSettings
from pflow_lower.runtime.context import current
from pflow_lower.runtime.journal.values import decode, digest, encode
from pflow_lower.runtime.node import node_class
from pflow_lower.support.secrets import mask

if TYPE_CHECKING:
    from pflow_lower.runtime.journal.journal import BatchJournal, Journal

logger = logging.getLogger("pflow_lower.runtime")


class Identity(NamedTuple):
    """How an item is recognised: by its key, and a digest of its resolved params."""

    index: int  # type: ignore[assignment] # a tuple's method, never called here
    key: str
    digest: str


class Recall:
    """Finds items that succeeded before, and records how the others end."""

    def __init__(self, node_id: str, journal: "BatchJournal") -> None:
        self._node_id = node_id
        self._journal = journal
        self._has_said: set[str] = set()
        if journal.changed:
            self._say(
                "it was changed since the journal was written; its items run again"
            )

    def identify(self, index: int, key: str, params: dict[str, Any]) -> Identity:
        """Return the identity of an item, before a node can change its params.

        A digest tells apart keys whose secrets are masked.
        """
        shown = mask(key)
        known_by = key if shown == key else f"{shown} {digest(key)}"
        return Identity(index, known_by, digest(params))

    def find(self, identity: Identity) -> str | None:
        """Return the result of an item that succeeded before, as JSON."""
        found = self._journal.find(identity.key, identity.digest)
        if found is None and self._journal.known(identity.key, identity.digest):
            self._say("items whose params were changed run again")
        return found

    def succeeded(self, identity: Identity, result: Any) -> Future[None]:
        """Record a result; it is committed when the future is done."""
        text = encode(result)
        if text is not None:
            return self._journal.record(*identity, text)
        self._say(
            f"a result is {type(result).__name__}, or holds what JSON cannot represent;"
            " it cannot be kept in the journal, and its item will run again"
        )
        return _done()

    def failed(self, identity: Identity, error: str, kind: str) -> Future[None]:
        """Record a failure, for people who read the journal."""
        return self._journal.record_failure(*identity, error, kind)

    def _say(self, message: str) -> None:
        """Log once what is true of many items."""
        if message not in self._has_said:
            self._has_said.add(message)
            logger.warning('node "%s": %s', self._node_id, message)


class StepRecall:
    """Finds a plain node that succeeded before, with the same params."""

    def __init__(
        self, node_id: str, kind: type[BaseNode], params: Any, journal: "Journal"
    ) -> None:
        self._node_id = node_id
        self._digest = digest([name_of(kind), params])
        self._journal = journal

    def find(self) -> tuple[str, dict[str, Any]] | None:
        """Return the action that it ended with, and its outputs."""
        found = self._journal.step(self._node_id, self._digest)
        if found is None:
            return None
        action, text = found
        outputs = decode(text)
        assert isinstance(outputs, dict)
        return action, outputs

    def succeeded(self, action: str, outputs: dict[str, Any]) -> Future[None]:
        """Record how it ended; what JSON cannot represent will run again."""
        text = encode(outputs)
        if text is None:
            return _done()
        return self._journal.record_step(self._node_id, self._digest, action, text)


def recall_for(step: BatchSettings) -> Recall | None:
    """Return what recalls the items of a batch; None where the run has no journal.

    Raises JournalError where the journal cannot be read or written.
    """
    context = current()
    if context.journal is None:
        return None
    # If this changes, the results in the journal are those of another node.
    definition = f"{name_of(node_class(step.node_type))} results={step.results}"
    node_id = context.node_id or step.node_id
    return Recall(step.node_id, context.journal.batch(node_id, definition))


def name_of(kind: type[BaseNode]) -> str:
    """Return the import reference of a node type."""
    return f"{kind.__module__}:{kind.__qualname__}"


def _done() -> Future[None]:
    future: Future[None] = Future()
    future.set_result(None)
    return future
