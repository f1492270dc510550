"""The node type `echo`: return the params."""

from pflow_lower.nodes.support.base import BuiltinNode, Outputs


class EchoNode(BuiltinNode):
    """Returns the param `value`, or without it the object of all params.

    A `value` that is null counts as given (`docs/language.md` § 7).
    """

    outputs = {"value": "any"}
    result = "value"
    actions = ("default", "error")

    def read(self) -> object:
        """Return the value."""
        return self.params["value"] if "value" in self.params else dict(self.params)

    def exec(self, prep_res: object) -> Outputs:
        """Return the output `value`."""
        return {"value": prep_res}
