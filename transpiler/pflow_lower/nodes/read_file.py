"""The node type `read-file`."""

from dataclasses import dataclass

from pflow_lower.nodes.support import params
from pflow_lower.nodes.support.base import BuiltinNode, Outputs


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    path: str
    encoding: str


class ReadFileNode(BuiltinNode):
    """Reads a text file exactly, line breaks included (`docs/language.md` § 7)."""

    params = {"file_path": "required", "encoding": "optional"}
    outputs = {"content": "string", "file_path": "string"}
    result = "content"
    actions = ("default", "error")

    def read(self) -> _Reading:
        """Read `file_path` and `encoding`."""
        return _Reading(
            path=params.path(self.params, "file_path"),
            encoding=params.encoding(self.params),
        )

    def exec(self, prep_res: _Reading) -> Outputs:
        """Read the file.

        Raises OSError, and ValueError if the file is not in its encoding.
        """
        path, encoding = prep_res.path, prep_res.encoding
        with open(path, "rb") as file:
            octets = file.read()
        try:
            content = octets.decode(encoding)
        except UnicodeError as exc:
            raise ValueError(f"cannot read {path!r} as {encoding}: {exc}") from exc
        return {"content": content, "file_path": path}
