"""Every diagnostic points at what it is about, whatever stands around it.

A wrong name is put at a random place of a random workflow, which is then written
with random white space, line breaks and escapes; the mark that was put with it
tells where it went.
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import scaled
from strategies import workflows

from pflow_lower import LoweringError, lower

WRONG = "wrong_name_zq"
"""A name that no workflow has; it is written as it is, never by escapes."""


@st.composite
def written(draw: st.DrawFn, value: Any) -> str:
    """Write a JSON value with random white space and escapes."""
    blank = draw(st.sampled_from(["", " ", "\t", "\n", "\r\n", "\r", " \n\t "]))
    match value:
        case str():
            return blank + '"' + draw(escaped(value)) + '"' + blank
        case list():
            inside = ",".join(draw(written(item)) for item in value)
            return f"{blank}[{inside}]{blank}"
        case dict():
            members = (
                f"{draw(written(key))}:{draw(written(item))}"
                for key, item in value.items()
            )
            return f"{blank}{{{','.join(members)}}}{blank}"
    return blank + json.dumps(value) + blank


@st.composite
def escaped(draw: st.DrawFn, text: str) -> str:
    """Write the characters of a string, some of them by escapes."""
    before, mark, after = text.partition(WRONG)
    style = draw(st.integers(0, 3))
    return _escape(before, style) + mark + _escape(after, style)


def _escape(text: str, style: int) -> str:
    parts = []
    for number, char in enumerate(text):
        plain = json.dumps(char, ensure_ascii=style == 1)[1:-1]
        by_number = json.dumps(char)[1:-1]
        if style == 2 and number % 2 == 0 and not by_number.startswith("\\"):
            plain = f"\\u{ord(char):04x}"
        parts.append(plain)
    return "".join(parts)


def strings(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the paths of the strings in a value that may hold templates."""
    if isinstance(value, str):
        return [path]
    found = []
    if isinstance(value, list | dict):
        members = enumerate(value) if isinstance(value, list) else value.items()
        for key, item in members:
            found += strings(item, (*path, key))
    return found


def places(ir: dict[str, Any]) -> list[tuple[Any, ...]]:
    """Give where in a workflow a wrong reference can be put."""
    found = []
    for index, node in enumerate(ir["nodes"]):
        found += strings(node.get("params", {}), ("nodes", index, "params"))
        for key in ("items", "key"):
            value = node.get("batch", {}).get(key, [])
            found += strings(value, ("nodes", index, "batch", key))
    return found


@settings(max_examples=scaled(150))
@given(st.data())
def test_a_wrong_name_is_pointed_at(data: st.DataObject) -> None:
    ir = data.draw(workflows())
    ir.pop("template_resolution_mode", None)
    ir["nodes"][0].setdefault("params", {})["text"] = data.draw(st.text(max_size=5))
    *way, last = data.draw(st.sampled_from(places(ir)))
    owner: Any = ir
    for step in way:
        owner = owner[step]
    opening, closing = data.draw(st.sampled_from([("${", "}"), ("$<", ">")]))
    lead = data.draw(st.text('ab \t\n"\\é\U0001f600\u2028', max_size=8))
    owner[last] = f"{lead}{opening}{WRONG}.x ?? 1{closing} and more"
    text = data.draw(written(ir))

    with pytest.raises(LoweringError) as caught:
        lower(text)

    found = [one for one in caught.value.diagnostics if one.code == "PFL301"]
    assert len(found) == 1
    start = text.index(WRONG)
    before = text[:start].replace("\r\n", "\n").replace("\r", "\n")
    line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
    assert (found[0].line, found[0].column) == (line, column)
    assert found[0].path == (*way, last)
