"""What one run of a flow hands to its steps besides the store."""

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
    """The journal of a run, and where its events go; None where it has none.

    `node_id` is what the journal knows a batch by that runs as the node of a Step,
    since several nodes may be of its class.
    """

    journal: "Journal | None" = None
    events: Events | None = None
    node_id: str | None = None


NO_CONTEXT = RunContext()

_current: ContextVar[RunContext] = ContextVar("pflow_lower_run", default=NO_CONTEXT)


def current() -> RunContext:
    """Give the context of the run that this is called in."""
    return _current.get()


@contextmanager
def running_in(context: RunContext) -> Iterator[None]:
    """Set the context of all that is run inside.

    A node may run a workflow of its own. That must not find the ids of its nodes
    in the journal of the outer one, so whoever runs a node sets NO_CONTEXT.
    """
    token = _current.set(context)
    try:
        yield
    finally:
        _current.reset(token)
