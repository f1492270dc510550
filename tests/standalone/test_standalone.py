"""Modules that stand alone, run where nothing but PocketFlow is installed."""

import copy
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping
from importlib.metadata import distribution
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from places import ROOT
from valid_fixtures import FIXTURES, Fixture

from pflow_lower import Lowered, lower
from pflow_lower.standalone import standalone

GOLDENS = ROOT / "tests" / "__snapshots__" / "test_golden"
PATIENCE = 120


def chain(*nodes: Mapping[str, Any], **keys: Any) -> dict[str, Any]:
    """Give a workflow of nodes that run one after another."""
    ids = [node["id"] for node in nodes]
    edges = [{"from": one, "to": other} for one, other in pairwise(ids)]
    return {"nodes": list(nodes), "edges": edges, **keys}


EVERY_TYPE = chain(
    {"id": "shell", "type": "shell", "params": {"command": "true"}},
    {"id": "read", "type": "read-file", "params": {"file_path": "a"}},
    {"id": "code", "type": "code", "params": {"code": "result = 1"}},
    {"id": "echo", "type": "echo"},
    {"id": "http", "type": "http", "params": {"url": "http://127.0.0.1:1"}},
    {"id": "llm", "type": "llm", "params": {"prompt": "tea"}},
)
"""A workflow that needs every module of the package that there is to inline."""

HOSTILE = (
    *("batch_error", "step_error", "timeout_error", "exception", "base_exception"),
    *("items", "any", "path", "t", "future", "callable", "class_var", "event", "lock"),
    *("value_error", "os_error", "node_store", "batch_settings", "workflow_flow"),
    *("shell_node", "json", "params", "type_error", "not_implemented", "logger"),
)
"""Ids whose classes are called like something of Python's or of ours."""


def alone(lowered: Lowered) -> str:
    return standalone(lowered.module, lowered.module_name)


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with PocketFlow and nothing else; give its Python."""
    folder = tmp_path_factory.mktemp("alone") / "venv"
    venv.create(folder, symlinks=True)
    executable = folder / "bin" / "python"
    ended = execute(executable, "-c", "import site; print(*site.getsitepackages())")
    (site,) = ended.stdout.split()
    for name in ("pocketflow", distribution("pocketflow").files[0].parts[0]):  # type: ignore[index] # an installed package has files
        source = Path(str(distribution("pocketflow").locate_file(name)))
        if source.is_dir():
            shutil.copytree(source, Path(site) / name, dirs_exist_ok=True)
    assert execute(executable, "-c", "import pflow_lower").returncode == 1
    assert execute(executable, "-c", "import pocketflow").returncode == 0
    return executable


def execute(
    executable: Path, *arguments: str | Path, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [executable, *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )


def run(
    python: Path, workflow: Mapping[str, Any], folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a workflow as a standalone module in a folder."""
    module = folder / "flow_lowered.py"
    module.write_text(alone(lower(workflow, name="flow")))
    return execute(python, "-W", "error", module, *arguments, cwd=folder)


# --- It does what the module does that it is made of.

ALONE = [
    fixture
    for fixture in FIXTURES.values()
    if fixture.name
    in {"digest", "files", "item_keys", "limits", "parallel", "continue"}
    or fixture.name in {"results_file", "retries", "retry_on", "streams", "permissive"}
]


@pytest.mark.parametrize("fixture", ALONE, ids=lambda fixture: fixture.name)
def test_it_gives_what_the_module_gives(
    fixture: Fixture, python: Path, tmp_path: Path
) -> None:
    module = tmp_path / f"{fixture.lower().module_name}.py"
    module.write_text(alone(fixture.lower()))
    shutil.copytree(ROOT / "fixtures" / "files", tmp_path / "files")
    ended = execute(
        python, "-W", "error", module, *fixture.arguments, cwd=tmp_path / "files"
    )

    assert (ended.returncode, ended.stderr) == (0, fixture.said)
    assert ended.stdout == (GOLDENS / f"{fixture.name}.output.json").read_text("utf-8")


