"""The node type `write-file`."""

import os

from pflow_lower.nodes.support import params
from pflow_lower.nodes.support.base import BuiltinNode, Outputs
from pflow_lower.support import atomic


class WriteFileNode(BuiltinNode):
    """Writes text to a file in one step, and makes missing directories.

    Objects and arrays are written as JSON, bytes as they are, other values as
    the text that they become inside a string (`docs/language.md` § 7).
    """

    params = {
        "file_path": "required",
        "content": "required",
        "append": "optional",
        "encoding": "optional",
    }
    outputs = {"written": "boolean", "file_path": "string"}
    result = "written"
    actions = ("default", "error")

    def exec(self, prep_res: object) -> Outputs:
        """Write the file; a `content` that is null is empty text. Raises OSError."""
        path = params.path(self.params, "file_path")
        if path.endswith(os.sep):
            raise ValueError(f'param "file_path": {path!r} is a directory, not a file')
        if "content" not in self.params:
            raise ValueError('param "content": expected a value, found nothing')
        encoding = params.encoding(self.params)
        content = params.octets(self.params["content"], "content", encoding)
        if not params.flag(self.params, "append", default=False):
            atomic.replace_file(path, content)
        elif os.path.exists(path) and os.path.getsize(path):
            # A byte order mark belongs only at the beginning of a file.
            atomic.append_file(path, content.removeprefix("".encode(encoding)))
        else:
            atomic.append_file(path, content)
        return {"written": True, "file_path": path}
