"""What a call costs, in starts of a bare Python, which is what a shell user feels."""

import compileall
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pflow_lower
from bench.measure import Ratio, compare
from pflow_lower import lower

_serial = count()


def ratios() -> Iterator[Ratio]:
    """Return the ratio of each case, the package compiled as an installer leaves it."""
    compileall.compile_dir(Path(pflow_lower.__file__).parent, quiet=1)
    bare = program(sys.executable, "-c", "pass")
    script = str(Path(sys.executable).with_name("pflow-lower"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "docs.json")
        path.write_text(json.dumps(workflow(30), indent=2))
        cases: tuple[tuple[str, list[str], float], ...] = (
            ("--version", ["--version"], 3),
            ("a workflow of 30 nodes", [str(path), "--quiet"], 9),
        )
        for name, arguments, bound in cases:
            ours = program(script, *arguments)
            title = f"pflow-lower {name}, in bare starts of Python"
            yield compare(title, ours, bare, bound=bound, rounds=9)
    yield cpu()
    yield growth()


def cpu() -> Ratio:
    """Compare the CPU time of lowering 1,000 nodes with that of a bare start."""
    ours = min(cpu_of_lowering(1000) for _ in range(5))
    theirs = min(cpu_of_a_start() for _ in range(9))
    return Ratio("lower() of 1,000 nodes, CPU, in bare starts", ours, theirs, 15)


def growth() -> Ratio:
    """Compare the CPU time of lowering 10,000 nodes with that of 1,000."""
    pairs = [(cpu_of_lowering(10_000), cpu_of_lowering(1000)) for _ in range(3)]
    ours, theirs = (min(column) for column in zip(*pairs, strict=True))
    return Ratio("lower() of 10,000 nodes, CPU, against 1,000", ours, theirs, 12)


def cpu_of_lowering(nodes: int) -> float:
    """Return the CPU seconds of one call, on a text that was never seen before."""
    text = json.dumps(workflow(nodes))
    started = time.process_time()
    lowered = lower(text)
    spent = time.process_time() - started
    assert len(lowered.ir["nodes"]) == nodes
    return spent


def cpu_of_a_start() -> float:
    """Return the CPU seconds of starting Python and ending it."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = 0
    return usage.ru_utime + usage.ru_stime


def program(*command: str) -> Callable[[], None]:
    """Return a run of a program."""

    def run() -> None:
        subprocess.run(command, check=True, capture_output=True)

    return run


def workflow(size: int) -> dict[str, Any]:
    """Make a chain of nodes, every fifth a batch, none with a text seen before.

    A node has 1.8 templates on average.
    """
    nodes: list[dict[str, Any]] = []
    for number in range(size):
        before = f"n{number - 1}"
        seen = "" if number == 0 else f" ${{{before}.{_output(number - 1)}}}"
        node: dict[str, Any] = {"id": f"n{number}", "type": "shell"}
        if number % 5 == 4:
            node["batch"] = {"items": f"${{{before}.lines}}", "as": "line"}
            node["params"] = {"command": ["echo", f"${{line}} of {next(_serial)}"]}
        else:
            node["params"] = {"command": f"echo {next(_serial)}{seen}"}
            if number % 5:
                node["params"]["env"] = {"SEEN": f"{next(_serial)}{seen}"}
        nodes.append(node)
    edges = [{"from": f"n{n}", "to": f"n{n + 1}"} for n in range(size - 1)]
    return {"ir_version": "0.1.0", "nodes": nodes, "edges": edges}


def _output(number: int) -> str:
    return "count" if number % 5 == 4 else "stdout"
