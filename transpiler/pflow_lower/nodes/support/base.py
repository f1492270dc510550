"""What the built-in nodes have in common: outputs that go into the store.

A node type reads its params and does its work in `exec` (`exec_async`), and returns
its outputs. Its class declares itself as users' nodes do (`docs/language.md` § 5).
"""

from collections.abc import Mapping, MutableMapping

from pocketflow import AsyncNode, Node

Store = MutableMapping[str, object]
Outputs = Mapping[str, object]


class BuiltinNode(Node):
    """A synchronous node type of `docs/language.md` § 7."""

    def post(self, shared: Store, prep_res: object, exec_res: Outputs) -> str:
        """Write the outputs."""
        shared.update(exec_res)
        return "default"


class AsyncBuiltinNode(AsyncNode):
    """An asynchronous node type of `docs/language.md` § 7."""

    async def post_async(
        self, shared: Store, prep_res: object, exec_res: Outputs
    ) -> str:
        """Write the outputs."""
        shared.update(exec_res)
        return "default"
