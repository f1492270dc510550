"""The node type `read-file`."""

from pflow_lower.nodes.support import params
from pflow_lower.nodes.support.base import BuiltinNode, Outputs


class ReadFileNode(BuiltinNode):
    """Reads a text file exactly, line breaks included (`docs/language.md` § 7)."""

    params = {"file_path": "required", "encoding": "optional"}
    outputs = {"content": "string", "file_path": "string"}
    result = "content"
    actions = ("default", "error")

    def exec(self, prep_res: object) -> Outputs:
        """Read the file.

        Raises OSError, and ValueError if the file is not in its encoding.
        """
        path = params.path(self.params, "file_path")
        encoding = params.encoding(self.params)
        with open(path, "rb") as file:
            octets = file.read()
        try:
            content = octets.decode(encoding)
        except UnicodeError as exc:
            raise ValueError(f"cannot read {path!r} as {encoding}: {exc}") from exc
        return {"content": content, "file_path": path}
