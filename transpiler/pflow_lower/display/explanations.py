"""What each code means: for `--explain`, and for `docs/diagnostics.md`.

The texts are in `explanations.toml`. After a change there, generate the page again:

    python -m pflow_lower.display.explanations > docs/diagnostics.md
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from textwrap import fill, indent
from types import MappingProxyType

from pflow_lower.diagnostics import Code, quote, suggest

FAMILIES: Mapping[str, str] = MappingProxyType(
    {
        "PFL0": "JSON",
        "PFL1": "keys and values (the schema)",
        "PFL2": "the graph, and node types",
        "PFL3": "templates",
        "PFL4": "batch",
        "PFL5": "warnings",
    }
)
"""What the codes of a family are about, by their first characters."""

_TERMINAL_WIDTH = 80
_PAGE_WIDTH = 120

_PAGE_HEAD = """\
# Diagnostics

Every mistake that `pflow-lower` finds in a workflow has a code. Codes are stable: none
ever changes its meaning, so you can use it in your configuration. To see a section of
this page in a terminal, run `pflow-lower --explain PFL301`.

An error stops the lowering. A warning, `PFL5xx`, does not, unless you pass `--strict`.
To turn warnings off, list them in `pyproject.toml`:

```toml
[tool.pflow-lower]
ignore = ["PFL501"]
```

Every example is a whole workflow. The wrong one is reported once, with the code of its
section and no other; nothing is reported about the right one.

This page is generated:
`python -m pflow_lower.display.explanations > docs/diagnostics.md`.
"""


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
    return "\n\n".join(
        (
            f"{code.severity}[{code}]: {one.title}",
            _filled(one.meaning, _TERMINAL_WIDTH),
            f"{_wrong_heading(one)}:",
            indent(one.wrong.rstrip(), "    "),
            f"{_right_heading(one)}:",
            indent(one.right.rstrip(), "    "),
        )
    )


def page() -> str:
    """Return the page `docs/diagnostics.md`."""
    parts = [_PAGE_HEAD]
    for family, about in FAMILIES.items():
        codes = [code for code in explanations() if code.startswith(family)]
        parts.append(f"## `{family}xx`: {about}\n\n{_table(codes)}")
        parts += map(_section, codes)
    return "\n".join(parts)


def _table(codes: list[Code]) -> str:
    rows = (
        f"| [{code}](#{code.lower()}) | {explanations()[code].title} |\n"
        for code in codes
    )
    return f"| code | |\n|---|---|\n{''.join(rows)}"


def _section(code: Code) -> str:
    one = explanations()[code]
    return "\n\n".join(
        (
            f"### {code}",
            f"**{one.title[0].upper()}{one.title[1:]}**",
            _filled(one.meaning, _PAGE_WIDTH),
            f"{_wrong_heading(one)}:",
            f"```{one.language}\n{one.wrong}```",
            f"{_right_heading(one)}:",
            f"```{one.language}\n{one.right}```\n",
        )
    )


def _filled(text: str, width: int) -> str:
    return fill(text, width, break_on_hyphens=False, break_long_words=False)


def _wrong_heading(one: Explanation) -> str:
    return "Wrong" if one.encoding == "UTF-8" else f"Wrong, saved as {one.encoding}"


def _right_heading(one: Explanation) -> str:
    return "Right" if one.encoding == "UTF-8" else "Right, saved as UTF-8"


if __name__ == "__main__":
    import sys

    sys.stdout.write(page())
