"""The node type `echo`: hands on what it is given."""

from pflow_lower.nodes.base import BuiltinNode, Outputs


class EchoNode(BuiltinNode):
    """Gives the param `value`, else the object of all params.

    A `value` that is null counts as given (`docs/language.md` § 7).
    """

    outputs = {"value": "any"}
    result = "value"
    actions = ("default", "error")

    def read(self) -> object:
        """Choose what to hand on."""
        return self.params["value"] if "value" in self.params else dict(self.params)

    def exec(self, prep_res: object) -> Outputs:
        """Give the output `value`."""
        return {"value": prep_res}
