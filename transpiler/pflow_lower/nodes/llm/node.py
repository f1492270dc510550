"""The node type `llm`: ask a language model through the `llm` library."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from pflow_lower.nodes.llm import options
from pflow_lower.nodes.llm.errors import ModelError, model_error
from pflow_lower.nodes.llm.images import attachments, read_images
from pflow_lower.nodes.llm.models import FoundModel, Models
from pflow_lower.nodes.support import params
from pflow_lower.nodes.support.answers import quoted
from pflow_lower.nodes.support.base import AsyncBuiltinNode, Outputs
from pflow_lower.support.resources import borrowed
from pflow_lower.support.secrets import mask_values
from pflow_lower.support.threads import aside
from pflow_lower.support.values import as_text, json_container, read_json, type_name


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    prompt: str
    system: str | None
    model: str | None
    options: options.Given
    images: list[str]
    schema: dict[str, object] | None
    timeout: float | None


class _Reply(NamedTuple):
    """What a model answered; `response` and `usage` are objects of the library."""

    text: str
    response: Any
    usage: Any


class LLMNode(AsyncBuiltinNode):
    """Asks a model, on the event loop if the model can be, else on a thread.

    Keys come from where the library keeps them, and are in no output. Nothing is
    written to the library's log (`docs/language.md` § 7).
    """

    params = {
        "prompt": "required",
        "model": "optional",
        "system": "optional",
        "temperature": "optional",
        "max_tokens": "optional",
        "images": "optional",
        "output_schema": "optional",
        "model_options": "optional",
        "timeout": "optional",
    }
    outputs = {"response": "any", "model": "string", "llm_usage": "object"}
    result = "response"
    actions = ("default", "error")

    async def exec_async(self, prep_res: object) -> Outputs:
        """Ask the model.

        Raises UnknownModelError, ValueError for what this model cannot do, ModelError
        without an answer that can be used, and TimeoutError past `timeout`, when the
        request is cancelled.
        """
        question = _read(self.params)
        async with borrowed(Models) as models:
            found = models.find(question.model)
            reply = await _within(question.timeout, found, question)
        text = mask_values(reply.text, found.keys)
        resolved = getattr(reply.response, "resolved_model", None)
        return {
            "response": text if question.schema is None else _object(found, text),
            "model": resolved or found.model.model_id,
            "llm_usage": _usage(reply.usage),
        }


def _read(given: params.Params) -> _Question:
    images = read_images(given)
    system = given.get("system")
    return _Question(
        prompt=_prompt(given, may_be_empty=bool(images)),
        system=None if system is None else as_text(system),
        model=params.string(given, "model", "").strip() or None,
        options=options.read(given),
        images=images,
        schema=_schema(given),
        timeout=params.seconds(given),
    )


async def _within(
    seconds: float | None, found: FoundModel, question: _Question
) -> _Reply:
    deadline = asyncio.timeout(seconds)
    try:
        async with deadline:
            return await _ask(found, question)
    except TimeoutError:
        if not deadline.expired():
            raise
        raise TimeoutError(
            f'model "{found.name}" did not answer within {seconds:g} s'
        ) from None


async def _ask(found: FoundModel, question: _Question) -> _Reply:
    model = found.model
    if question.schema is not None and not model.supports_schema:
        raise ValueError(
            f'param "output_schema": model "{found.name}" does not support schemas'
        )
    stream, fitting = options.fit(question.options, found)
    arguments = {
        "prompt": question.prompt,
        "system": question.system,
        "schema": question.schema,
        "attachments": await attachments(question.images, found),
        "stream": stream,
        "options": fitting,
    }
    try:
        if not found.is_async:
            reply = await aside(lambda: _answer(model, arguments))
        else:
            response = model.prompt(**arguments)
            reply = _Reply(await response.text(), response, await response.usage())
    except Exception as exc:
        raise model_error(found.name, exc) from None
    if _broke_off(reply.response):
        raise ModelError(f'model "{found.name}": the answer is incomplete')
    return reply


def _answer(model: Any, arguments: dict[str, Any]) -> _Reply:
    response = model.prompt(**arguments)
    return _Reply(response.text(), response, response.usage())


def _broke_off(response: Any) -> bool:
    """Return whether a stream of the OpenAI protocol ended before its last piece.

    A connection that is closed between two pieces looks like the end of the stream.
    """
    said = response.response_json
    return (
        isinstance(said, dict)
        and said.get("object") == "chat.completion.chunk"
        and said.get("finish_reason") is None
    )


def _object(found: FoundModel, text: str) -> object:
    try:
        return read_json(text)
    except ValueError as exc:
        raise ModelError(
            f'model "{found.name}": the answer is not valid JSON, although there is '
            f"an output_schema: {exc}: {quoted(text)}"
        ) from None


def _usage(usage: Any) -> dict[str, object]:
    """Return the numbers of tokens; one that the model does not report is null."""
    known = usage.input is not None and usage.output is not None
    total = usage.input + usage.output if known else None
    counts = {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "total_tokens": total,
    }
    return counts | ({"details": usage.details} if usage.details else {})


def _prompt(given: params.Params, *, may_be_empty: bool) -> str:
    """Return the prompt, of objects and arrays as JSON."""
    prompt = given.get("prompt")
    if prompt is None:
        raise ValueError('param "prompt": expected text, found nothing')
    text = as_text(prompt)
    if not text.strip() and not may_be_empty:
        raise ValueError('param "prompt": expected text, found only white space')
    return text


def _schema(given: params.Params) -> dict[str, object] | None:
    """Return the schema, which may be a string that holds JSON."""
    schema = given.get("output_schema")
    if isinstance(schema, str):
        schema = json_container(schema)
    if given.get("output_schema") is None:
        return None
    if not isinstance(schema, Mapping):
        raise TypeError(
            'param "output_schema": expected a JSON schema, found '
            + type_name(given["output_schema"])
        )
    return dict(schema)
