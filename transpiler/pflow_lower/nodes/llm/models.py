"""The models of the `llm` library, each found once in a run, and their clients.

The library makes a client for each request. Here the requests of a run share one and
its connections; it is closed when the run is over.
"""

import copy
import inspect
from dataclasses import dataclass
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any

from pflow_lower.nodes.llm.errors import model_error
from pflow_lower.support.secrets import register, register_headers

_loading = Lock()


class UnknownModelError(LookupError):
    """No model has this name; the message says how to find or install one."""


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A model of the library, and the name or alias that it was found by.

    `is_async` says how to ask it; `keys` are its credentials.
    """

    name: str
    model: Any
    is_async: bool
    keys: tuple[str, ...]


class Models:
    """The models of a run; an asynchronous context manager, which closes clients."""

    def __init__(self) -> None:
        self._llm = _load_llm()
        self._found: dict[str, FoundModel] = {}
        self._clients: dict[object, Any] = {}
        self._making = Lock()

    async def __aenter__(self) -> "Models":
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        for client in self._clients.values():
            closing = client.close()
            if inspect.isawaitable(closing):
                await closing
        self._clients.clear()

    def find(self, name: str | None) -> FoundModel:
        """Find a model by its name or alias; without one, the library's default.

        Raises UnknownModelError, and ModelError if the model needs a key that the
        library does not have.
        """
        name = name or self._llm.get_default_model()
        if name not in self._found:
            model, is_async = self._look_up(name)
            keys = _keys(name, model)
            self._found[name] = FoundModel(name, self._sharing(model), is_async, keys)
        found = self._found[name]
        for key in found.keys:
            register(key)
        return found

    def _look_up(self, name: str) -> tuple[Any, bool]:
        try:
            return self._llm.get_async_model(name), True
        except self._llm.UnknownModelError:
            pass
        try:
            return self._llm.get_model(name), False
        except self._llm.UnknownModelError:
            raise UnknownModelError(self._unknown(name)) from None

    def _unknown(self, name: str) -> str:
        from difflib import get_close_matches

        names = [*self._llm.get_model_aliases(), *self._llm.get_async_model_aliases()]
        close = get_close_matches(name, map(str, names), n=1)
        meant = f'did you mean "{close[0]}"? ' if close else ""
        return (
            f'no model is called "{name}": {meant}"llm models" lists the installed '
            'models, "llm install" adds a plugin with more'
        )

    def _sharing(self, model: Any) -> Any:
        """Return the model, or a copy whose requests share a client.

        The models that have clients are those of the OpenAI protocol.
        """
        if not callable(getattr(model, "get_client", None)):
            return model
        sharing = copy.copy(model)

        def get_client(key: object = None, **options: Any) -> Any:
            slot = (id(sharing), key, *sorted(options.items()))
            with self._making:
                if slot not in self._clients:
                    client = model.get_client(key, **options)
                    # Hidden attempts would wait, cost money, and bypass the `retry`
                    # and the `rate_limit` of a batch.
                    if hasattr(client, "max_retries"):
                        client.max_retries = 0
                    self._clients[slot] = client
                return self._clients[slot]

        sharing.get_client = get_client
        return sharing


def _load_llm() -> ModuleType:
    with _loading:  # the library marks its plugins as loaded before they are
        try:
            llm = import_module("llm")
        except ImportError as exc:
            raise ImportError(
                "nodes of type llm need an extra: pip install 'pflow-lower[llm]'"
            ) from exc
        llm.load_plugins()
    return llm


def _keys(name: str, model: Any) -> tuple[str, ...]:
    register_headers(getattr(model, "headers", None) or {})
    try:
        key = model.get_key() if getattr(model, "needs_key", None) else None
    except Exception as exc:
        raise model_error(name, exc) from None
    return (key,) if key else ()
