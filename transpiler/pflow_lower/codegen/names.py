"""The names in a generated module, derived from ids, which may be any string.

`list_files` becomes the class ListFiles and the variable list_files. Ids that differ
only by `-` and `_` get numbers, and ids such as `class`, `__class__` and `Step` are
changed, since these names are reserved.
"""

import re
from keyword import iskeyword

MAX_NAME = 32
"""The number of characters of an id that are used for a name."""

SOFT_KEYWORDS = frozenset({"case", "match", "type"})
"""Fixed here, since `keyword` has "type" only since 3.12 and output must not differ."""

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
"""Names that have a meaning in a generated module."""


class Names:
    """The names of one scope of a generated module; each is unique."""

    def __init__(self) -> None:
        self.taken = set(RESERVED_NAMES)
        self.numbers: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """Return `wanted`, with a number appended if it is taken or reserved."""
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
        """Return the name of a class: ListFiles for `list_files`, Node for `?`."""
        words = (word[:1].upper() + word[1:] for word in _words(node_id))
        return self.take(_identifier("".join(words), "Node"))

    def variable(self, node_id: str) -> str:
        """Return the name of a variable: list_files for `list-files`, node for `?`."""
        return self.take(_identifier("_".join(_words(node_id)).lower(), "node"))


def _words(text: str) -> list[str]:
    """Return the runs of ASCII letters and digits at the start of a text."""
    return re.findall(r"[A-Za-z0-9]+", text[:MAX_NAME])


def _identifier(wanted: str, otherwise: str) -> str:
    if not wanted:
        return otherwise
    return f"{otherwise}{wanted}" if wanted[0].isdigit() else wanted
