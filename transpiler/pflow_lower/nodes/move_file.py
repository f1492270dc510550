"""The node type `move-file`."""

from pflow_lower.nodes.support.base import BuiltinNode, Outputs
from pflow_lower.nodes.support.transfer import move_file, read_transfer


class MoveFileNode(BuiltinNode):
    """Moves a file, also to another file system; makes missing directories.

    An existing destination is an error unless `overwrite` is true.
    """

    params = {
        "source_path": "required",
        "dest_path": "required",
        "overwrite": "optional",
    }
    outputs = {"moved": "boolean"}
    result = "moved"
    actions = ("default", "error")

    def exec(self, prep_res: object) -> Outputs:
        """Move the file; raises OSError or ValueError."""
        source, target, overwrite = read_transfer(self.params)
        move_file(source, target, overwrite=overwrite)
        return {"moved": True}
