import asyncio

import pytest

from pflow_lower.nodes.http import HttpNode
from pflow_lower.nodes.llm import LLMNode


@pytest.mark.parametrize(
    ("node_type", "params", "extra"),
    [
        (HttpNode, {"url": "http://localhost"}, "http"),
        (LLMNode, {"prompt": "Hello"}, "llm"),
    ],
)
def test_running_one_says_which_extra_to_install(
    node_type: type[HttpNode] | type[LLMNode], params: dict[str, str], extra: str
) -> None:
    node = node_type()
    node.set_params(params)
    shared: dict[str, object] = {}
    with pytest.raises(ImportError) as raised:
        asyncio.run(node._run_async(shared))
    assert str(raised.value) == (
        f"nodes of type {extra} need an extra: pip install 'pflow-lower[{extra}]'"
    )
    assert shared == {}


@pytest.mark.parametrize("node_type", [HttpNode, LLMNode])
def test_its_result_is_response(node_type: type[HttpNode] | type[LLMNode]) -> None:
    assert node_type.result == "response"
