"""What the built-in nodes have in common: where params come from, where outputs go.

A node type reads its params in `read`, does its work in `exec` (`exec_async`),
and gives its outputs as an object.
"""

from collections.abc import Mapping, MutableMapping
from types import MappingProxyType
from typing import ClassVar

from pocketflow import AsyncNode, Node

Store = MutableMapping[str, object]
Outputs = Mapping[str, object]


class BuiltinNode(Node):
    """A synchronous node type of `docs/language.md` § 7.

    A class declares itself as users' nodes do (`docs/language.md` § 5).
    """

    outputs: ClassVar[Mapping[str, str]]
    result: ClassVar[str]
    actions: ClassVar[tuple[str, ...]]
    runs: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def read(self) -> object:
        """Give what `exec` needs to know, or raise over a param it cannot use."""
        raise NotImplementedError

    def prep(self, shared: Store) -> object:
        """Read and check the params."""
        return self.read()

    def post(
        self,
        shared: Store,
        prep_res: object,
        exec_res: Outputs,
    ) -> str:
        """Write the outputs."""
        return _write(shared, exec_res)


class AsyncBuiltinNode(AsyncNode):
    """An asynchronous node type of `docs/language.md` § 7.

    A class declares itself as users' nodes do (`docs/language.md` § 5).
    """

    outputs: ClassVar[Mapping[str, str]]
    result: ClassVar[str]
    actions: ClassVar[tuple[str, ...]]
    runs: ClassVar[Mapping[str, str]] = MappingProxyType({})

    def read(self) -> object:
        """Give what `exec_async` needs to know, or raise over a param it cannot use."""
        raise NotImplementedError

    async def prep_async(self, shared: Store) -> object:
        """Read and check the params."""
        return self.read()

    async def post_async(
        self,
        shared: Store,
        prep_res: object,
        exec_res: Outputs,
    ) -> str:
        """Write the outputs."""
        return _write(shared, exec_res)


def _write(shared: Store, outputs: Outputs) -> str:
    for name, value in outputs.items():
        shared[name] = value
    return "default"
