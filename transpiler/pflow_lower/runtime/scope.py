"""Scopes: where the names in templates get their values while a workflow runs.

`${ls.files[0]}` was compiled to `scope.lookup("ls", "files", 0)`, and a computed
index, `${a[${i}].b}`, to `scope.lookup("a", ("i",), "b")`. The rules are those of
`docs/language.md` § 2.
"""

import logging
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias

from pflow_lower.runtime.errors import InvalidIndexError, MissingReferenceError
from pflow_lower.support.values import as_text, is_array, json_container, type_name

logger = logging.getLogger("pflow_lower.runtime")

Path: TypeAlias = tuple[Any, ...]
"""A name, then fields (str), indexes (int) and computed indexes (a Path)."""

_NOWHERE: Final = object()
_SHOWN_KEYS = 20


class _Missing:
    """A path without a value: `path[depth]` is not in `owner`."""

    __slots__ = ("depth", "owner", "path")

    def __init__(self, path: Path, depth: int, owner: Any) -> None:
        self.path = path
        self.depth = depth
        self.owner = owner


class Scope:
    """The names that are bound at one place of a workflow.

    A name is looked up in `bindings` (the item of a batch) first, then in the store.
    JSON in strings of the store is parsed once, if all scopes of a batch share the
    dict `parsed` that keeps it.
    """

    __slots__ = ("_bindings", "_parsed", "_store")

    def __init__(
        self,
        store: MutableMapping[str, Any],
        bindings: Mapping[str, Any] | None = None,
        parsed: dict[str, Any] | None = None,
    ) -> None:
        self._store = store
        self._bindings = {} if bindings is None else bindings
        self._parsed = {} if parsed is None else parsed

    def lookup(self, *path: Any, text: str | None = None) -> Any:
        """Return the value at a path.

        Args:
            path: A name, then fields (str), indexes (int) and computed indexes
                (tuples that are paths): `docs/language.md` § 2.
            text: The template as it was written (permissive mode): it is returned,
                and the loss is logged, if there is no value.

        Raises:
            MissingReferenceError: There is no value, and no `text`.
            InvalidIndexError: A computed index is not an int.
        """
        # Most references are the name of the item, and nothing else.
        if len(path) == 1 and path[0] in self._bindings:
            return self._bindings[path[0]]
        value = self._find(path)
        if type(value) is _Missing:
            return self._missing((path,), value, text)
        return value

    def coalesce(
        self, *paths: Path, default: Any = _NOWHERE, text: str | None = None
    ) -> Any:
        """Return the first value that exists, even None: `${a ?? b ?? "c"}`."""
        value: Any = None
        for path in paths:
            value = self._find(path)
            if type(value) is not _Missing:
                return value
        if default is not _NOWHERE:
            return default
        return self._missing(paths, value, text)

    def names(self) -> tuple[str, ...]:
        """Return the names that are bound."""
        return tuple(dict.fromkeys([*self._store, *self._bindings]))

    def _find(self, path: Path) -> Any:
        name = path[0]
        value = self._bindings.get(name, _NOWHERE)
        keep = value is _NOWHERE
        if keep:
            value = self._store.get(name, _NOWHERE)
            if value is _NOWHERE:
                return _Missing(path, 0, self)
        for depth in range(1, len(path)):
            segment = path[depth]
            if isinstance(segment, tuple):
                segment = self._index(segment)
                if type(segment) is _Missing:
                    return segment
            if isinstance(value, str):
                value = self._container(value, keep)
            if isinstance(segment, str):
                if not isinstance(value, Mapping) or segment not in value:
                    return _Missing(path, depth, value)
            elif not is_array(value) or not 0 <= segment < len(value):
                return _Missing(path, depth, value)
            value = value[segment]
        return value

    def _index(self, path: Path) -> Any:
        index = self._find(path)
        if type(index) is _Missing or (
            isinstance(index, int) and not isinstance(index, bool)
        ):
            return index
        raise InvalidIndexError(
            f"${{{spell(path)}}} must be an int to be an index, not {type_name(index)}"
        )

    def _container(self, text: str, keep: bool) -> Any:
        """Return the object or array in a string as JSON, else the string."""
        if not keep:
            return decoded(text)
        if text not in self._parsed:
            self._parsed[text] = decoded(text)
        return self._parsed[text]

    def _missing(self, paths: tuple[Path, ...], last: Any, text: str | None) -> str:
        spelled = f"${{{' ?? '.join(map(spell, paths))}}}"
        message = f"{spelled} is missing: {_explain(last)}"
        if text is None:
            raise MissingReferenceError(message)
        logger.warning("%s; it is left as it was written", message)
        return text


def concat(*parts: Any) -> str:
    """Return the parts as one text."""
    text = ""
    for part in parts:
        text += part if type(part) is str else as_text(part)
    return text


def decoded(value: Any) -> Any:
    """Return the object or array that a string holds as JSON, else the value itself."""
    if isinstance(value, str):
        container = json_container(value)
        return value if container is None else container
    return value


def spell(path: Path) -> str:
    """Return a path as it is written in a template: `a.b[0][${i}]`."""
    written = str(path[0])
    for segment in path[1:]:
        if isinstance(segment, tuple):
            written += f"[${{{spell(segment)}}}]"
        else:
            written += f".{segment}" if isinstance(segment, str) else f"[{segment}]"
    return written


def _explain(missing: _Missing) -> str:
    """Explain which part of a path failed, and what was found instead."""
    if missing.depth == 0:
        return f'there is no "{missing.path[0]}", only {_keys(missing.owner.names())}'
    owner = spell(missing.path[: missing.depth])
    segment = missing.path[missing.depth]
    if isinstance(segment, str):
        if isinstance(missing.owner, Mapping):
            return f'"{owner}" has no "{segment}", only {_keys(missing.owner)}'
        return f'"{owner}" is {type_name(missing.owner)}, it has no "{segment}"'
    if is_array(missing.owner):
        return f'"{owner}" has {len(missing.owner)} elements, no such index'
    return f'"{owner}" is {type_name(missing.owner)}, it has no indexes'


def _keys(owner: Iterable[Any]) -> str:
    names = [str(key) for key in owner]
    shown = ", ".join(names[:_SHOWN_KEYS]) or "nothing"
    return f"{shown}, …" if len(names) > _SHOWN_KEYS else shown
