"""The node type `delete-file`."""

import os

from pflow_lower.nodes.support import params
from pflow_lower.nodes.support.base import BuiltinNode, Outputs


class DeleteFileNode(BuiltinNode):
    """Deletes a file or a link; a missing file or a directory is an error."""

    params = {"file_path": "required"}
    outputs = {"deleted": "boolean"}
    result = "deleted"
    actions = ("default", "error")

    def read(self) -> str:
        """Read `file_path`."""
        return params.path(self.params, "file_path")

    def exec(self, prep_res: str) -> Outputs:
        """Delete the file; raises OSError."""
        os.unlink(prep_res)
        return {"deleted": True}
