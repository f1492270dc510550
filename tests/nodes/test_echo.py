from typing import Any

import pytest

from pflow_lower.nodes.echo import EchoNode


@pytest.mark.parametrize(
    ("params", "value"),
    [
        ({"value": [1, "a"]}, [1, "a"]),
        ({"value": None, "a": 1}, None),
        ({"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 2}}),
        ({}, {}),
    ],
)
def test_gives_value_or_all_params(params: dict[str, Any], value: object) -> None:
    node = EchoNode()
    node.set_params(params)
    shared: dict[str, Any] = {}
    assert node._run(shared) == "default"
    assert shared == {"value": value}


def test_its_result_is_value() -> None:
    assert EchoNode.result == "value"


def test_all_params_are_a_copy() -> None:
    node = EchoNode()
    node.set_params({"a": 1})
    shared: dict[str, Any] = {}
    node._run(shared)
    shared["value"]["a"] = 2
    assert node.params == {"a": 1}
