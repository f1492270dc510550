import asyncio
import subprocess
import sys

import pytest

from pflow_lower.nodes.http.node import HttpNode
from pflow_lower.nodes.llm.node import LLMNode


@pytest.mark.parametrize(
    ("node_type", "params", "extra", "package"),
    [
        (HttpNode, {"url": "http://localhost"}, "http", "httpx2"),
        (LLMNode, {"prompt": "Hello"}, "llm", "llm"),
    ],
)
def test_without_its_package_one_says_which_extra_to_install(
    monkeypatch: pytest.MonkeyPatch,
    node_type: type[HttpNode] | type[LLMNode],
    params: dict[str, str],
    extra: str,
    package: str,
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # as if it were not installed
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


def test_importing_one_imports_none_of_the_packages() -> None:
    program = (
        "import sys, pflow_lower.nodes.http.node, pflow_lower.nodes.llm.node\n"
        "print(sorted({'httpx2', 'llm', 'openai'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"
