"""The names in a generated module, made from ids that may be any text at all.

`list_files` becomes the class ListFiles and the variable list_files; ids that
differ only by `-` and `_` get numbers; `class`, `__class__` and `Step` get out of
the way of Python's names and ours.
"""

import re
from keyword import iskeyword

MAX_NAME = 32
"""How many characters of an id make it into a name of the generated module."""

SOFT_KEYWORDS = frozenset({"case", "match", "type"})
"""Those of every Python: `keyword` knows "type" since 3.12, and bytes must agree."""

RUNTIME_NAMES = (
    "BatchStep",
    "Input",
    "RateLimit",
    "Retry",
    "Scope",
    "Step",
    "WorkflowFlow",
    "concat",
    "decoded",
    "main",
    "run_flow",
)
"""What a generated module may import from `pflow_lower.runtime`."""

RESERVED_NAMES = frozenset(
    {
        *RUNTIME_NAMES,
        *("build_flow", "outputs_for", "run"),
        *("bool", "dict", "float", "int", "list", "object", "str"),
    }
)
"""Names that a generated module uses for something of its own."""


class Names:
    """The names of one scope of a generated module; each is taken once."""

    def __init__(self) -> None:
        self.taken = set(RESERVED_NAMES)
        self.numbers: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """Return `wanted`, with a number behind it if it is taken or reserved."""
        if wanted.startswith("__"):  # Python mangles such names inside classes
            wanted = f"_{wanted.lstrip('_')}"
        is_keyword = iskeyword(wanted) or wanted in SOFT_KEYWORDS
        name = f"{wanted}_" if is_keyword else wanted
        number = self.numbers.get(wanted, 2)
        while name in self.taken:
            name = f"{wanted}{'_' if wanted.islower() else ''}{number}"
            number += 1
        self.numbers[wanted] = number
        self.taken.add(name)
        return name

    def class_name(self, node_id: str) -> str:
        """Return a class its name: `list_files` is ListFiles, `?` is Node."""
        words = (word[:1].upper() + word[1:] for word in _words(node_id))
        return self.take(_identifier("".join(words), "Node"))

    def variable(self, node_id: str) -> str:
        """Return a variable its name: `list-files` is list_files, `?` is node."""
        return self.take(_identifier("_".join(_words(node_id)).lower(), "node"))


def _words(text: str) -> list[str]:
    """Return the runs of ASCII letters and digits, as far as a name has room."""
    return re.findall(r"[A-Za-z0-9]+", text[:MAX_NAME])


def _identifier(wanted: str, otherwise: str) -> str:
    if not wanted:
        return otherwise
    return f"{otherwise}{wanted}" if wanted[0].isdigit() else wanted