def test_ids_that_are_names_of_ours_and_of_pythons(
    python: Path, tmp_path: Path
) -> None:
    nodes = [
        {
            "id": name,
            "type": "code",
            "batch": {"items": [1, 0], "error_handling": "continue"},
            "params": {"inputs": {"n": "${item}"}, "code": "result = 1 / n"},
        }
        for name in HOSTILE
    ]
    ended = run(python, chain(*nodes), tmp_path, "--journal", "j.db")

    assert (ended.returncode, ended.stderr) == (0, "")
    for name, output in json.loads(ended.stdout).items():
        assert (name, output["results"]) == (name, [1.0, None])
        assert output["errors"][0]["type"] == "ZeroDivisionError"


def test_own_types_that_are_called_like_modules(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from pocketflow import Node\n"
        "class os(Node):\n  def post(self, shared, p, e): shared['x'] = 1\n"
        "class fcntl(os): ...\nclass sys(os): ...\nclass run_flow(os): ...\n"
    )
    types = ("os", "fcntl", "sys", "run_flow")
    nodes = [{"id": f"n{name}", "type": f"own:{name}"} for name in types]
    ended = run(Path(sys.executable), chain(*nodes), tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {f"n{name}": {"x": 1} for name in types}


# --- Lowered again: its batches are node types of another workflow.


def lowered_again(folder: Path, workflow: Mapping[str, Any]) -> Lowered:
    """Write a standalone module, and lower its lowered workflow under another name."""
    lowered = lower(workflow, name="first")
    (folder / "first_lowered.py").write_text(alone(lowered))
    return lower(lowered.ir, name="again")


DIVIDE: dict[str, Any] = {
    "id": "divide",
    "type": "code",
    "batch": {"items": [1, 0], "as": "n"},
    "params": {"inputs": {"n": "${n}"}, "code": "result = 8 / n"},
}
SHOW = {"id": "show", "type": "echo", "params": {"value": "${divide}"}}


@pytest.mark.parametrize("is_alone", [True, False], ids=["alone", "in the package"])
@pytest.mark.parametrize("on", ["error", "default"])
def test_a_batch_of_it_gives_what_it_did(
    on: str, is_alone: bool, python: Path, tmp_path: Path
) -> None:
    divide: dict[str, Any] = copy.deepcopy(DIVIDE)
    if on == "default":
        divide["batch"]["error_handling"] = "continue"
    edge = {"from": "divide", "to": "show", "action": on}
    workflow = {"nodes": [divide, SHOW], "edges": [edge]}
    again = lowered_again(tmp_path, workflow)
    text = alone(again) if is_alone else again.module
    (tmp_path / "again_lowered.py").write_text(text)
    first = execute(python, "first_lowered.py", cwd=tmp_path)
    ended = execute(
        python if is_alone else Path(sys.executable), "again_lowered.py", cwd=tmp_path
    )

    assert (first.returncode, first.stderr) == (0, "")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == first.stdout
    shown = json.loads(ended.stdout)["show"]["value"]
    assert (shown["results"], shown["error_count"]) == ([8.0, None], 1)


def test_a_batch_of_it_that_fails_names_the_item_once(tmp_path: Path) -> None:
    again = lowered_again(tmp_path, {"nodes": [DIVIDE]})
    (tmp_path / "again_lowered.py").write_text(again.module)
    ended = execute(Path(sys.executable), "again_lowered.py", cwd=tmp_path)

    said = (
        'error: node "divide" failed: item 1 (0): ZeroDivisionError: division by zero'
    )
    assert ended.returncode == 1
    assert ended.stderr.startswith(said)


# --- Batches, and what belongs to them.


def batch_flow() -> dict[str, Any]:
    """Give a workflow whose third item fails as long as there is no file `ready`."""
    code = (
        "import os\n"
        "open('tries.txt', 'a').write(f'{row[\"n\"]} ')\n"
        "if row['n'] == 3 and not os.path.exists('ready'): raise OSError('not yet')\n"
        "result = row['n'] * 10"
    )
    batch = {
        "items": {"jsonl": "in.jsonl"},
        "as": "row",
        "key": "${row.n}",
        "parallel": True,
        "max_concurrent": 2,
        "error_handling": "continue",
        "tolerated_failure_count": 0,
        "retry": {"max_attempts": 2, "on": ["OSError"]},
        "rate_limit": {"requests": 1000, "per": 1},
        "timeout": 60,
        "results_to": "out.jsonl",
    }
    params = {"inputs": {"row": "${row}"}, "code": code}
    return {"nodes": [{"id": "n", "type": "code", "batch": batch, "params": params}]}


def test_a_run_that_failed_is_gone_on_with(python: Path, tmp_path: Path) -> None:
    lines = [json.dumps({"n": n}) for n in (1, 2, 3)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines))
    options = ("--journal", "j.db", "--events", "events.jsonl")
    first = run(python, batch_flow(), tmp_path, *options)

    assert (first.returncode, first.stdout) == (1, "")
    assert "item 2 ({'n': 3}): OSError: not yet (line 3)" in first.stderr
    assert sorted((tmp_path / "tries.txt").read_text().split()) == ["1", "2", "3", "3"]

    (tmp_path / "ready").touch()
    second = run(python, batch_flow(), tmp_path, *options)

    assert (second.returncode, second.stderr) == (0, "")
    assert (tmp_path / "tries.txt").read_text().split().count("3") == 3
    assert len((tmp_path / "tries.txt").read_text().split()) == 5
    results = map(json.loads, (tmp_path / "out.jsonl").read_text().splitlines())
    assert [one["result"] for one in results] == [10, 20, 30]
    kinds = [
        json.loads(line)["kind"]
        for line in (tmp_path / "events.jsonl").read_text().splitlines()
    ]
    assert kinds.count("batch_started") == kinds.count("batch_finished") == 2


