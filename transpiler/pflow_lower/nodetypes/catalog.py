"""What is known of the built-in node types: params, outputs, primary result.

Data only, no node is imported. It is the table of `docs/language.md` § 7; a test
holds it and the classes in `nodes/` together.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

Kind: TypeAlias = Literal[
    "string", "path", "number", "boolean", "object", "array", "any"
]
"""What is known of a value before anything runs. A string may hold JSON, a path not."""

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
        """Read an import reference; None where the text is none.

        Only ASCII identifiers that are no keywords are taken: the text ends up
        in the generated module as code, inside a class, where Python would read
        `Outer.__Inner` as another name.
        """
        if not _REFERENCE.fullmatch(text) or any(
            map(iskeyword, re.split("[.:]", text))
        ):
            return None
        return cls(*text.split(":"))

    def __str__(self) -> str:
        return f"{self.module}:{self.name}"


class NodeType(NamedTuple):
    """A node type; `params` and `outputs` are None where they are not known."""

    reference: ImportReference
    required: tuple[str, ...] = ()
    params: frozenset[str] | None = None
    outputs: Mapping[str, Kind] | None = None

    @property
    def is_built_in(self) -> bool:
        """Whether it is one of ours: what it leaves when it fails is known, too."""
        return self.reference.module.startswith("pflow_lower.nodes.")


def _built_in(
    module: str, name: str, required: str, optional: str, outputs: Mapping[str, Kind]
) -> NodeType:
    return NodeType(
        ImportReference(f"pflow_lower.nodes.{module}", name),
        tuple(required.split()),
        frozenset(required.split() + optional.split()),
        MappingProxyType(dict(outputs)),
    )


_BUILT_IN: Mapping[str, NodeType] = {
    "shell": _built_in(
        "shell",
        "ShellNode",
        "command",
        "stdin cwd env timeout ignore_errors strip_newline",
        {
            "stdout": "string",
            "stderr": "string",
            "exit_code": "number",
            "lines": "array",
            "files": "array",
        },
    ),
    "read-file": _built_in(
        "files",
        "ReadFileNode",
        "file_path",
        "encoding",
        {"content": "string", "file_path": "string"},
    ),
    "write-file": _built_in(
        "files",
        "WriteFileNode",
        "file_path content",
        "append encoding",
        {"written": "boolean", "file_path": "string"},
    ),
    "copy-file": _built_in(
        "files",
        "CopyFileNode",
        "source_path dest_path",
        "overwrite",
        {"copied": "boolean"},
    ),
    "move-file": _built_in(
        "files",
        "MoveFileNode",
        "source_path dest_path",
        "overwrite",
        {"moved": "boolean"},
    ),
    "delete-file": _built_in(
        "files", "DeleteFileNode", "file_path", "", {"deleted": "boolean"}
    ),
    "code": _built_in(
        "code",
        "CodeNode",
        "code",
        "inputs timeout",
        {"result": "any", "stdout": "string", "stderr": "string"},
    ),
    "http": _built_in(
        "http",
        "HttpNode",
        "url",
        "method headers params body auth_token timeout follow_redirects ignore_errors",
        {
            "response": "any",
            "status_code": "number",
            "response_headers": "object",
            "response_time": "number",
        },
    ),
    "llm": _built_in(
        "llm",
        "LLMNode",
        "prompt",
        "model system temperature max_tokens images output_schema model_options"
        " timeout",
        {"response": "any", "model": "string", "llm_usage": "object"},
    ),
    "echo": NodeType(
        ImportReference("pflow_lower.nodes.echo", "EchoNode"),
        outputs=MappingProxyType({"value": "any"}),
    ),
}


@dataclass(frozen=True, slots=True)
class Catalog:
    """The node types of one lowering: the built-in ones and the user's.

    `own` maps a type name to an import reference; it wins over a built-in.
    `folders` are where modules are looked for, besides `sys.path`.
    """

    own: Mapping[str, ImportReference] = field(default_factory=dict)
    folders: tuple[str, ...] = ()
    _found: dict[str, NodeType | None] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def find(self, name: str) -> NodeType | None:
        """Give what is known of a type, or None: it must exist when it runs.

        Of a type of the user's that is what its class declares, if its source is
        here: `declared.py`. It may differ from one machine to another, so only
        checks may ask; what is written depends on `reference`.
        """
        if name not in self._found:
            self._found[name] = self._look_up(name)
        return self._found[name]

    def reference(self, name: str) -> ImportReference | None:
        """Give where a type is imported from, None if by entry point, in the run."""
        if name in self.own:
            return self.own[name]
        if name in _BUILT_IN:
            return _BUILT_IN[name].reference
        return ImportReference.parse(name)

    def _look_up(self, name: str) -> NodeType | None:
        if name in _BUILT_IN and name not in self.own:
            return _BUILT_IN[name]
        # Late: most workflows have no nodes but ours.
        from pflow_lower.nodetypes.declared import declared, entry_point

        reference = self.reference(name)
        if reference is None and ":" not in name:
            reference = ImportReference.parse(entry_point(name) or "")
        if reference is None:
            return None
        known = declared(reference.module, reference.name, self.folders)
        if known.params is None:
            return NodeType(reference, outputs=known.outputs)
        required = tuple(name for name in known.params if known.params[name])
        return NodeType(reference, required, frozenset(known.params), known.outputs)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the types that it knows."""
        return (*_BUILT_IN, *self.own)
