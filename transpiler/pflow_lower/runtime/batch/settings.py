"""The settings of a batch class, each declared here once: `docs/language.md` § 3."""

from fractions import Fraction
from math import floor, inf
from typing import Any, ClassVar, Literal

from pocketflow import BaseNode

from pflow_lower.runtime.batch.gate import RateLimit
from pflow_lower.runtime.batch.retry import Retry
from pflow_lower.runtime.errors import RunError
from pflow_lower.runtime.scope import Scope


class BatchSettings:
    """The settings of a batch class, and the methods that make its values.

    `max_concurrent` is 1 if items run one by one. `items_source` is the items as they
    were written, for errors, and `items_from` the kind of stream that they come from,
    if any. Times are in seconds.
    """

    node_id: ClassVar[str] = ""
    node_type: ClassVar[type[BaseNode] | str] = ""
    items_source: ClassVar[str] = "items"
    items_from: ClassVar[Literal["jsonl", "csv", "lines", "glob"] | None] = None
    max_items: ClassVar[int | None] = None
    alias: ClassVar[str] = "item"
    max_concurrent: ClassVar[int] = 1
    error_handling: ClassVar[Literal["fail_fast", "continue"]] = "fail_fast"
    tolerated_failure_count: ClassVar[int | None] = None
    tolerated_failure_percentage: ClassVar[float | None] = None
    retry: ClassVar[Retry] = Retry()
    timeout: ClassVar[float | None] = None
    batch_timeout: ClassVar[float | None] = None
    rate_limit: ClassVar[RateLimit | None] = None
    results: ClassVar[Literal["value", "record"]] = "value"

    def items_for(self, scope: Scope) -> Any:
        """Return the items, their references resolved."""
        raise RunError(f"{type(self).__name__} does not say what its items are")

    def params_for(self, scope: Scope) -> dict[str, Any]:
        """Return the params of one item, their references resolved."""
        return {}

    def key_for(self, scope: Scope) -> Any:
        """Return the key of an item in a journal: its index, unless overridden."""
        return scope.lookup("__index__")

    def results_to_for(self, scope: Scope) -> Any:
        """Return the path of the file for the results; None keeps them in the store."""
        return None

    def has_keys(self) -> bool:
        """Return whether items have keys of their own, which must then differ."""
        return type(self).key_for is not BatchSettings.key_for

    def item_limit(self) -> float:
        """Return how many items the batch may have."""
        return inf if self.max_items is None else self.max_items

    def tolerated(self, total: int | None) -> float:
        """Return how many items may fail; a percentage counts only with a total."""
        if self.error_handling == "fail_fast":
            return 0
        count = self.tolerated_failure_count
        percentage = self.tolerated_failure_percentage
        by_count = inf if count is None else count
        if percentage is None or total is None:
            return by_count
        return min(by_count, share(percentage, total))


def share(percentage: float, total: int) -> int:
    """Return a percentage of a total, rounded down.

    It is used as it was written: 0.57 % of 10,000 are 57, though as a double 0.57
    is slightly less.
    """
    return floor(Fraction(str(percentage)) * total / 100)
