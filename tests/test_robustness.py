"""No input gives a traceback: whatever is done to a workflow, there is a diagnostic.

Fixtures are damaged at random, as values and as text; each is then lowered or
refused, and what is lowered is Python.
"""

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from places import FIXTURES
from profiles import scaled

from pflow_lower import Diagnostic, LoweringError, lower

TEXTS = {
    path.name: path.read_text("utf-8", errors="replace")
    for path in sorted(FIXTURES.glob("*/*.json"))
}
DOCUMENTS = {
    name: json.loads(text) for name, text in TEXTS.items() if not name.startswith("PFL")
}

ODD: st.SearchStrategy[Any] = st.sampled_from(
    [
        *(None, True, False, 0, -1, 1.5, 10**400, "", "a", [], {}, [[]], {"": None}),
        *("${", "$<a", "${a}", "${item}", "$${", "${__index__}", "a:b", "default"),
        *("${a ?? }", "\ud800", "\0", "constructor", "__class__", "${a[${b}].c}\n"),
    ]
)
JUNK = st.recursive(
    ODD | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=6,
)


def containers(value: Any) -> list[Any]:
    """Give every array and object in a value, itself among them."""
    if not isinstance(value, list | dict):
        return []
    members = value.values() if isinstance(value, dict) else value
    return [value, *(inner for item in members for inner in containers(item))]


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """Give a workflow in which a few values or keys were replaced."""
    document = copy.deepcopy(DOCUMENTS[draw(st.sampled_from(sorted(DOCUMENTS)))])
    for _ in range(draw(st.integers(1, 3))):
        owners = [each for each in containers(document) if each]
        if not owners:
            break
        owner = draw(st.sampled_from(owners))
        if isinstance(owner, list):
            index = draw(st.integers(0, len(owner) - 1))
            owner[index] = copy.deepcopy(draw(JUNK))  # it may be damaged next
            continue
        key = draw(st.sampled_from(sorted(owner)))
        what = draw(st.integers(0, 2))
        value = owner[key] if what == 0 else owner.pop(key)
        if what == 0:
            owner[key] = copy.deepcopy(draw(JUNK))
        elif what == 1:
            owner[draw(st.text(max_size=5))] = value
    return document


def lower_or_refuse(ir: Any) -> None:
    found: tuple[Diagnostic, ...] = ()
    lowered = None
    try:
        lowered = lower(ir)
    except LoweringError as error:
        found = error.diagnostics
        text = str(error)
    if lowered is None:
        assert any(one.severity == "error" for one in found)
        assert all(one.message in text for one in found)
        return
    compile(lowered.module, "<module>", "exec")
    assert all(one.severity == "warning" for one in lowered.diagnostics)


@settings(max_examples=scaled(300))
@given(damaged())
def test_a_damaged_object_is_lowered_or_refused(ir: Any) -> None:
    lower_or_refuse(ir)


@settings(max_examples=scaled(300))
@given(st.data())
def test_a_damaged_text_is_lowered_or_refused(data: st.DataObject) -> None:
    text = TEXTS[data.draw(st.sampled_from(sorted(TEXTS)))]
    start = data.draw(st.integers(0, len(text)))
    stop = data.draw(st.integers(start, min(len(text), start + 20)))
    junk = data.draw(
        st.text('{}[]",:$<>?\\ \nabc019\ufeff\ud800', max_size=6) | st.text(max_size=3)
    )
    lower_or_refuse(text[:start] + junk + text[stop:])


@given(JUNK)
def test_junk_is_refused(ir: Any) -> None:
    try:
        text = json.dumps(ir)
    except ValueError:  # more digits than Python writes
        text = "[]"
    lower_or_refuse(text)
