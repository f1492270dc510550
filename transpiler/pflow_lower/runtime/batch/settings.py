"""What is particular to one batch: `docs/language.md` § 3."""

from fractions import Fraction
from math import floor, inf
from typing import Any, ClassVar, Literal

from pocketflow import BaseNode

from pflow_lower.runtime.batch.gate import RateLimit
from pflow_lower.runtime.batch.retry import Retry
from pflow_lower.runtime.errors import RunError
from pflow_lower.runtime.scope import Scope


class BatchSettings:
    """What a subclass of BatchStep says: its settings, and how its values are made.

    `max_concurrent` is 1 where items run one by one. `items_source` is what was
    written for the items, to name it in an error, and `items_from` the kind of
    stream that they come from, if they do. Times are in seconds.
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
        """Give the items, their references resolved."""
        raise RunError(f"{type(self).__name__} does not say what its items are")

    def params_for(self, scope: Scope) -> dict[str, Any]:
        """Give the params of one item, their references resolved."""
        return {}

    def key_for(self, scope: Scope) -> Any:
        """Give what a journal knows an item by: its index, unless a subclass says."""
        return scope.lookup("__index__")

    def results_to_for(self, scope: Scope) -> Any:
        """Give the path of the file for the results, None to keep them in the store."""
        return None

    def has_keys(self) -> bool:
        """Tell whether items have keys of their own, which must then differ."""
        return type(self).key_for is not BatchSettings.key_for

    def item_limit(self) -> float:
        """Give how many items there may be."""
        return inf if self.max_items is None else self.max_items

    def tolerated(self, total: int | None) -> float:
        """Give how many items may fail; without a total no share of it is counted."""
        if self.error_handling == "fail_fast":
            return 0
        count = self.tolerated_failure_count
        percentage = self.tolerated_failure_percentage
        by_count = inf if count is None else count
        if percentage is None or total is None:
            return by_count
        return min(by_count, share(percentage, total))


def share(percentage: float, total: int) -> int:
    """Give how many of a total a percentage is, rounded down.

    It is taken as it was written: 0.57 % of 10,000 are 57, though as a double 0.57
    is a little less than that.
    """
    return floor(Fraction(str(percentage)) * total / 100)
