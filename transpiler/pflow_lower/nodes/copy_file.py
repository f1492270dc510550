"""The node type `copy-file`."""

from pflow_lower.nodes.support.base import BuiltinNode, Outputs
from pflow_lower.nodes.support.transfer import copy_file, read_transfer


class CopyFileNode(BuiltinNode):
    """Copies a file with its mode and times; makes missing directories.

    An existing destination is an error unless `overwrite` is true.
    """

    params = {
        "source_path": "required",
        "dest_path": "required",
        "overwrite": "optional",
    }
    outputs = {"copied": "boolean"}
    result = "copied"
    actions = ("default", "error")

    def exec(self, prep_res: object) -> Outputs:
        """Copy the file; raises OSError or ValueError."""
        source, target, overwrite = read_transfer(self.params)
        copy_file(source, target, overwrite=overwrite)
        return {"copied": True}
