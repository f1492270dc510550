"""The four use cases, ten items at a time against one at a time.

The other side is a server in a process of its own, which takes its time over each
answer. Where that is most of the time, ten at a time are close to ten times as fast.
What is timed is the run alone, in this process: neither the start of Python nor,
since the least time counts, the imports.
"""

import copy
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.measure import Ratio, compare
from pflow_lower import lower

ROOT = Path(__file__).parent.parent
SERVER = ROOT / "tests" / "use_case_server.py"
WORKFLOWS = ROOT / "fixtures" / "use_cases"

NINE_TIMES = 1 / 9
TEN = {"parallel": True, "max_concurrent": 10}


def ratios() -> Iterator[Ratio]:
    """Give the ratio of each case."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield files(folder)
        yield files_in_processes(folder)
        yield documents(folder, seconds=0.5, bound=NINE_TIMES, rounds=2)
        # The client, in this one thread, takes some milliseconds over each request:
        # the ten that come back at once wait for each other.
        yield documents(folder, seconds=0.05, bound=0.2, rounds=4)
        yield endpoints(folder, seconds=0.5)
        yield languages(folder, seconds=1)


def files(folder: Path) -> Ratio:
    """Count the words of files in Python, whose threads have to take turns.

    Ten at a time are no faster then; they must not be much slower.
    """
    texts = written(folder / "files", 100, "tea or rum " * 2000)
    return faster(
        "100 files counted",
        use_case("count_words"),
        {"folder": str(texts), "target": str(folder / "counted")},
        bound=1.6,
        rounds=5,
    )


def files_in_processes(folder: Path) -> Ratio:
    """Compress files: each by a process, so that all CPUs can be at it."""
    texts = written(folder / "files", 100, "tea or rum " * 2000)
    node = {
        "id": "zip",
        "type": "shell",
        "batch": {"items": {"glob": f"{texts}/*.txt"}, "as": "file", **TEN},
        "params": {"command": ["gzip", "-9fk", "${file}"]},
    }
    ir = {"nodes": [node], "outputs": {"zipped": {"source": "${zip.results}"}}}
    return faster("100 files compressed by a process each", ir, {}, bound=0.8, rounds=3)


def documents(folder: Path, seconds: float, bound: float, rounds: int) -> Ratio:
    """Have a model summarise documents."""
    texts = written(folder / "texts", 50, "A page about tea.\n" * 50)
    inputs = {"folder": str(texts), "report": str(folder / "report.json")}
    title = f"50 documents summarised by a model in {1000 * seconds:g} ms"
    with server(folder, seconds):
        given = inputs | {"model": "stream"}
        return faster(title, use_case("summarise"), given, bound=bound, rounds=rounds)


def endpoints(folder: Path, seconds: float) -> Ratio:
    """Fetch from a server."""
    title = f"20 endpoints that answer in {1000 * seconds:g} ms"
    with server(folder, seconds) as url:
        given = {"server": url, "names": [f"drink-{n}" for n in range(20)]}
        return faster(title, use_case("fetch"), given, bound=NINE_TIMES, rounds=2)


def languages(folder: Path, seconds: float) -> Ratio:
    """Have a model translate a document."""
    text = written(folder / "text", 1, "A page about tea.\n" * 50) / "000.txt"
    title = f"10 languages, by a model in {1000 * seconds:g} ms"
    with server(folder, seconds):
        given = {"file": str(text), "model": "stream"}
        return faster(title, use_case("translate"), given, bound=NINE_TIMES, rounds=2)


def faster(
    title: str,
    ir: Mapping[str, Any],
    inputs: Mapping[str, Any],
    *,
    bound: float,
    rounds: int,
) -> Ratio:
    """Compare a workflow as it stands with the same one without `parallel`."""
    ours, theirs = (run_of(ir, inputs, parallel) for parallel in (True, False))
    ratio = compare(title, ours, theirs, bound=bound, rounds=rounds)
    times = f"{title}: {1 / ratio.value:.1f} x"
    return Ratio(times, ratio.ours, ratio.theirs, bound)


def use_case(name: str) -> Any:
    """Read a workflow of the fixtures."""
    return json.loads((WORKFLOWS / f"{name}.json").read_text("utf-8"))


def run_of(
    ir: Mapping[str, Any], inputs: Mapping[str, Any], parallel: bool
) -> Callable[[], None]:
    """Give a run of a workflow, with ten items at a time or with one."""
    varied = copy.deepcopy(dict(ir))
    for node in varied["nodes"]:
        if "batch" in node and not parallel:
            del node["batch"]["parallel"], node["batch"]["max_concurrent"]
    run = lower(varied).load().run
    return lambda: assert_full(run(**inputs))


def assert_full(outputs: Mapping[str, Any]) -> None:
    """Raise AssertionError where a list of results is not what it should be."""
    (results,) = (each for each in outputs.values() if isinstance(each, list))
    assert results
    assert None not in results


def written(folder: Path, count: int, text: str) -> Path:
    """Write texts into a folder; no two are the same."""
    folder.mkdir(exist_ok=True)
    for n in range(count):
        (folder / f"{n:03}.txt").write_text(f"{n}\n{text}")
    return folder


@contextmanager
def server(home: Path, seconds: float) -> Iterator[str]:
    """Run a server that takes so long over each answer; give its URL.

    The folder becomes the home of the library llm, which finds the server's models
    in it.
    """
    options = ("--latency", str(seconds), "--llm-home", str(home))
    process = subprocess.Popen(
        [sys.executable, str(SERVER), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    before = os.environ.get("LLM_USER_PATH")
    with process:
        url = process.stdout.readline().strip()
        os.environ["LLM_USER_PATH"] = str(home)
        try:
            yield url
        finally:
            del os.environ["LLM_USER_PATH"]
            if before is not None:
                os.environ["LLM_USER_PATH"] = before
            process.stdin.close()
