"""Node types for tests and fixtures, to be named as `nodes_for_tests:FakeLLM`."""

import asyncio
from typing import Any, ClassVar

from pocketflow import AsyncNode, Node


class FakeLLM(AsyncNode):
    """Answers at once, and always the same: what it was asked, and how long that is."""

    result: ClassVar[str] = "response"

    async def exec_async(self, prep_res: Any) -> str:
        await asyncio.sleep(0)
        prompt: str = self.params["prompt"]
        return f"{len(prompt.split())} words: {prompt}"

    async def post_async(self, shared: Any, prep_res: Any, exec_res: str) -> None:
        shared["response"] = exec_res
        shared["model"] = self.params.get("model", "fake")


class Probe(Node):
    """Gives its params as they are, and ends as its param `act` says.

    `raise` makes it fail. It has one output more if it has the param `more`, and
    so a batch of it has objects for results.
    """

    def exec(self, prep_res: Any) -> dict[str, Any]:
        if self.params.get("act") == "raise":
            raise ValueError(f"asked to fail with {len(self.params)} params")
        return dict(self.params)

    def post(self, shared: Any, prep_res: Any, exec_res: dict[str, Any]) -> Any:
        shared["params"] = exec_res
        if "more" in exec_res:
            shared["more"] = exec_res["more"]
        return exec_res.get("act")


class AsyncProbe(AsyncNode):
    """`Probe` as an asynchronous node."""

    async def exec_async(self, prep_res: Any) -> dict[str, Any]:
        await asyncio.sleep(0)
        if self.params.get("act") == "raise":
            raise ValueError(f"asked to fail with {len(self.params)} params")
        return dict(self.params)

    async def post_async(
        self, shared: Any, prep_res: Any, exec_res: dict[str, Any]
    ) -> Any:
        shared["params"] = exec_res
        if "more" in exec_res:
            shared["more"] = exec_res["more"]
        return exec_res.get("act")


class Text:
    """Holds a node type that only a dotted name leads to."""

    class Reverse(Node):
        """Turns a text round."""

        def exec(self, prep_res: Any) -> str:
            text: str = self.params["text"]
            return text[::-1]

        def post(self, shared: Any, prep_res: Any, exec_res: str) -> None:
            shared["reversed"] = exec_res


class Measure(Node):
    """Has several outputs, and says which is its result."""

    result: ClassVar[str] = "length"

    def exec(self, prep_res: Any) -> str:
        text: str = self.params["text"]
        return text

    def post(self, shared: Any, prep_res: Any, exec_res: str) -> None:
        shared["length"] = len(exec_res)
        shared["words"] = len(exec_res.split())


class Step(Node):
    """Has the name of a class that generated modules import from us.

    Its two outputs are both its result, as it does not say which is.
    """

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
        shared["first"], shared["rest"] = (
            self.params["text"][:1],
            self.params["text"][1:],
        )


class _Hidden(Node):
    """Has a name that looks private."""

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
        shared["text"] = f"hidden {self.params['text']}"


class __Mangled(_Hidden):
    """Has a name that Python would mangle inside a class."""


class FakeShell(Node):
    """Stands in for the shell: it says what it was asked to run, and has two files."""

    result: ClassVar[str] = "stdout"

    def post(self, shared: Any, prep_res: Any, exec_res: Any) -> None:
        shared["stdout"] = self.params["command"]
        shared["files"] = ["one.txt", "two.txt"]
