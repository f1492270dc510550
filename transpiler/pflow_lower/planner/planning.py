"""Ask a model for a workflow until its reply lowers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from pflow_lower.api import Outcome, lower_bytes, make_options
from pflow_lower.diagnostics import Diagnostic, Severity
from pflow_lower.display.render import render
from pflow_lower.document.document import Document
from pflow_lower.pipeline import Options
from pflow_lower.planner.asking import Model
from pflow_lower.planner.prompt import again, instructions
from pflow_lower.planner.reply import find_workflow

MAX_REPORTED = 20
"""How many diagnostics of one reply a model is shown: the first ones."""

_JSON_FAMILY = "PFL0"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reply of a model, and what is wrong with it.

    Attributes:
        reply: The whole reply.
        text: The workflow in it.
        diagnostics: The problems; their lines and columns are those of `text`.
        rendered: The diagnostics as text, with carets.
    """

    reply: str = field(repr=False)
    text: str = field(repr=False)
    diagnostics: tuple[Diagnostic, ...]
    rendered: str = field(repr=False)

    @property
    def errors(self) -> int:
        """The number of errors; a reply without errors lowers."""
        return sum(one.severity is Severity.ERROR for one in self.diagnostics)

    @property
    def is_json(self) -> bool:
        """Whether the text is valid JSON; if not, nothing else was checked."""
        return not any(one.code.startswith(_JSON_FAMILY) for one in self.diagnostics)


@dataclass(frozen=True, slots=True)
class Plan:
    """A workflow that lowers, and the replies that led to it.

    Attributes:
        ir: The workflow, an argument for `pflow_lower.lower`.
        attempts: The replies of the model, in order; the last one is the workflow.
        diagnostics: The warnings; their lines and columns are those of `text`.
    """

    ir: dict[str, Any]
    attempts: tuple[Attempt, ...]
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def text(self) -> str:
        """The workflow as JSON, indented by two spaces, with a final line break."""
        return json.dumps(self.ir, ensure_ascii=False, indent=2) + "\n"


class PlanError(Exception):
    """No reply of the model lowers; `str` shows the problems of the best one.

    Attributes:
        attempts: All replies, in order.
        best: The reply with the fewest errors.
    """

    def __init__(self, attempts: tuple[Attempt, ...]) -> None:
        self.attempts = attempts
        # Of text that is not JSON only the first mistake is known, so it is the worst.
        # Of equally good replies the latest counts: `min` returns the first it meets.
        self.best = min(
            reversed(attempts), key=lambda one: (not one.is_json, one.errors)
        )
        tries = "1 attempt" if len(attempts) == 1 else f"{len(attempts)} attempts"
        super().__init__(f"no workflow after {tries}\n{self.best.rendered}")


def plan(
    request: str,
    *,
    model: str | None = None,
    attempts: int = 3,
    nodes: Mapping[str, str] = MappingProxyType({}),
) -> Plan:
    """Let a model write the workflow that a request describes.

    A reply that does not lower goes back to the model with its diagnostics. No reply
    is run, and nothing that it names is imported.

    Args:
        request: What the workflow should do, in plain words.
        model: A name or an alias that the library `llm` knows; None means its default.
        attempts: How often to ask the model at most.
        nodes: Node types by name, each as "package.module:Class", as for `lower`.

    Returns:
        The workflow, the replies, and the warnings.

    Raises:
        PlanError: No reply lowers.
        ModelError: The model did not answer.
        ImportError: The extra `llm` is not installed.
        ValueError: Another argument is not valid.
    """
    options = make_options("workflow", "value", nodes)
    return plan_with(options, request, model=model, attempts=attempts)


def plan_with(
    options: Options, request: str, *, model: str | None, attempts: int
) -> Plan:
    """Plan like `plan`, with the options of a lowering."""
    if not request.strip():
        raise ValueError("the request is empty")
    if attempts < 1:
        raise ValueError(f"attempts must be at least 1, not {attempts}")
    asked = Model(model)
    system = instructions(options.nodes)
    made: list[Attempt] = []
    prompt = request
    while len(made) < attempts:
        reply = asked.ask(system, prompt)
        attempt, outcome = _judge(reply, options)
        made.append(attempt)
        if outcome.lowered is not None and isinstance(outcome.origin, Document):
            ir: Any = outcome.origin.value
            planned = Plan(ir, tuple(made))
            # Its warnings have the positions of its final text.
            final = lower_bytes("workflow", planned.text.encode(), options)
            return replace(planned, diagnostics=final.diagnostics)
        prompt = again(request, attempt.text, attempt.rendered)
    raise PlanError(tuple(made))


def _judge(reply: str, options: Options) -> tuple[Attempt, Outcome]:
    """Lower a reply; return it as an attempt, and the outcome."""
    text = find_workflow(reply)
    outcome = lower_bytes("reply", text.encode(), options)
    found = outcome.diagnostics
    rendered = render(found[:MAX_REPORTED], outcome.origin, outcome.name)
    if len(found) > MAX_REPORTED:
        rendered += f"\n… and {len(found) - MAX_REPORTED} more"
    return Attempt(reply, text, found, rendered), outcome
