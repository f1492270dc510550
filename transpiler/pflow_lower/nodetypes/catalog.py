"""Look up node types: where a type is imported from, and what its class declares.

A built-in class and a user's declare themselves in the same way, and are read in the
same way, from their source (`declared.py`): no node is imported here.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from keyword import iskeyword
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from pflow_lower.nodetypes import declared
from pflow_lower.nodetypes.declared import Declared

Kind: TypeAlias = declared.Kind | Literal["path"]
"""What is known of a value before a run. A string may hold JSON, a path may not."""

_REFERENCE = re.compile(
    r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*"
    r":[A-Za-z_][A-Za-z0-9_]*(\.(?!__)[A-Za-z_][A-Za-z0-9_]*)*"
)

BATCH_OUTPUTS: Mapping[str, Kind] = MappingProxyType(
    {
        "results": "array",
        "errors": "array",
        "count": "number",
        "success_count": "number",
        "error_count": "number",
    }
)
"""The outputs of a node that runs once per item."""

ERROR_OUTPUTS: Mapping[str, Kind] = MappingProxyType({"error": "any", "type": "string"})
"""What a failed node leaves for the node that its `error` edge leads to."""


class ImportReference(NamedTuple):
    """`package.module:Class`: where a node type is imported from."""

    module: str
    name: str

    @classmethod
    def parse(cls, text: str) -> "ImportReference | None":
        """Return the import reference that a text is, or None.

        Only ASCII identifiers that are not keywords are accepted: the text becomes
        code in the generated module, inside a class, where Python would read
        `Outer.__Inner` as another name.
        """
        if not _REFERENCE.fullmatch(text) or any(
            map(iskeyword, re.split("[.:]", text))
        ):
            return None
        return cls(*text.split(":"))

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


_BUILT_IN_PACKAGE = "pflow_lower.nodes."
_BUILT_IN: Mapping[str, str] = {
    "shell": "shell:ShellNode",
    "read-file": "read_file:ReadFileNode",
    "write-file": "write_file:WriteFileNode",
    "copy-file": "copy_file:CopyFileNode",
    "move-file": "move_file:MoveFileNode",
    "delete-file": "delete_file:DeleteFileNode",
    "code": "code.node:CodeNode",
    "http": "http.node:HttpNode",
    "llm": "llm.node:LLMNode",
    "echo": "echo:EchoNode",
}


class NodeType(NamedTuple):
    """A node type: where its class is, and what that declares (`Declared`)."""

    reference: ImportReference
    params: Mapping[str, bool] | None = None
    outputs: Mapping[str, Kind] | None = None
    actions: tuple[str, ...] | None = None
    runs: Mapping[str, str] = MappingProxyType({})

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the params that must be given."""
        params = self.params or {}
        return tuple(name for name, required in params.items() if required)

    @property
    def is_built_in(self) -> bool:
        """Whether it is one of ours, so that its outputs after a failure are known."""
        return self.reference.module.startswith(_BUILT_IN_PACKAGE)


@dataclass(frozen=True, slots=True)
class Catalog:
    """The node types of one lowering: the built-in ones and the user's.

    `own` maps a type name to an import reference; it wins over a built-in.
    `folders` are searched for modules before `sys.path`.
    """

    own: Mapping[str, ImportReference] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    _found: dict[str, NodeType | None] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def find(self, name: str) -> NodeType | None:
        """Return what is known of a type, or None: it must exist when it runs.

        What is known of a user's type may differ from one machine to another, so only
        checks may ask; what is written depends on `reference`.
        """
        if name not in self._found:
            self._found[name] = self._look_up(name)
        return self._found[name]

    def reference(self, name: str) -> ImportReference | None:
        """Return where a type is imported from; None if by entry point, in the run."""
        if name in self.own:
            return self.own[name]
        if name in _BUILT_IN:
            return ImportReference.parse(_BUILT_IN_PACKAGE + _BUILT_IN[name])
        return ImportReference.parse(name)

    def _look_up(self, name: str) -> NodeType | None:
        reference = self.reference(name)
        if reference is None and ":" not in name:
            reference = ImportReference.parse(declared.entry_point(name) or "")
        if reference is None:
            return None
        if name in _BUILT_IN and name not in self.own:
            return NodeType(reference, *_built_in(reference))
        found = declared.declared(reference.module, reference.name, self.folders)
        return NodeType(reference, *found)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the types that it knows."""
        return (*_BUILT_IN, *self.own)


@cache
def _built_in(reference: ImportReference) -> Declared:
    """Read a built-in class: its own file, and no other."""
    *folders, module = reference.module.split(".")[1:]
    file = Path(__file__).parents[1].joinpath(*folders, f"{module}.py")
    return declared.declared_in(file.read_bytes(), reference.name)
