"""Ask a model through the library `llm`: any model that is installed for it."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pflow_lower.check.schema import schema_text

if TYPE_CHECKING:
    import llm

from pflow_lower.support.secrets import mask, mask_values
from pflow_lower.support.text import one_line

MAX_MESSAGE = 500
"""How many characters of a provider's message are shown."""


class ModelError(Exception):
    """A model cannot be asked, or did not answer; the message says why.

    The message never contains a key.
    """


class Model:
    """A model, and whether it accepts a schema for its reply."""

    def __init__(self, name: str | None) -> None:
        """Find a model by its name or alias; None means the default of `llm`.

        Raises ImportError without the extra, ModelError for an unknown model.
        """
        self._model = _find(name)
        self._with_schema = bool(self._model.supports_schema)

    def ask(self, system: str, prompt: str) -> str:
        """Return the reply of the model; raise ModelError."""
        if self._with_schema:
            # Providers refuse schemas that are large or use some keyword, each with
            # another message. If something else is wrong, the next call shows it.
            with suppress(Exception):
                return self._reply(system, prompt, schema=json.loads(schema_text()))
            self._with_schema = False
        try:
            return self._reply(system, prompt)
        except Exception as error:
            # Not "from error": its message may contain a key.
            raise ModelError(_explain(error, self._model)) from None

    def _reply(self, system: str, prompt: str, **options: Any) -> str:
        # Not streamed: the reply is used as a whole, and some servers cannot stream.
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
    except Exception as error:  # a broken plugin, or a broken settings file
        raise ModelError(
            f"llm: {type(error).__name__}: {one_line(str(error), MAX_MESSAGE)}"
        ) from None


def _explain(error: Exception, model: "llm.Model") -> str:
    """Return on one line, without secrets, why a model did not answer."""
    import llm

    message = mask(mask_values(str(error), _secrets(model)))
    kind = "" if isinstance(error, llm.ModelError) else f"{type(error).__name__}: "
    return f"{model.model_id} did not answer: {kind}{one_line(message, MAX_MESSAGE)}"


def _secrets(model: "llm.Model") -> Iterator[str]:
    """Yield the secrets that a provider may quote in an error."""
    with suppress(Exception):  # a missing key is an error that is reported elsewhere
        if key := model.get_key():
            yield key
    headers = getattr(model, "headers", None)
    for value in headers.values() if isinstance(headers, dict) else ():
        yield from str(value).split()
