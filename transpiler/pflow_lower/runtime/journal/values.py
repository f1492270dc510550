"""Values as a journal holds them: params as a digest, results as JSON."""

import hashlib
import json
from typing import Any, Final

from pflow_lower.runtime.journal.errors import JournalError

_DEPTH: Final = 200
"""How deep values may be nested. All Pythons can read that much, from any stack."""

_BITS: Final = 2048
"""How many bits an int may have: Python refuses to read one of very many digits."""

_SCALARS: Final = frozenset({str, float, bool, type(None)})
_UNORDERED: Final = (set, frozenset)

_JSON: Final = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":")
)
"""Not in ASCII: two lone surrogates, escaped, would come back as one character."""


def digest(value: object) -> str:
    """Return 32 hex digits that stand for a value: those of its canonical JSON.

    Values of equal digests are equal and of the same types: 1, 1.0 and True
    differ. The order of keys does not count. What JSON cannot represent counts by
    the name of its type and its repr; if the repr contains an address, the digest
    is another one in each process. Raises JournalError for a value that is
    nested too deep, or whose repr fails.
    """
    text = _canonical(value, _DEPTH)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def encode(value: object) -> str | None:
    """Return a value as JSON; None where `decode` would not give an equal one.

    That is a value that is or holds anything but dicts with strings as keys,
    lists, strings, numbers, booleans and None (their subclasses do not count), or
    one that is nested very deeply. NaN, infinities and lone surrogates are kept, so
    the text may hold surrogates.
    """
    return _JSON.encode(value) if _is_json(value, _DEPTH) else None


def decode(text: str) -> object:
    """Return the value that `encode` wrote."""
    value: object = json.loads(text)
    return value


def _is_json(value: object, depth: int) -> bool:
    kind = type(value)
    if kind in _SCALARS:
        return True
    if isinstance(value, int):
        return kind is int and value.bit_length() <= _BITS
    if depth == 0:
        return False
    if isinstance(value, list):
        return kind is list and all(_is_json(each, depth - 1) for each in value)
    if isinstance(value, dict):
        return kind is dict and all(
            type(key) is str and _is_json(each, depth - 1)
            for key, each in value.items()
        )
    return False


def _canonical(value: Any, depth: int) -> str:
    """Write a value as JSON; what JSON cannot represent begins with `!`.

    The exact type decides: a subclass may be anything.
    """
    kind = type(value)
    if kind is str or kind is bool or value is None:
        return _JSON.encode(value)
    if kind is float or (kind is int and value.bit_length() <= _BITS):
        return repr(value)
    if depth == 0:
        raise JournalError(
            f"params in a journal may be nested up to {_DEPTH} levels deep: these are "
            "deeper, or contain themselves; pass smaller params to the node"
        )
    if kind is dict:
        pairs = [
            f"{_canonical(key, depth - 1)}:{_canonical(each, depth - 1)}"
            for key, each in value.items()
        ]
        return f"{{{','.join(sorted(pairs))}}}"
    if kind is list or kind is tuple or kind in _UNORDERED:
        texts = [_canonical(each, depth - 1) for each in value]
        if kind in _UNORDERED:
            texts.sort()
        name = "" if kind is list else f"!{kind.__name__}"
        return f"{name}[{','.join(texts)}]"
    return f"!{kind.__qualname__}{_JSON.encode(_shown(value))}"


def _shown(value: object) -> str:
    """Return the repr of a value, or the hex digits of an int that is very long."""
    try:
        if type(value) is int:
            return hex(value)
        # What repr writes as it is changes with Python's edition of Unicode.
        return ascii(value)
    except Exception as error:
        kind = type(value).__qualname__
        raise JournalError(
            f"a journal identifies params by their repr, and that of a {kind} fails: "
            f"{error}; pass something else to the node"
        ) from error