def test_a_journal_is_that_of_the_module_in_the_package_too(
    python: Path, tmp_path: Path
) -> None:
    workflow = chain(
        {"id": "a", "type": "shell", "params": {"command": "echo >> ran; echo tea"}}
    )
    (tmp_path / "package_lowered.py").write_text(lower(workflow).module)
    ended = execute(
        Path(sys.executable), "package_lowered.py", "--journal", "j.db", cwd=tmp_path
    )
    again = run(python, workflow, tmp_path, "--journal", "j.db")
    imported = execute(
        python,
        "-c",
        "import flow_lowered as f; f.run_flow(f.build_flow(), {}, journal='j.db')",
        cwd=tmp_path,
    )

    assert (again.returncode, again.stdout) == (0, ended.stdout)
    assert (imported.returncode, imported.stderr) == (0, "")
    assert (tmp_path / "ran").read_text() == "\n"


def test_its_errors_can_be_imported_from_it(python: Path, tmp_path: Path) -> None:
    workflow = {
        "nodes": [
            {
                "id": "n",
                "type": "code",
                "batch": {"items": [2, 0]},
                "params": {"inputs": {"n": "${item}"}, "code": "result = 1 / n"},
            }
        ]
    }
    (tmp_path / "flow_lowered.py").write_text(alone(lower(workflow, name="flow")))
    program = (
        "from flow_lowered import BatchError, InputError, build_flow, run\n"
        "try: run()\n"
        "except BatchError as error: print(error.index, error.item, error.results)\n"
        "try: run(x=1)\n"
        "except InputError as error: print(error)\n"
    )
    ended = execute(python, "-c", program, cwd=tmp_path)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[0] == "1 0 [0.5, None]"


def test_an_extra_that_is_not_there_is_named(python: Path, tmp_path: Path) -> None:
    node = {"id": "a", "type": "http", "params": {"url": "http://127.0.0.1:1"}}
    ended = run(python, chain(node), tmp_path)

    assert ended.returncode == 1
    assert "pip install 'pflow-lower[http]'" in ended.stderr


