"""Score whether a workflow has the pattern that a request asks for.

A request about several items says where the items should come from. Whether the nodes
do the right thing with them is for people to judge.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from pflow_lower import Lowered, LoweringError, lower
from pflow_lower.diagnostics import Code

REQUESTS = Path(__file__).with_name("plan_requests.json")

_NAME = re.compile(r"\$[{<]([A-Za-z_][\w-]*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """A request, and the pattern that answers it.

    If a batch is due, either `items` or `values` is given. `items` are the sources that
    are right: "array" (written out), "input", "node" (the output of an earlier node),
    or the key of a stream. `values` are the items themselves, each in all spellings.
    """

    request: str
    items: tuple[str, ...] = ()
    values: tuple[tuple[str, ...], ...] = ()
    mentions: tuple[str, ...] = ()
    """What must occur in the items, or in the nodes that they come from."""
    parallel: bool | None = None
    """Whether the batch should be parallel; None if both are right."""

    @property
    def batch(self) -> bool:
        """Whether a batch is due."""
        return bool(self.items or self.values)


class Score(NamedTuple):
    """What is right about a workflow; None for a question that does not apply."""

    lowers: bool
    batch: bool
    items: bool | None = None
    alias: bool | None = None
    parallel: bool | None = None

    @property
    def points(self) -> int:
        """The number of right answers."""
        return sum(one is True for one in self)


def read_requests() -> tuple[Expected, ...]:
    """Return the requests by which models are scored."""
    return tuple(
        Expected(**{name: _frozen(value) for name, value in each.items()})
        for each in json.loads(REQUESTS.read_text("utf-8"))
    )


def score(expected: Expected, ir: Mapping[str, Any] | None) -> Score:
    """Score the workflow for a request; None if there is no workflow.

    A workflow that does not lower has no points. Of several batches the best counts.
    """
    lowered = _lowered(ir)
    batches = [
        index
        for index, node in enumerate(ir["nodes"] if ir and lowered else ())
        if "batch" in node
    ]
    if not expected.batch:
        return Score(lowered is not None, lowered is not None and not batches)
    if ir is None or lowered is None or not batches:
        parallel = None if expected.parallel is None else False
        return Score(lowered is not None, False, False, False, parallel)
    each = (_of_batch(expected, ir, lowered, index) for index in batches)
    return max(each, key=lambda one: one.points)


def _lowered(ir: Mapping[str, Any] | None) -> Lowered | None:
    try:
        return None if ir is None else lower(ir)
    except LoweringError:
        return None


def _of_batch(
    expected: Expected, ir: Mapping[str, Any], lowered: Lowered, index: int
) -> Score:
    batch = ir["nodes"][index]["batch"]
    unused = any(
        one.code is Code.UNUSED_ALIAS and one.path[:2] == ("nodes", index)
        for one in lowered.diagnostics
    )
    at_once = batch.get("parallel", False) and batch.get("max_concurrent", 2) > 1
    parallel = None if expected.parallel is None else at_once is expected.parallel
    return Score(
        True, True, _are_right(expected, batch["items"], ir), not unused, parallel
    )


def _are_right(expected: Expected, items: Any, ir: Mapping[str, Any]) -> bool:
    """Return whether the items of a batch are those of the request."""
    origin = "\n".join([json.dumps(items), *_origins(items, ir)])
    if expected.values:
        return _hold(items, expected.values, ir, origin)
    return _kind(items, ir) in expected.items and all(
        each in origin for each in expected.mentions
    )


def _kind(items: Any, ir: Mapping[str, Any]) -> str:
    """Return the source of items: "array", "input", "node", or the key of a stream."""
    if isinstance(items, list):
        return "array"
    if isinstance(items, dict):
        return str(next(iter(items)))
    name = _NAME.search(items)
    return "input" if name and name[1] in ir.get("inputs", {}) else "node"


def _hold(
    items: Any, values: tuple[tuple[str, ...], ...], ir: Mapping[str, Any], origin: str
) -> bool:
    """Return whether items are exactly these values, as far as can be known.

    The output of a node cannot be known: there the values must occur in the node.
    """
    if _kind(items, ir) == "input":
        name = _NAME.search(items)
        items = ir["inputs"][name[1]].get("default") if name else None
    if isinstance(items, list):
        texts = [json.dumps(item, ensure_ascii=False) for item in items]
        return len(texts) == len(values) and all(
            any(_mentions(text, value) for text in texts) for value in values
        )
    return isinstance(items, str) and all(_mentions(origin, value) for value in values)


def _mentions(text: str, spellings: tuple[str, ...]) -> bool:
    words = "|".join(map(re.escape, spellings))
    return bool(re.search(rf"(?<!\w)({words})(?!\w)", text, re.IGNORECASE))


def _origins(value: Any, ir: Mapping[str, Any]) -> Iterator[str]:
    """Yield the text of all nodes and inputs that a value depends on."""
    named = {node["id"]: node for node in ir["nodes"]} | ir.get("inputs", {})
    ahead = [json.dumps(value)]
    while ahead:
        for name in _NAME.findall(ahead.pop()):
            if text := json.dumps(named.pop(name, ""), ensure_ascii=False):
                yield text
                ahead.append(text)


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
