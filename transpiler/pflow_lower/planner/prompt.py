"""The instructions for a model: `prompt.md`, filled in with types, keys and examples.

Node types come from the catalog and keys from the schema, so that the instructions
always describe this version.
"""

import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.resources import files

from pflow_lower.check.schema import schema_text
from pflow_lower.nodetypes.catalog import BATCH_OUTPUTS, Catalog, ImportReference
from pflow_lower.planner.outline import outline

EXAMPLES = ("summarize_files", "translate_notes")
"""Workflows in `examples/`; the description of each is the request that it answers."""

_PLACE = re.compile(r"\{\{(\w+)\}\}")
_CITATION = re.compile(r" ?\(`docs/[^)]*\)")


def instructions(nodes: Mapping[str, ImportReference]) -> str:
    """Return what a model is told before the request.

    `nodes` are the user's node types, which add to the built-in ones or replace them.
    """
    fillings = {
        "node_types": "\n".join(_node_types(Catalog(nodes))),
        "batch_outputs": ", ".join(f"`{name}`" for name in [*BATCH_OUTPUTS][1:]),
        "keys": outline(json.loads(schema_text())),
        "examples": "\n\n".join(map(_example, EXAMPLES)),
    }
    text = _read("prompt.md").rstrip()
    return _PLACE.sub(lambda place: fillings[place[1]], text)


def again(request: str, reply: str, diagnostics: str) -> str:
    """Return the prompt after a reply with errors: the reply, and what is wrong."""
    return (
        f"{request}\n\n"
        f"Your last reply to this was:\n\n```json\n{reply}\n```\n\n"
        f"It is not a valid workflow. These are the problems, "
        f"as line:column of your reply:\n\n```\n{diagnostics}\n```\n\n"
        "Reply with the whole corrected workflow: one JSON object and nothing else."
    )


def example_text(name: str) -> str:
    """Return the text of an example."""
    return _read(f"examples/{name}.json")


def _example(name: str) -> str:
    text = example_text(name)
    request = json.loads(text)["description"]
    return f"Request: {request}\n\n```json\n{text.rstrip()}\n```"


def _node_types(catalog: Catalog) -> Iterator[str]:
    """Yield the lines about each node type."""
    for name in dict.fromkeys(catalog.names):
        if name in catalog.own:
            yield f"- `{name}`: a node type of this project, {catalog.own[name]}."
        else:
            yield from _built_in(name, catalog)


def _built_in(name: str, catalog: Catalog) -> Iterator[str]:
    known = catalog.find(name)
    assert known is not None
    assert known.outputs is not None
    # Only a class of ours is imported here: what it does, and which output is the
    # primary one, it says itself.
    module = import_module(known.reference.module)
    node_class = getattr(module, known.reference.name)
    about = _CITATION.sub("", (node_class.__doc__ or "").partition("\n")[0])
    yield f"- `{name}`: {about}"
    yield f"  - params: {', '.join(_params(known.params))}"
    outputs = (
        f"`{output}` ({kind}{'; primary' if output == node_class.result else ''})"
        for output, kind in known.outputs.items()
    )
    yield f"  - outputs: {', '.join(outputs)}"


def _params(params: Mapping[str, bool] | None) -> Iterator[str]:
    if params is None:
        yield "any"
        return
    yield from (f"`{name}` (required)" for name in params if params[name])
    yield from (f"`{name}`" for name in sorted(params) if not params[name])


def _read(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")
