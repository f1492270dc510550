"""The inputs of a workflow: their declarations and their values."""

from collections.abc import Iterable, Mapping, MutableMapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from pflow_lower.runtime.errors import InputError
from pflow_lower.support.values import has_type, type_name

NOT_GIVEN: Final = object()


@dataclass(frozen=True, slots=True)
class Input:
    """The declaration of an input of a workflow: `docs/language.md` § 1.

    With `stdin` a program reads it from standard input if `-i` does not set it.
    """

    name: str
    type: str | None = None
    required: bool = True
    default: Any = NOT_GIVEN
    stdin: bool = False


def fill_inputs(inputs: Iterable[Input], shared: MutableMapping[str, Any]) -> None:
    """Check the inputs in a store, and add the defaults of missing ones.

    Raises InputError, which lists all inputs that are missing or of a wrong type.
    """
    problems: list[str] = []
    for each in inputs:
        if each.name in shared:
            value = shared[each.name]
            if each.type is not None and not has_type(value, each.type):
                problem = f'"{each.name}" must be {each.type}, not {type_name(value)}'
                problems.append(problem)
        elif each.default is not NOT_GIVEN:
            shared[each.name] = deepcopy(each.default)
        elif each.required:
            problems.append(f'"{each.name}" is required but not given')
    if problems:
        raise InputError(f"wrong inputs: {'; '.join(problems)}")


def check_names(inputs: Iterable[Input], given: Mapping[str, Any]) -> None:
    """Raise InputError if a value is given for an input that is not declared."""
    known = [each.name for each in inputs]
    problems: list[str] = []
    for name in given:
        if name not in known:
            from difflib import get_close_matches  # late: only a mistake needs it

            near = get_close_matches(name, known, n=1)
            hint = f', did you mean "{near[0]}"?' if near else ""
            problems.append(f'no input is called "{name}"{hint}')
    if problems:
        there = ", ".join(known) or "none"
        raise InputError(f"{'; '.join(problems)} (the workflow declares {there})")
