"""`pflow-lower bundle`, and the file that it writes: a bare Python runs it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from programs import wait_for
from valid_fixtures import FILES, FIXTURES, Fixture

PATIENCE = 60
BARE = (sys.executable, "-I", "-S")
"""A Python that finds the standard library and no installed package."""

GOLDENS = Path(__file__).parent.parent / "__snapshots__" / "test_golden"

WORKFLOW: dict[str, Any] = {
    "inputs": {"topic": {"type": "string"}},
    "nodes": [
        {
            "id": "ls",
            "type": "shell",
            "params": {"command": "echo >> ran; ls *.txt"},
        },
        {
            "id": "read",
            "type": "read-file",
            "batch": {"items": "${ls.files}", "as": "file", "parallel": True},
            "params": {"file_path": "${file}"},
        },
        {
            "id": "count",
            "type": "code",
            "batch": {"items": "${read.results}"},
            "params": {
                "inputs": {"text": "${item}"},
                "code": "result = len(text.split())",
            },
        },
        {
            "id": "keep",
            "type": "write-file",
            "params": {
                "file_path": "${topic}.json",
                "content": {"files": "${ls.files}", "words": "${count.results}"},
            },
        },
    ],
    "edges": [
        {"from": "ls", "to": "read"},
        {"from": "read", "to": "count"},
        {"from": "count", "to": "keep"},
    ],
    "outputs": {"words": {"source": "${count.results}"}},
}


def bundle(
    folder: Path, *arguments: str, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pflow_lower", "bundle", *arguments],
        cwd=folder,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def run(
    folder: Path, *arguments: str, file: str = "docs.pyz"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*BARE, "-W", "error", file, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def one_node(**node: Any) -> str:
    return json.dumps({"nodes": [{"id": "a", **node}]})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs.json").write_text(json.dumps(WORKFLOW))
    (tmp_path / "a.txt").write_text("one two")
    (tmp_path / "b.txt").write_text("three")
    return tmp_path


def test_a_bundle_runs_without_any_package(folder: Path) -> None:
    written = bundle(folder, "docs.json")
    ended = run(folder, "-i", "topic=tea")

    assert (written.returncode, written.stdout) == (0, "")
    assert written.stderr == "wrote docs.pyz\n"
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {"words": [2, 1]}
    assert json.loads((folder / "tea.json").read_text()) == {
        "files": ["a.txt", "b.txt"],
        "words": [2, 1],
    }


@pytest.mark.parametrize(
    "fixture",
    [
        FIXTURES["streams"],
        *(
            pytest.param(FIXTURES[name], marks=pytest.mark.slow)
            for name in ("digest", "limits", "results_file")
        ),
    ],
    ids=lambda fixture: fixture.name,
)
def test_it_prints_what_the_module_prints(fixture: Fixture, tmp_path: Path) -> None:
    written = bundle(tmp_path, str(fixture.path), "-o", "docs.pyz")
    # What the fixtures find are these files.
    for file in FILES.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    ended = run(tmp_path, *fixture.arguments)

    assert written.stderr == "wrote docs.pyz\n"
    assert (ended.returncode, ended.stderr) == (0, fixture.said)
    assert ended.stdout == (GOLDENS / f"{fixture.name}.output.json").read_text("utf-8")


def test_a_journal_is_shared_with_the_module(folder: Path) -> None:
    bundle(folder, "docs.json")
    arguments = ("-i", "topic=tea", "--journal", "run.sqlite")
    subprocess.run(
        [sys.executable, "-m", "pflow_lower", "-q", "docs.json"],
        cwd=folder,
        timeout=PATIENCE,
        check=True,
    )
    module = subprocess.run(
        [sys.executable, "docs_lowered.py", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    first, second = run(folder, *arguments), run(folder, *arguments)

    assert (folder / "ran").read_text() == "\n"
    assert (first.returncode, first.stdout, first.stderr) == (0, module.stdout, "")
    assert (second.stdout, second.stderr) == (first.stdout, first.stderr)


def test_its_help_lists_the_inputs(folder: Path) -> None:
    bundle(folder, "docs.json")
    ended = run(folder, "--help")

    assert ended.returncode == 0
    assert ended.stdout.startswith("usage: docs.pyz ")
    assert "topic: string, required" in ended.stdout


@pytest.mark.parametrize(
    ("command", "arguments", "status", "message"),
    [
        ("exit 3", (), 1, 'error: node "a" failed: '),
        ("true", ("-i", "x=1"), 2, 'no input is called "x"'),
        ("true", ("--journal", "no/such/folder/\0"), 2, "error: "),
        ("true", ("--otel",), 2, "pip install 'pflow-lower[otel]'"),
        ("true", ("--progress", "always"), 2, "pip install 'pflow-lower[progress]'"),
    ],
)
def test_what_goes_wrong_has_the_status_of_the_module(
    command: str, arguments: tuple[str, ...], status: int, message: str, folder: Path
) -> None:
    (folder / "docs.json").write_text(
        one_node(type="shell", params={"command": command})
    )
    bundle(folder, "docs.json")
    arguments = tuple(argument.replace("\0", "") for argument in arguments)
    ended = run(folder, *arguments)

    assert (ended.returncode, ended.stdout) == (status, "")
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.fixture
def sleeper(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Start a bundle whose node waits for a child."""
    command = "echo > started; exec sleep 600"
    (folder / "docs.json").write_text(
        one_node(type="shell", params={"command": command})
    )
    bundle(folder, "docs.json")
    process = subprocess.Popen(
        [*BARE, "docs.pyz"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    wait_for((folder / "started").exists)
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_an_interruption_ends_it_in_order(
    number: signal.Signals, status: int, sleeper: subprocess.Popen[str]
) -> None:
    sleeper.send_signal(number)
    output, errors = sleeper.communicate(timeout=PATIENCE)

    assert (sleeper.returncode, output, errors) == (status, "", "interrupted\n")


def test_code_with_a_timeout_runs(folder: Path) -> None:
    quick = {"code": "print('said')\nresult = n + 1", "inputs": {"n": 1}, "timeout": 60}
    (folder / "docs.json").write_text(one_node(type="code", params=quick))
    bundle(folder, "docs.json")
    ended = run(folder)

    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout)["a"] == {
        "result": 2,
        "stdout": "said\n",
        "stderr": "",
    }


def test_code_that_takes_too_long_is_stopped(folder: Path) -> None:
    slow = {"code": "import time; time.sleep(600)", "timeout": 0.5}
    (folder / "docs.json").write_text(one_node(type="code", params=slow))
    bundle(folder, "docs.json")
    ended = run(folder)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "0.5" in ended.stderr


# --- Nodes of the user.

UPPER = """\
from typing import TYPE_CHECKING
from pocketflow import Node
from .marks import mark

if TYPE_CHECKING:
    import only_for_type_checkers

class Upper(Node):
    def post(self, shared, prep_res, exec_res):
        import helper
        shared["text"] = helper.up(self.params["text"]) + mark()
"""

NOTED = """\
        from importlib.resources import files
        shared["note"] = files(__package__).joinpath("note.txt").read_text()
"""


@pytest.mark.parametrize("is_regular", [False, True], ids=["namespace", "regular"])
def test_modules_beside_the_workflow_go_in(is_regular: bool, folder: Path) -> None:
    package = folder / "flows" / "own"
    package.mkdir(parents=True)
    if is_regular:  # Python reads data files in no other package of an archive
        (package / "__init__.py").write_text("")
    (package / "upper.py").write_text(UPPER + NOTED if is_regular else UPPER)
    (package / "marks.py").write_text("def mark(): return '!'\n")
    (package / "note.txt").write_text("noted")
    (package.parent / "helper.py").write_text("def up(text): return text.upper()\n")
    node = one_node(type="own.upper:Upper", params={"text": "tea"})
    (package.parent / "docs.json").write_text(node)
    written = bundle(folder, "flows/docs.json", "-o", "docs.pyz")
    ended = run(folder)

    assert (written.returncode, written.stderr) == (0, "wrote docs.pyz\n")
    assert (ended.returncode, ended.stderr) == (0, "")
    note = {"note": "noted"} if is_regular else {}
    assert json.loads(ended.stdout) == {"a": {"text": "TEA!", **note}}


def test_a_workflow_that_was_lowered_before_goes_in(folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pflow_lower", "-q", "docs.json"],
        cwd=folder,
        timeout=PATIENCE,
        check=True,
    )
    assert bundle(folder, "docs.lowered.json", "-o", "docs.pyz").returncode == 0
    assert json.loads(run(folder, "-i", "topic=tea").stdout) == {"words": [2, 1]}


LACKS = (
    "docs.json: {}: the bundle lacks fast, which is compiled; gone.nodes, which is not "
    'found; the node type "named", which is an entry point\n'
)


def test_what_it_cannot_contain_is_said(folder: Path) -> None:
    (folder / "fast").mkdir()
    (folder / "fast" / "__init__.py").write_text("")
    (folder / "fast" / "speed.so").write_text("")
    types = ("fast:Node", "gone.nodes:Node", "named", "http")
    nodes = [
        {"id": f"n{index}", "type": name, "params": {"url": "http://127.0.0.1:1"}}
        for index, name in enumerate(types)
    ]
    edges = [{"from": f"n{index}", "to": f"n{index + 1}"} for index in range(3)]
    (folder / "docs.json").write_text(json.dumps({"nodes": nodes, "edges": edges}))
    written = bundle(folder, "docs.json")

    assert written.returncode == 0
    assert LACKS.format("warning") in written.stderr
    assert "note: docs.pyz needs these packages: httpx2\n" in written.stderr
    assert written.stderr.endswith("wrote docs.pyz\n")


def test_strict_refuses_what_it_cannot_contain(folder: Path) -> None:
    (folder / "docs.json").write_text(one_node(type="gone:Node"))
    ended = bundle(folder, "docs.json", "--strict")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        "docs.json: error: the bundle lacks gone, which is not found\n"
    )
    assert not (folder / "docs.pyz").exists()


