"""What a run of a flow passes to its steps besides the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pflow_lower.runtime.events.delivery import Events

if TYPE_CHECKING:  # it imports SQLite, which a run without a journal does not need
    from pflow_lower.runtime.journal.journal import Journal


@dataclass(frozen=True, slots=True)
class RunContext:
    """The journal of a run, and where its events go, if it has any.

    For a batch that runs as the node of a Step, `node_id` is its id in the journal,
    since several nodes may be of its class.
    """

    journal: "Journal | None" = None
    events: Events | None = None
    node_id: str | None = None


NO_CONTEXT = RunContext()

_current: ContextVar[RunContext] = ContextVar("pflow_lower_run", default=NO_CONTEXT)


def current() -> RunContext:
    """Return the context of the current run."""
    return _current.get()


@contextmanager
def running_in(context: RunContext) -> Iterator[None]:
    """Set the context of all that is run inside.

    A node may run a workflow of its own, whose nodes must not be looked up in the
    journal of the outer one: nodes are run in NO_CONTEXT.
    """
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
