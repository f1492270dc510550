"""Write `diagnostics.md` from the explanations of the codes."""

from pathlib import Path
from textwrap import fill

from pflow_lower.diagnostics import Code
from pflow_lower.display.explanations import explanations

FAMILIES = {
    "PFL0": "JSON",
    "PFL1": "keys and values (the schema)",
    "PFL2": "the graph, and node types",
    "PFL3": "templates",
    "PFL4": "batch",
    "PFL5": "warnings",
}
"""What the codes of a family are about, by their first characters."""

HEAD = """\
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

This page is generated: `python docs/diagnostics.py`.
"""


def page() -> str:
    """Return the page `docs/diagnostics.md`."""
    parts = [HEAD]
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
    wrong, right = one.headings
    return "\n\n".join(
        (
            f"### {code}",
            f"**{one.title[0].upper()}{one.title[1:]}**",
            fill(one.meaning, 120, break_on_hyphens=False, break_long_words=False),
            wrong,
            f"```{one.language}\n{one.wrong}```",
            right,
            f"```{one.language}\n{one.right}```\n",
        )
    )


if __name__ == "__main__":
    Path(__file__).with_suffix(".md").write_text(page(), "utf-8")
