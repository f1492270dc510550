"""The output formats of diagnostics: one line each, which is all that adds a format.

The command line reads this table at each start, so nothing is imported here: a format
names the function that writes it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

_HERE = "pflow_lower.display.formats"


class OutputFormat(NamedTuple):
    """A format: the function that writes it, and whether programs read it.

    What programs read is one text for the whole run, and goes to standard output.
    """

    writer: str
    is_for_programs: bool = False


OUTPUT_FORMATS: Mapping[str, OutputFormat] = MappingProxyType(
    {
        "text": OutputFormat(f"{_HERE}:write_text"),
        "concise": OutputFormat(f"{_HERE}:write_concise"),
        "json": OutputFormat(f"{_HERE}:write_json", is_for_programs=True),
        "github": OutputFormat(f"{_HERE}:write_github"),
        "sarif": OutputFormat(f"{_HERE}:write_sarif", is_for_programs=True),
    }
)
"""The formats, by the names that the command line uses."""
