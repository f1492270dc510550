"""The events of a batch: one type for each kind, and `Event`, any of them.

They are made millions of times in a run: a NamedTuple takes a quarter of the time of
a frozen dataclass. A new kind is a class here, its place in `Event`, the call that
emits it, and the listeners that react to it.
"""

# That a tuple has methods called `index` and `count` does not matter to an event.
# mypy: disable-error-code="assignment"

import time as clock
from typing import Literal, NamedTuple, TypeAlias

_EPOCH = clock.time() - clock.monotonic()


class BatchStarted(NamedTuple):
    """A batch begins."""

    node_id: str
    time: float
    batch: int
    total: int | None
    kind: Literal["batch_started"] = "batch_started"


class ItemStarted(NamedTuple):
    """The first attempt at an item begins."""

    node_id: str
    time: float
    batch: int
    index: int
    attempt: int
    kind: Literal["item_started"] = "item_started"


class ItemFinished(NamedTuple):
    """An item succeeded."""

    node_id: str
    time: float
    batch: int
    index: int
    attempt: int | None
    journaled: bool = False
    kind: Literal["item_finished"] = "item_finished"


class ItemRetried(NamedTuple):
    """An attempt failed, and another one follows."""

    node_id: str
    time: float
    batch: int
    index: int
    attempt: int
    error: str
    type: str
    wait: float
    kind: Literal["item_retried"] = "item_retried"


class ItemFailed(NamedTuple):
    """An item failed: this was its last attempt."""

    node_id: str
    time: float
    batch: int
    index: int
    attempt: int
    error: str
    type: str
    kind: Literal["item_failed"] = "item_failed"


class HeldBack(NamedTuple):
    """Nothing of the batch starts for a while, as a server has asked."""

    node_id: str
    time: float
    batch: int
    index: int
    wait: float
    kind: Literal["held_back"] = "held_back"


class BatchFinished(NamedTuple):
    """A batch ended."""

    node_id: str
    time: float
    batch: int
    error: str | None
    type: str | None
    count: int
    success_count: int
    error_count: int
    kind: Literal["batch_finished"] = "batch_finished"


Event: TypeAlias = (
    BatchStarted
    | ItemStarted
    | ItemFinished
    | ItemRetried
    | ItemFailed
    | HeldBack
    | BatchFinished
)
"""Any event of a batch: `docs/language.md` § 3.

Attributes:
    node_id: The id of the batch node.
    time: The seconds of `now()`.
    batch: A number that tells two runs of one node at the same time apart.
    kind: The name of the type of the event.
    total: The number of items, None where it is not known yet.
    index: The index of the item, from 0; of a hold-back, of the item that was told so.
    attempt: The number of the attempt, from 1; None for an item of the journal.
    journaled: Whether the item succeeded in an earlier run; it did not start in this.
    error: The message of the exception; None if the batch succeeded.
    type: The name of the type of the exception; None if the batch succeeded.
    wait: The seconds until the next attempt, or for which nothing of the batch starts.
    count: How many items were run, or found in the journal.
    success_count: How many of them succeeded.
    error_count: How many of them failed.
"""


def now() -> float:
    """Return the seconds since the epoch, on a clock that never goes back.

    It is right when this module is imported and takes no part in later
    corrections of the system's clock, so differences are always true durations.
    """
    return clock.monotonic() + _EPOCH
