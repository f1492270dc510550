"""Lower each batch node to a plain node of a generated class.

Before:  {"id": "sum", "type": "llm", "batch": {"items": "${ls.files}", "as": "f"},
          "params": {"prompt": "Summarize ${f}"}}
After:   {"id": "sum", "type": "docs_lowered:Sum", "params": {"items": "${ls.files}"}}

The id stays, so edges and `${sum.results}` need no change, and every other node is
left as it is. Runs after the checks, which guarantee that every reference is bound.
"""

import re

from pflow_lower.codegen.names import Names
from pflow_lower.ir.workflow import (
    BatchStep,
    GeneratedStep,
    LoweredWorkflow,
    Object,
    Workflow,
)


def lower(workflow: Workflow, module_name: str) -> LoweredWorkflow:
    """Return the workflow as a plain DAG, its batch nodes in module `module_name`."""
    names = Names()
    return LoweredWorkflow(
        nodes=tuple(
            _lower_batch(node, module_name, names.class_name(node.id))
            if isinstance(node, BatchStep)
            else node
            for node in workflow.nodes
        ),
        edges=workflow.edges,
        start=workflow.start,
        resolution=workflow.resolution,
        inputs=workflow.inputs,
        outputs=workflow.outputs,
        extras=workflow.extras,
        keys=workflow.keys,
    )


def module_name(name: str) -> str:
    """Return the name of the module generated for workflow `name`: docs_lowered.

    It is always an ASCII identifier.
    """
    stem = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return f"{'_' if stem[:1].isdigit() else ''}{stem}_lowered"


def _lower_batch(node: BatchStep, module: str, class_name: str) -> GeneratedStep:
    # The items take the place of the params or, if there are none, of the batch.
    place = "params" if "params" in node.keys else "batch"
    keys = ("params" if key == place else key for key in node.keys)
    return GeneratedStep(
        id=node.id,
        type=f"{module}:{class_name}",
        params=Object((("items", node.batch.items),)),
        extras=node.extras,
        keys=tuple(key for key in keys if key != "batch"),
        location=node.location,
        class_name=class_name,
        inner=node,
    )
