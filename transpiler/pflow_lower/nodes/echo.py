"""The node type `echo`: return the params."""

from pflow_lower.nodes.support.base import BuiltinNode, Outputs


class EchoNode(BuiltinNode):
    """Returns the param `value`, or without it the object of all params.

    A `value` that is null counts as given (`docs/language.md` § 7).
    """

    outputs = {"value": "any"}
    result = "value"
    actions = ("default", "error")

    def exec(self, prep_res: object) -> Outputs:
        """Return the value."""
        return {"value": self.params.get("value", dict(self.params))}
