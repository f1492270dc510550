"""The node type `llm`, which so far only says what it needs."""

from typing import ClassVar, NoReturn

from pflow_lower.nodes.base import AsyncBuiltinNode


class LLMNode(AsyncBuiltinNode):
    """Will ask a model (`docs/language.md` § 7); running it raises ImportError."""

    result: ClassVar[str] = "response"

    def read(self) -> NoReturn:
        """Say which extra is missing."""
        raise ImportError(
            "nodes of type llm need an extra: pip install 'pflow-lower[llm]'"
        )
