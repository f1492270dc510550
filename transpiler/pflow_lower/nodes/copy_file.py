"""The node type `copy-file`."""

from pflow_lower.nodes.support.base import Outputs
from pflow_lower.nodes.support.transfer import Transfer, TransferNode, copy_file


class CopyFileNode(TransferNode):
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

    def exec(self, prep_res: Transfer) -> Outputs:
        """Copy the file; raises OSError or ValueError."""
        source, target = prep_res.source, prep_res.target
        copy_file(source, target, overwrite=prep_res.overwrite)
        return {"copied": True}
