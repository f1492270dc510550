"""The node type `move-file`."""

from pflow_lower.nodes.support.base import Outputs
from pflow_lower.nodes.support.transfer import Transfer, TransferNode, move_file


class MoveFileNode(TransferNode):
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

    def exec(self, prep_res: Transfer) -> Outputs:
        """Move the file; raises OSError or ValueError."""
        source, target = prep_res.source, prep_res.target
        move_file(source, target, overwrite=prep_res.overwrite)
        return {"moved": True}
