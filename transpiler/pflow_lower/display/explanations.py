"""What each code means: for `--explain`, for SARIF, and for `docs/diagnostics.md`.

The texts are in `explanations.toml`. After a change there, write the page again:
`python docs/diagnostics.py`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from textwrap import fill, indent
from types import MappingProxyType

from pflow_lower.diagnostics import Code, quote, suggest


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a code means, with a wrong workflow and the same one corrected.

    The examples are JSON text, or Python if the code is about Python objects;
    `encoding` is the one that makes the wrong example wrong.
    """

    title: str
    meaning: str
    wrong: str
    right: str
    language: str = "json"
    encoding: str = "UTF-8"

    @property
    def headings(self) -> tuple[str, str]:
        """What stands above the wrong example and above the right one."""
        if self.encoding == "UTF-8":
            return "Wrong:", "Right:"
        return f"Wrong, saved as {self.encoding}:", "Right, saved as UTF-8:"


@cache
def explanations() -> Mapping[Code, Explanation]:
    """Return the explanation of every code."""
    text = files(__package__).joinpath("explanations.toml").read_text("utf-8")
    tables = tomllib.loads(text)
    return MappingProxyType(
        {Code(name): Explanation(**table) for name, table in tables.items()}
    )


def explain(code_text: str) -> str:
    """Explain a code, in upper or lower case, as text for a terminal.

    Raises LookupError, with a hint, if there is no such code.
    """
    try:
        code = Code(code_text.strip().upper())
    except ValueError:
        hint = suggest(code_text, Code, "the codes are")
        raise LookupError(f"there is no code {quote(code_text)}: {hint}") from None
    one = explanations()[code]
    wrong, right = one.headings
    return "\n\n".join(
        (
            f"{code.severity}[{code}]: {one.title}",
            fill(one.meaning, 80, break_on_hyphens=False, break_long_words=False),
            wrong,
            indent(one.wrong.rstrip(), "    "),
            right,
            indent(one.right.rstrip(), "    "),
        )
    )
