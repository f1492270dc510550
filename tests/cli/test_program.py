"""`pflow-lower --run`: lowered and run in one step. Each call is a process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

WORKFLOW: dict[str, Any] = {
    "inputs": {"topic": {"type": "string"}, "n": {"type": "number", "default": 2}},
    "nodes": [
        {
            "id": "say",
            "type": "shell",
            "batch": {"items": ["a", "b"], "as": "word"},
            "params": {"command": ["echo", "${topic}", "${word}"]},
        },
        {"id": "double", "type": "own_node:Double", "params": {"n": "${n}"}},
    ],
    "edges": [{"from": "say", "to": "double"}],
    "outputs": {
        "said": {"source": "${say.results}"},
        "doubled": {"source": "${double.n}"},
    },
}

OWN_NODE = """
from pocketflow import Node

class Double(Node):
    def post(self, shared, prep_res, exec_res):
        print("doubling")
        shared["n"] = 2 * self.params["n"]
"""

OUTPUTS = '{\n  "said": [\n    "tea a",\n    "tea b"\n  ],\n  "doubled": 4\n}\n'

PATIENCE = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "docs.json").write_text(json.dumps(WORKFLOW))
    (tmp_path / "flows" / "own_node.py").write_text(OWN_NODE)
    return tmp_path


def run(folder: Path, *arguments: str, stdin: str = "") -> Any:
    return subprocess.run(
        [sys.executable, "-m", "pflow_lower", *arguments],
        cwd=folder,
        input=stdin,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def files(folder: Path) -> set[str]:
    found = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return set(map(str, found))


def test_it_prints_what_the_program_would_and_writes_nothing(folder: Path) -> None:
    before = files(folder)
    ended = run(folder, "--run", "flows/docs.json", "-i", "topic=tea")

    assert (ended.returncode, ended.stdout) == (0, OUTPUTS)
    assert ended.stderr == "doubling\n"
    assert files(folder) == before

    run(folder, "flows/docs.json")
    program = subprocess.run(
        [sys.executable, "flows/docs_lowered.py", "-i", "topic=tea"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert (program.stdout, program.stderr) == (ended.stdout, ended.stderr)


def test_what_follows_the_workflow_is_for_the_program(folder: Path) -> None:
    arguments = ("-i", "topic=tea", "-i", "n=3", "--events", "events.jsonl")
    ended = run(
        folder, "-q", "--results", "record", "--run", "flows/docs.json", *arguments
    )

    said = json.loads(ended.stdout)
    assert said["doubled"] == 6
    assert [one["item"] for one in said["said"]] == ["a", "b"]
    assert len((folder / "events.jsonl").read_text().splitlines()) > 2


def test_a_journal_is_gone_on_with(folder: Path) -> None:
    arguments = ("--run", "flows/docs.json", "-i", "topic=tea", "--journal", "j.db")
    first, second = run(folder, *arguments), run(folder, *arguments)

    assert (first.stdout, first.stderr) == (OUTPUTS, "doubling\n")
    assert (second.stdout, second.stderr) == (OUTPUTS, "")


@pytest.mark.parametrize("marks", [(), ("--",)], ids=["", "--"])
def test_the_help_of_the_program_lists_its_inputs(
    marks: tuple[str, ...], folder: Path
) -> None:
    ended = run(folder, "--run", "flows/docs.json", *marks, "--help")

    assert ended.returncode == 0
    assert "topic: string, required" in ended.stdout


def test_a_workflow_with_errors_runs_nothing(folder: Path) -> None:
    path = folder / "flows" / "docs.json"
    path.write_text(path.read_text().replace("${word}", "${wrod}"))
    ended = run(folder, "--run", "flows/docs.json", "-i", "topic=tea")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert 'error[PFL301]: no node or input is called "wrod"' in ended.stderr
    assert "doubling" not in ended.stderr


def test_warnings_are_said_and_stop_nothing(folder: Path) -> None:
    path = folder / "flows" / "docs.json"
    path.write_text(path.read_text().replace("${word}", "."))
    ended = run(folder, "--run", "flows/docs.json", "-i", "topic=tea")

    assert ended.returncode == 0
    assert "warning[PFL501]" in ended.stderr
    assert json.loads(ended.stdout)["said"] == ["tea .", "tea ."]


def test_a_run_that_fails_is_1(folder: Path) -> None:
    (folder / "fails.json").write_text(
        '{"nodes": [{"id": "a", "type": "shell", "params": {"command": "exit 3"}}]}'
    )
    ended = run(folder, "--run", "fails.json")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith('error: node "a" failed: ')
    assert "Traceback" in run(folder, "--run", "fails.json", "-v").stderr


def test_a_node_that_cannot_be_imported_is_1(folder: Path) -> None:
    (folder / "flows" / "own_node.py").unlink()
    ended = run(folder, "--run", "flows/docs.json", "-i", "topic=tea")

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "error: docs cannot be run: No module named 'own_node'\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--run",), "Missing argument 'WORKFLOW...'."),
        (("--run", "flows/docs.json"), '"topic" is required'),
        (("--run", "flows/docs.json", "-i", "topic"), "must be -i NAME=VALUE"),
        (("--run", "flows/docs.json", "--strict"), "unrecognized arguments: --strict"),
        (("--run", "gone.json"), "gone.json: error: No such file or directory"),
        (("--run", "--check", "flows/docs.json"), "--run does not go with --check"),
        (("--run", "--out-dir", "x", "flows/docs.json"), "--run writes nothing"),
        (
            ("--run", "--output-format", "json", "flows/docs.json"),
            "--output-format json needs standard output for itself",
        ),
        (
            ("flows/docs.json", "--run", "-i", "topic=tea"),
            "--run must come before the workflow to run",
        ),
        (("-i", "topic=tea", "flows/docs.json"), "No such option"),
    ],
)
def test_wrong_usage_is_2(
    arguments: tuple[str, ...], message: str, folder: Path
) -> None:
    ended = run(folder, *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_workflow_from_standard_input(folder: Path) -> None:
    text = json.dumps({"nodes": [{"id": "a", "type": "echo", "params": {"value": 1}}]})
    ended = run(folder, "--run", "-", stdin=text)

    assert json.loads(ended.stdout) == {"a": {"value": 1}}


def test_a_lowered_workflow_is_run_where_it_is_named(folder: Path) -> None:
    run(folder, "flows/docs.json")
    ended = run(folder, "--run", "flows/docs.lowered.json", "-i", "topic=tea")

    assert (ended.returncode, ended.stdout) == (0, OUTPUTS)


def test_a_project_may_want_modules_elsewhere(folder: Path) -> None:
    table = '[tool.pflow-lower]\nout-dir = "build"\n'
    (folder / "pyproject.toml").write_text(table)
    ended = run(folder, "--run", "flows/docs.json", "-i", "topic=tea")

    assert (ended.returncode, ended.stdout) == (0, OUTPUTS)
    assert not (folder / "build").exists()


def is_running(pid: int) -> bool:
    with suppress(OSError):
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    return False


@pytest.fixture
def sleeper(folder: Path) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a run whose node waits for a child, and give the process and the child."""
    command = "echo $$ > pid; exec sleep 600"
    node = {"id": "a", "type": "shell", "params": {"command": command}}
    (folder / "waits.json").write_text(json.dumps({"nodes": [node]}))
    process = subprocess.Popen(
        [sys.executable, "-m", "pflow_lower", "--run", "waits.json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until = time.monotonic() + PATIENCE
    pid = folder / "pid"
    while not (pid.exists() and pid.read_text().strip()):
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.01)
    child = int(pid.read_text())
    yield process, child
    process.kill()
    process.communicate()
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_an_interruption_kills_what_was_started(
    number: signal.Signals,
    status: int,
    sleeper: tuple[subprocess.Popen[str], int],
) -> None:
    process, child = sleeper
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE)

    assert (process.returncode, output) == (status, "")
    assert "interrupted" in errors
    assert "Traceback" not in errors
    assert not is_running(child)