# --- What it looks like.


def test_only_what_is_needed_is_in_it() -> None:
    text = alone(lower(chain({"id": "a", "type": "echo"})))

    assert "pflow_lower.nodes.echo" in text
    for module in ("shell", "code", "files", "http", "llm"):
        assert f"# --- pflow_lower.nodes.{module}\n" not in text
    assert "import pflow_lower" not in text
    assert "from pflow_lower" not in text


def test_each_module_is_in_it_once() -> None:
    lines = alone(lower(EVERY_TYPE)).splitlines()
    modules = [line for line in lines if line.startswith("# --- pflow_lower")]

    package = ROOT / "transpiler" / "pflow_lower"
    inlined = {*package.glob("runtime/*.py"), *package.glob("nodes/*.py")}
    names = {path.stem for path in inlined if path.stem != "__init__"}
    assert len(modules) == len(set(modules))
    assert {line.rpartition(".")[2] for line in modules} >= names


def test_it_is_the_same_in_every_process() -> None:
    program = (
        "from pflow_lower import lower; from pflow_lower.standalone import standalone;"
        f"import hashlib; text = standalone(lower({EVERY_TYPE!r}).module, 'x');"
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    seen = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", program]
        seen.add(subprocess.check_output(command, env=environment, timeout=PATIENCE))

    assert len(seen) == 1


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two modules, of every type of node and of names that clash."""
    folder = tmp_path_factory.mktemp("written")
    hostile = chain(*({"id": name, "type": "echo"} for name in HOSTILE))
    for name, workflow in (("every", EVERY_TYPE), ("hostile", hostile)):
        text = alone(lower(workflow, name=name))
        (folder / f"{name}_lowered.py").write_text(text)
    return folder


def test_it_is_typed(written: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file="),
            *("--python-version", "3.11", "--cache-dir", str(tmp_path)),
            *sorted(written.glob("*.py")),
        ],
        env={**os.environ, "MYPYPATH": str(ROOT / "typings")},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (0, ""), ended.stdout


@pytest.mark.parametrize(
    "options",
    [
        (),
        (
            *("--ignore-noqa", "--select", "E,F,W,I,UP,B,C4,PIE,RET,SIM,RUF"),
            *("--ignore", "E501", "--target-version", "py311"),
        ),
    ],
    ids=["as it is", "without its noqa"],
)
def test_ruff_has_nothing_against_it(options: tuple[str, ...], written: Path) -> None:
    command = (sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache")
    ended = subprocess.run(
        [*command, *options, str(written)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

    assert (ended.returncode, ended.stdout) == (0, "All checks passed!\n")


# --- The command line.


def pflow_lower(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return execute(
        Path(sys.executable), "-m", "pflow_lower", "docs.json", *arguments, cwd=folder
    )


def test_check_and_diff_know_of_it(tmp_path: Path) -> None:
    workflow = chain({"id": "a", "type": "echo"})
    (tmp_path / "docs.json").write_text(json.dumps(workflow))
    written = pflow_lower(tmp_path, "--standalone")
    expected = alone(lower(workflow, name="docs"))

    assert (written.returncode, written.stdout) == (0, "")
    assert (tmp_path / "docs_lowered.py").read_text() == expected
    assert pflow_lower(tmp_path, "--standalone", "--check").returncode == 0
    assert pflow_lower(tmp_path, "--standalone", "--diff").stdout == ""

    drifted = pflow_lower(tmp_path, "--check")
    assert drifted.returncode == 1
    assert "docs_lowered.py: is not what the workflow gives" in drifted.stderr
    assert (
        "\n+from pflow_lower.runtime import " in pflow_lower(tmp_path, "--diff").stdout
    )

    (tmp_path / "pyproject.toml").write_text("[tool.pflow-lower]\nstandalone = true\n")
    assert pflow_lower(tmp_path, "--check").returncode == 0
