"""The options of a model: `temperature`, `max_tokens`, `model_options`.

Each model has its own, and checks them; their names differ a little.
"""

from dataclasses import dataclass
from typing import Any

from pflow_lower.nodes.llm.models import FoundModel
from pflow_lower.nodes.support import params
from pflow_lower.nodes.support.answers import quoted

_NAMES = {
    "temperature": ("temperature",),
    "max_tokens": ("max_tokens", "max_output_tokens", "num_predict"),
}
"""Params that are options, and their names in models."""


@dataclass(frozen=True, slots=True)
class Given:
    """The options of a workflow, by their params and by their own names."""

    by_param: dict[str, object]
    by_name: dict[str, object]


def read(given: params.Params) -> Given:
    """Read the params; raises TypeError if `model_options` is not an object."""
    by_param = {name: given[name] for name in _NAMES if given.get(name) is not None}
    return Given(by_param, params.fields(given, "model_options"))


def fit(given: Given, found: FoundModel) -> tuple[bool, dict[str, object]]:
    """Return whether to stream the answer, and the options by the model's names.

    Models that can stream do, unless the option `stream` is false: some refuse long
    answers otherwise. Raises ValueError for an option that the model does not accept.
    """
    known: dict[str, Any] = found.model.Options.model_fields
    options = dict(given.by_name)
    for param, value in given.by_param.items():
        name = next((name for name in _NAMES[param] if name in known), None)
        if name is None:
            raise ValueError(
                f'param "{param}": model "{found.name}" has no such option'
                f"{_those_of(known)}"
            )
        if name in options:
            raise ValueError(f'give either "{param}" or the model option "{name}"')
        options[name] = value
    stream = found.model.can_stream
    if "stream" not in known and "stream" in options:
        stream = stream and params.flag(options, "stream", default=True)
        del options["stream"]
    _check(options, found, known)
    return stream, options


def _check(
    options: dict[str, object], found: FoundModel, known: dict[str, Any]
) -> None:
    try:
        found.model.Options(**options)
    except ValueError as exc:
        problems: list[Any] = getattr(exc, "errors", list)()
        if not problems:
            raise
        said = "; ".join(_said(problem) for problem in problems)
        raise ValueError(
            f'model "{found.name}" does not take these options: {quoted(said)}'
            f"{_those_of(known)}"
        ) from None


def _said(problem: Any) -> str:
    """Describe an error of the library without the value that it is about."""
    where = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        return f'it has no option "{where}"'
    return f'"{where}": {problem["msg"]}' if where else problem["msg"]


def _those_of(known: dict[str, Any]) -> str:
    return f" (it has {', '.join(known)})" if known else " (it has none)"
