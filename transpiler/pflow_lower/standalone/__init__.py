"""Put what a generated module needs of this package into the module itself.

Before:  from pflow_lower.nodes.shell import ShellNode
         from pflow_lower.runtime import Step, WorkflowFlow, main, run_flow

         class ListFiles(Step): ...

After:   class ShellNode(AsyncBuiltinNode): ...     # and what that needs, and so on
         class Step(AsyncNode): ...

         class ListFiles(Step): ...

It then runs where pflow-lower is not installed: PocketFlow is all it takes, and the
extras of its nodes. The modules are taken from the files of this package, those that
the imports lead to and no others, each after what it needs itself.

They are put one after another as they are, and not hidden in a string or a loader:
what is written can be read, type-checked and debugged like any other module. Where
two modules call things alike, one of them gets another name (`linking.py`).
"""

from pflow_lower.standalone.layout import banner_of, body_of, imports_of
from pflow_lower.standalone.linking import Linked
from pflow_lower.standalone.unit import Unit

_NODES = "pflow_lower.nodes."

_NOTE = """\
# fmt: off

# This module stands alone: it runs where PocketFlow is installed, and what its nodes
# need besides. The parts of pflow-lower that it uses are in it, each under its name."""

_WORKFLOW = "# --- The workflow"

_WHY = (
    "",
    "# A journal knows node types by where they are from. That must not depend on",
    "# whether the module stands alone, nor on whether it is run or imported.",
)


def standalone(module: str, name: str) -> str:
    """Give the text of a generated module, called `name`, as one that stands alone.

    Raises OSError where a file of this package cannot be read.
    """
    root = Unit(name, module)
    linked = Linked(root)
    head = module.partition("\n\n")[0]
    workflow = body_of(root, linked).removeprefix(head).strip("\n")
    parts = [
        f"{head}\n{_NOTE}\n\n{imports_of(linked)}",
        *(
            f"{banner_of(unit)}\n\n{body_of(unit, linked)}"
            for unit in linked.units[:-1]
        ),
        f"{_WORKFLOW}{_identities(linked)}",
        f"{workflow}\n",
    ]
    return "\n\n\n".join(parts)


def _identities(linked: Linked) -> str:
    """Give its node types the names that a journal knows them by."""
    lines: list[str] = []
    for symbol in sorted(set(linked.root.names.values())):
        if symbol.module.startswith(_NODES):
            name = linked.name(symbol)
            lines.append(f'{name}.__module__ = "{symbol.module}"')
            if name != symbol.name:
                lines.append(f'{name}.__qualname__ = "{symbol.name}"')
    return "\n".join(["", *_WHY, *lines]) if lines else ""