@pytest.mark.parametrize(
    ("node", "extra"),
    [
        ({"type": "http", "params": {"url": "http://127.0.0.1:1"}}, "http"),
        ({"type": "llm", "params": {"prompt": "tea"}}, "llm"),
    ],
)
def test_an_extra_is_named_where_it_is_missing(
    node: dict[str, Any], extra: str, folder: Path
) -> None:
    (folder / "docs.json").write_text(one_node(**node))
    written = bundle(folder, "docs.json")
    ended = run(folder)

    package = {"http": "httpx2", "llm": "llm"}[extra]
    assert f"note: docs.pyz needs these packages: {package}\n" in written.stderr
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"pip install 'pflow-lower[{extra}]'" in ended.stderr


# --- The command.


def test_a_project_sets_folder_results_and_nodes(folder: Path) -> None:
    (folder / "pyproject.toml").write_text(
        '[tool.pflow-lower]\nout-dir = "build"\nresults = "record"\n'
        '[tool.pflow-lower.nodes]\nread-file = "mine:Mine"\n'
    )
    (folder / "mine.py").write_text(
        "from pflow_lower.nodes.echo import EchoNode\n\nclass Mine(EchoNode): ...\n"
    )
    (folder / "docs.json").write_text(
        one_node(type="read-file", batch={"items": [1]}, params={"x": "${item}"})
    )
    ended = bundle(folder, "docs.json")
    said = json.loads(run(folder, file="build/docs.pyz").stdout)["a"]["results"]

    assert ended.stderr == f"wrote {folder}/build/docs.pyz\n"
    assert said == [{"item": 1, "value": {"x": 1}}]


