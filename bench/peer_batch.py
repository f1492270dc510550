"""Time a batch of the peer's: it runs in a venv of its own, where pflow-cli is.

python bench/peer_batch.py 20000    prints the seconds that an item takes
"""

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from pflow.core.node import Node
from pflow.registry import Registry
from pflow.runtime import WorkflowEngine, compile_workflow


class NoOp(Node):
    """Does nothing in its thread."""

    def post(self, shared: dict[str, Any], prep_res: Any, exec_res: Any) -> str:
        """Write something."""
        shared["done"] = True
        return "default"


class OnlyNoOp(Registry):
    """Knows one node type: the one above."""

    def load(self, include_filtered: bool = False) -> dict[str, dict[str, Any]]:
        """Say where it is and what it takes and gives."""
        interface = {
            "inputs": [],
            "params": [{"key": "prompt", "type": "str"}],
            "outputs": [{"key": "done", "type": "bool"}],
            "actions": [],
        }
        return {
            "noop": {
                "module": __name__,
                "class_name": "NoOp",
                "type": "core",
                "file_path": __file__,
                "docstring": "",
                "interface": interface,
            }
        }


def seconds_per_item(count: int) -> float:
    """Run a batch of so many items."""
    node = {
        "id": "work",
        "type": "noop",
        "batch": {"items": "${docs}", "parallel": True, "max_concurrent": 10},
        "params": {"prompt": "Summarize ${item}"},
    }
    ir = {
        "ir_version": "0.1.0",
        "inputs": {"docs": {"type": "array", "required": True, "description": "all"}},
        "nodes": [node],
        "edges": [],
    }
    docs = list(range(count))
    with tempfile.TemporaryDirectory() as folder:
        registry = OnlyNoOp(Path(folder, "registry.json"))
        workflow = compile_workflow(
            ir, registry=registry, initial_params={"docs": docs}
        )
        shared: dict[str, Any] = {
            "docs": docs,
            "__verbose__": False,
            "__warnings__": {},
            "__parser_diagnostics__": [],
        }
        started = time.perf_counter()
        WorkflowEngine().run(workflow, shared)
        spent = time.perf_counter() - started
    assert shared["work"]["success_count"] == count
    return spent / count


if __name__ == "__main__":
    sys.stdout.write(f"{seconds_per_item(int(sys.argv[1]))}\n")
