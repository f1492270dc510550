"""Draw a workflow before and after lowering, for Mermaid or Graphviz.

Before:  {"id": "sum", "type": "llm", "batch": {"items": "${ls.files}", ...}}
After:   n1[["sum<br/>llm<br/>per ${ls.files}, 10 at once"]]    in the graph "before"
         m1["sum<br/>docs_lowered:Sum"]                         in the graph "after"
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from pflow_lower.ir.workflow import (
    STREAMS,
    Array,
    Batch,
    BatchStep,
    Edge,
    LoweredWorkflow,
    Step,
    TemplateValue,
    Value,
    Workflow,
    thaw,
)
from pflow_lower.support.text import printable, shorten

MAX_LABEL = 40
"""The number of characters of a text that a drawing shows."""


def mermaid(before: Workflow, after: LoweredWorkflow) -> str:
    """Draw both as a Mermaid flowchart; a batch node has double sides."""
    lines = ["flowchart TB"]
    for title, prefix, workflow in (("before", "n", before), ("after", "m", after)):
        names = _names(workflow, prefix)
        lines.append(f'    subgraph {title}["{title}"]')
        for node in workflow.nodes:
            text = "<br/>".join(map(_mermaid_text, _label(node)))
            opening, closing = ("[[", "]]") if _is_batch(node) else ("[", "]")
            lines.append(f'        {names[node.id]}{opening}"{text}"{closing}')
        for edge in workflow.edges:
            arrow = (
                "-->" if _is_default(edge) else f'-->|"{_mermaid_text(edge.action)}"|'
            )
            lines.append(f"        {names[edge.source]} {arrow} {names[edge.target]}")
        lines.append("    end")
    return "\n".join(lines) + "\n"


def dot(before: Workflow, after: LoweredWorkflow) -> str:
    """Draw both for Graphviz; a batch node is a stack of boxes."""
    lines = ["digraph workflow {", "  node [shape=box];"]
    for title, prefix, workflow in (("before", "n", before), ("after", "m", after)):
        names = _names(workflow, prefix)
        lines.append(f'  subgraph "cluster_{title}" {{')
        lines.append(f'    label="{title}";')
        for node in workflow.nodes:
            text = "\\n".join(map(_dot_text, _label(node)))
            shape = ", shape=box3d" if _is_batch(node) else ""
            lines.append(f'    {names[node.id]} [label="{text}"{shape}];')
        for edge in workflow.edges:
            label = "" if _is_default(edge) else f' [label="{_dot_text(edge.action)}"]'
            lines.append(f"    {names[edge.source]} -> {names[edge.target]}{label};")
        lines.append("  }")
    return "\n".join([*lines, "}"]) + "\n"


DRAWINGS: Mapping[str, Callable[[Workflow, LoweredWorkflow], str]] = MappingProxyType(
    {"mermaid": mermaid, "dot": dot}
)
"""The drawing languages, by the name of the option."""


def _label(node: Step) -> Iterator[str]:
    yield node.id
    yield node.type
    if isinstance(node, BatchStep):
        batch = node.batch
        cap = f"{batch.max_concurrent} at once" if batch.parallel else "one by one"
        yield f"per {_unit(batch)}, {cap}"


def _unit(batch: Batch) -> str:
    """Return what one item is."""
    if stream := batch.stream:
        return f"{STREAMS[stream.form]} of {_text(stream.path)}"
    if isinstance(batch.items, Array):
        return f"item of {len(batch.items.items)}"
    return _text(batch.items)


def _text(value: Value) -> str:
    if isinstance(value, TemplateValue):
        return value.template.text.strip()
    return str(thaw(value))


def _is_batch(node: Step) -> bool:
    return isinstance(node, BatchStep)


def _is_default(edge: Edge) -> bool:
    return edge.action == "default"


def _names(workflow: Workflow | LoweredWorkflow, prefix: str) -> dict[str, str]:
    """Return a name for each node that is safe in every drawing language."""
    return {node.id: f"{prefix}{number}" for number, node in enumerate(workflow.nodes)}


def _mermaid_text(text: str) -> str:
    """Return text that Mermaid shows as it is: entities for all but letters."""
    return "".join(
        char if char.isalnum() or char in " _-.:," else f"#{ord(char)};"
        for char in _short(text)
    )


def _dot_text(text: str) -> str:
    return _short(text).replace("\\", "\\\\").replace('"', '\\"')


def _short(text: str) -> str:
    return printable(shorten(text, MAX_LABEL))
