"""From a request to a workflow: a model is asked until what it replies lowers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
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
"""How many diagnostics of one reply a model is shown; the first ones matter most."""

_NO_NODES: Mapping[str, str] = MappingProxyType({})
_JSON_FAMILY = "PFL0"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One reply of a model, and what is wrong with it.

    `reply` is all that it said and `text` the workflow in it; lines and columns of
    the diagnostics are those of `text`, and `rendered` shows them.
    """

    reply: str = field(repr=False)
    text: str = field(repr=False)
    diagnostics: tuple[Diagnostic, ...]
    rendered: str = field(repr=False)

    @property
    def errors(self) -> int:
        """How many errors there are; with none of them it lowers."""
        return sum(one.severity is Severity.ERROR for one in self.diagnostics)

    @property
    def is_json(self) -> bool:
        """Whether the text is JSON: otherwise nothing more is known of it."""
        return not any(one.code.startswith(_JSON_FAMILY) for one in self.diagnostics)


@dataclass(frozen=True, slots=True)
class Plan:
    """A workflow that lowers, and how it came about.

    `attempts` are the model's replies in their order; the last one is the
    workflow. `diagnostics` are warnings about it, with lines and columns of `text`.
    """

    ir: dict[str, Any]
    attempts: tuple[Attempt, ...]
    diagnostics: tuple[Diagnostic, ...] = ()

    @property
    def text(self) -> str:
        """The workflow as a file holds it: two spaces deeper for each level."""
        return json.dumps(self.ir, ensure_ascii=False, indent=2) + "\n"


class PlanError(Exception):
    """No reply of the model lowers; `str` renders what is wrong with the best one.

    `attempts` are all replies, and `best` is the one with the fewest errors.
    """

    def __init__(self, attempts: tuple[Attempt, ...]) -> None:
        self.attempts = attempts
        # Of text that is no JSON only the first mistake is known, so it comes last.
        # Among equals the latest is the best: `min` gives the first that it meets.
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
    nodes: Mapping[str, str] = _NO_NODES,
) -> Plan:
    """Have a model write the workflow that a request in plain words asks for.

    `model` is a name or an alias that the library `llm` knows, None its default. A
    reply that does not lower goes back to the model with its diagnostics, until
    there were `attempts`. `nodes` maps node types to "package.module:Class", as for
    `lower`. What was replied is not run, and nothing that it names is imported.
    Raises PlanError where no reply lowers, ModelError where the model does not
    answer, ImportError without the extra `llm`, ValueError for other arguments that
    make no sense.
    """
    options = make_options("workflow", "value", nodes)
    return plan_with(options, request, model=model, attempts=attempts)


def plan_with(
    options: Options, request: str, *, model: str | None, attempts: int
) -> Plan:
    """Do what `plan` does, by the rules that a lowering with `options` has."""
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
            return _plan(outcome.origin.value, tuple(made), options)
        prompt = again(request, attempt.text, attempt.rendered)
    raise PlanError(tuple(made))


def _judge(reply: str, options: Options) -> tuple[Attempt, Outcome]:
    """Lower what was replied, as far as that goes."""
    text = find_workflow(reply)
    outcome = lower_bytes("reply", text.encode(), options)
    found = outcome.diagnostics
    rendered = render(found[:MAX_REPORTED], outcome.origin, outcome.name)
    if len(found) > MAX_REPORTED:
        rendered += f"\n… and {len(found) - MAX_REPORTED} more"
    return Attempt(reply, text, found, rendered), outcome


def _plan(ir: Any, attempts: tuple[Attempt, ...], options: Options) -> Plan:
    """Put a workflow into its final form, which its warnings are then about."""
    plain = Plan(ir, attempts)
    found = lower_bytes("workflow", plain.text.encode(), options).diagnostics
    return Plan(ir, attempts, found)
