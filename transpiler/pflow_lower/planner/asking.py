"""Asking a model, by the library `llm`: any model that is installed for it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pflow_lower.check.schema import schema_text

if TYPE_CHECKING:
    import llm

from pflow_lower.support.secrets import mask, mask_values

MAX_MESSAGE = 500
"""How many characters of what a provider said are shown."""


class ModelError(Exception):
    """A model cannot be asked, or did not answer; the message says why.

    It never holds a key.
    """


class Model:
    """A model, and whether it takes a schema of what it is to reply."""

    def __init__(self, name: str | None) -> None:
        """Find a model by its name or alias; None is the default of `llm`.

        Raises ImportError without the extra, ModelError for an unknown model.
        """
        self._model = _find(name)
        self._with_schema = bool(self._model.supports_schema)

    def ask(self, system: str, prompt: str) -> str:
        """Give the model's reply; raises ModelError."""
        if self._with_schema:
            # Providers refuse schemas that are large, or have a keyword too many, each
            # in words of its own. Whatever went wrong, the call without one tells.
            with suppress(Exception):
                return self._reply(system, prompt, schema=json.loads(schema_text()))
            self._with_schema = False
        try:
            return self._reply(system, prompt)
        except Exception as error:
            # Not "from error": its message may hold a key.
            raise ModelError(_explain(error, self._model)) from None

    def _reply(self, system: str, prompt: str, **options: Any) -> str:
        # Not streamed: nobody looks on, and not every server can.
        answer = self._model.prompt(prompt, system=system, stream=False, **options)
        return answer.text()


def _find(name: str | None) -> "llm.Model":
    try:
        import llm  # late: it takes a second, and may be missing
    except ImportError as error:
        message = "the planner needs an extra: pip install 'pflow-lower[llm]'"
        raise ImportError(message) from error
    try:
        return llm.get_model(name)
    except llm.UnknownModelError as error:
        message = f'{error.args[0]}; "llm models" lists those that are installed'
        raise ModelError(message) from None
    except Exception as error:  # a plugin that is broken, or a file of settings
        raise ModelError(f"llm: {type(error).__name__}: {_shown(str(error))}") from None


def _explain(error: Exception, model: "llm.Model") -> str:
    """Say in one line why a model did not answer, and keep its secrets."""
    import llm

    message = mask(mask_values(str(error), _secrets(model)))
    kind = "" if isinstance(error, llm.ModelError) else f"{type(error).__name__}: "
    return f"{model.model_id} did not answer: {kind}{_shown(message)}"


def _secrets(model: "llm.Model") -> Iterator[str]:
    """Give what a provider may quote and nobody else should read."""
    with suppress(Exception):  # no key is a reason of its own for not answering
        if key := model.get_key():
            yield key
    headers = getattr(model, "headers", None)
    for value in headers.values() if isinstance(headers, dict) else ():
        yield from str(value).split()


def _shown(message: str) -> str:
    """Put what somebody else said on one line that a terminal can show."""
    words = " ".join(message.split())
    printable = "".join(char if char.isprintable() else "\ufffd" for char in words)
    if len(printable) > MAX_MESSAGE:
        return f"{printable[:MAX_MESSAGE]}…"
    return printable
