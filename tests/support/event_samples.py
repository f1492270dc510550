"""Events of a batch of which a test gives only the fields that it is about."""

from typing import Any, get_args

from pflow_lower.runtime import Event

_TYPES = {each._field_defaults["kind"]: each for each in get_args(Event)}
_FIELDS = {
    "node_id": "sum",
    "batch": 1,
    "total": None,
    "index": 0,
    "attempt": 1,
    "error": "no",
    "type": "ValueError",
    "wait": 0.0,
    "count": 0,
    "success_count": 0,
    "error_count": 0,
}


def event(kind: str, time: float, **fields: Any) -> Event:
    """Give an event of a kind; what is not given is as dull as can be."""
    of_kind = _TYPES[kind]
    usual = {name: _FIELDS[name] for name in of_kind._fields if name in _FIELDS}
    if kind == "batch_finished":
        usual["error"] = usual["type"] = None
    made: Event = of_kind(**usual | {"time": time} | fields)
    return made