def test_standard_input_is_bundled(folder: Path) -> None:
    ended = bundle(folder, "-", "-q", stdin=json.dumps(WORKFLOW))

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert run(folder, "-i", "topic=tea", file="workflow.pyz").returncode == 0


def test_a_workflow_with_errors_writes_nothing(folder: Path) -> None:
    path = folder / "docs.json"
    path.write_text(path.read_text().replace("${topic}", "${topi}"))
    ended = bundle(folder, "docs.json")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert 'error[PFL301]: no node or input is called "topi"' in ended.stderr
    assert not (folder / "docs.pyz").exists()


def test_a_lowered_workflow_under_its_own_name_is_refused(folder: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pflow_lower", "-q", "docs.json"],
        cwd=folder,
        timeout=PATIENCE,
        check=True,
    )
    os.replace(folder / "docs.lowered.json", folder / "docs.json")
    ended = bundle(folder, "docs.json")

    assert ended.returncode == 2
    assert "the module docs_lowered would import itself" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "Missing argument 'WORKFLOW'"),
        (("docs.json", "more.json"), "unexpected extra argument"),
        (("docs.json", "--out-dir", "x"), "No such option"),
        (("gone.json",), "gone.json: error: No such file or directory"),
        (("docs.json", "-o", "."), ".: error: Is a directory"),
    ],
)
def test_wrong_usage_is_2(
    arguments: tuple[str, ...], message: str, folder: Path
) -> None:
    ended = bundle(folder, *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.slow
def test_the_same_bytes_come_of_every_process(folder: Path) -> None:
    archives = set()
    for seed in ("0", "1", "2"):
        subprocess.run(
            [sys.executable, "-m", "pflow_lower", "bundle", "-q", "docs.json"],
            cwd=folder,
            env={**os.environ, "PYTHONHASHSEED": seed},
            timeout=PATIENCE,
            check=True,
        )
        archives.add((folder / "docs.pyz").read_bytes())

    assert len(archives) == 1
