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

    def exec(self, prep_res: object) -> Outputs:
        """Delete the file; raises OSError."""
        os.unlink(params.path(self.params, "file_path"))
        return {"deleted": True}
