"""A generated module as a program: arguments, streams, statuses, interruptions."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pflow_lower import lower

Program = Callable[..., "subprocess.CompletedProcess[str]"]

INPUTS = {
    "topic": {"type": "string"},
    "count": {"type": "number", "default": 2},
    "flags": {"type": "array", "required": False},
    "any": {"required": False, "default": None},
}


def workflow(code: str, **more: Any) -> dict[str, Any]:
    """Give a workflow of one code node, whose result is the output `out`."""
    params = {"code": code, "inputs": {"topic": "${topic}", "any": "${any}"}}
    return {
        "nodes": [{"id": "a", "type": "code", "params": params}],
        "inputs": INPUTS,
        "outputs": {"out": {"source": "${a.result}"}},
        **more,
    }


def write(folder: Path, ir: Mapping[str, Any]) -> Path:
    _, module = lower(ir, name="docs").write(folder)
    return module


def run(module: Path, *arguments: str, **options: Any) -> Any:
    return subprocess.run(
        [sys.executable, module, *arguments],
        capture_output=options.pop("capture_output", True),
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def test_it_prints_its_outputs_as_json_and_nothing_else(tmp_path: Path) -> None:
    module = write(tmp_path, workflow("print('noise')\nresult = [topic, any]"))
    ended = run(module, "-i", "topic=tea", "-i", 'any={"a": [1, null]}')
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {"out": ["tea", {"a": [1, None]}]}


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("any=text", "text"),
        ("any=5", 5),
        ("any=true", True),
        ("any=[1,", "[1,"),
        ("any=NaN", "NaN"),
        ("any=", ""),
        ("any=a=b", "a=b"),
        ("any=“ü”", "“ü”"),
    ],
)
def test_an_input_of_no_type_is_json_or_else_text(
    tmp_path: Path, argument: str, expected: Any
) -> None:
    module = write(tmp_path, workflow("result = any"))
    ended = run(module, "-i", "topic=t", "-i", argument)
    assert json.loads(ended.stdout) == {"out": expected}


def test_a_string_input_is_the_text_as_it_is(tmp_path: Path) -> None:
    module = write(tmp_path, workflow("result = topic"))
    assert json.loads(run(module, "-i", 'topic="5"').stdout) == {"out": '"5"'}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], 'wrong inputs: "topic" is required but not given'),
        (["-i", "topic"], '"-i topic" must be -i NAME=VALUE'),
        (["-i", "topic=a", "-i", "topic=b"], '"-i topic=" is given twice'),
        (
            ["-i", "topic=a", "-i", "count=many"],
            "\"-i count=\": 'many' is not valid JSON, but the input is number",
        ),
        (
            ["-i", "topic=a", "-i", "count=true"],
            'wrong inputs: "count" must be number, not a boolean',
        ),
        (
            ["-i", "topic=a", "-i", "flag=[]"],
            (
                'no input is called "flag", did you mean "flags"? '
                "(the workflow declares topic, count, flags, any)"
            ),
        ),
    ],
)
def test_wrong_usage_is_2_and_says_why(
    tmp_path: Path, arguments: list[str], message: str
) -> None:
    ended = run(write(tmp_path, workflow("result = 1")), *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == f"error: {message}\n"


def test_what_nodes_print_goes_to_standard_error(tmp_path: Path) -> None:
    (tmp_path / "loud.py").write_text(
        "from pocketflow import Node\n"
        "class Loud(Node):\n"
        "    def post(self, shared, prep_res, exec_res):\n"
        "        print('noise')\n"
        "        shared['out'] = 1\n"
    )
    ended = run(write(tmp_path, {"nodes": [{"id": "a", "type": "loud:Loud"}]}))
    assert (ended.returncode, ended.stderr) == (0, "noise\n")
    assert json.loads(ended.stdout) == {"a": {"out": 1}}


def test_help_lists_the_inputs(tmp_path: Path) -> None:
    shown = run(write(tmp_path, workflow("result = 1")), "--help").stdout
    assert shown.endswith(
        "inputs:\n"
        "  topic: string, required\n"
        "  count: number, by default 2\n"
        "  flags: array, optional\n"
        "  any: any, by default null\n"
    )


def test_an_unknown_option_is_2(tmp_path: Path) -> None:
    ended = run(write(tmp_path, workflow("result = 1")), "--inputs", "topic=a")
    assert ended.returncode == 2


def test_a_run_that_fails_is_1_with_one_clear_message(tmp_path: Path) -> None:
    module = write(tmp_path, workflow("result = 1 / 0"))
    ended = run(module, "-i", "topic=t")
    assert (ended.returncode, ended.stdout) == (1, "")
    (line,) = ended.stderr.splitlines()
    assert line.startswith('error: node "a" failed: ')
    assert "division by zero" in line


def test_verbose_shows_the_traceback(tmp_path: Path) -> None:
    module = write(tmp_path, workflow("result = 1 / 0"))
    ended = run(module, "-v", "-i", "topic=t")
    assert ended.returncode == 1
    assert "Traceback (most recent call last)" in ended.stderr
    assert "ZeroDivisionError" in ended.stderr


def test_what_json_cannot_hold_is_printed_as_its_str(tmp_path: Path) -> None:
    code = (
        "import datetime, math\n"
        "result = {'day': datetime.date(2026, 1, 2), 'nan': math.nan, 1: b'x',\n"
        "          'set': {7}, 'half': '\\ud800', 'tuple': (1, 2), 'u': '\\u2028é'}"
    )
    ended = run(write(tmp_path, workflow(code)), "-i", "topic=t")
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["out"] == {
        "day": "2026-01-02",
        "nan": "nan",
        "1": "b'x'",
        "set": "{7}",
        "half": "\ud800",
        "tuple": [1, 2],
        "u": "\u2028é",
    }


def test_a_full_disk_is_2(tmp_path: Path) -> None:
    module = write(tmp_path, workflow("result = 1"))
    with Path("/dev/full").open("w") as full:
        ended = run(
            module,
            "-i",
            "topic=t",
            stdout=full,
            stderr=subprocess.PIPE,
            capture_output=False,
        )
    assert ended.returncode == 2
    assert ended.stderr == (
        "error: cannot write the outputs: No space left on device\n"
    )


def test_a_closed_pipe_gives_no_traceback(tmp_path: Path) -> None:
    module = write(tmp_path, workflow("result = 'x' * 1_000_000"))
    process = subprocess.Popen(
        [sys.executable, module, "-i", "topic=t"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert process.wait(60) == 2
    assert errors == b"error: cannot write the outputs: Broken pipe\n"


def sleepers(folder: Path) -> dict[str, Any]:
    """Give a workflow whose four shells note their process, and never end."""
    command = f"sleep 1000 & echo $! > {folder}/${{n}}.pid; wait"
    return {
        "nodes": [
            {
                "id": "b",
                "type": "shell",
                "batch": {
                    "items": ["0", "1", "2", "3", "4", "5"],
                    "as": "n",
                    "parallel": True,
                    "max_concurrent": 4,
                },
                "params": {"command": command},
            }
        ]
    }


def wait_for(condition: Callable[[], bool]) -> None:
    for _ in range(6000):
        if condition():
            return
        time.sleep(0.01)
    raise AssertionError("it never happened")


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)]
)
def test_an_interruption_kills_what_runs_and_says_so(
    tmp_path: Path, number: signal.Signals, status: int
) -> None:
    module = write(tmp_path, sleepers(tmp_path))
    process = subprocess.Popen(
        [sys.executable, module], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    pids = [tmp_path / f"{n}.pid" for n in range(4)]
    wait_for(lambda: all(pid.exists() and pid.read_text() for pid in pids))
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, output) == (status, b"")
    stopped = 'node "b" was stopped: of 4 items that were started, 0 succeeded'
    assert errors.decode() == f"{stopped} and 0 failed\ninterrupted\n"
    wait_for(lambda: not any(alive(int(pid.read_text())) for pid in pids))
    assert not (tmp_path / "4.pid").exists()


def test_a_second_ctrl_c_does_not_wait_for_a_thread(tmp_path: Path) -> None:
    code = f"import time\nopen({str(tmp_path / 'on')!r}, 'w').close()\ntime.sleep(1000)"
    module = write(tmp_path, workflow(code))
    process = subprocess.Popen(
        [sys.executable, module, "-i", "topic=t"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    wait_for((tmp_path / "on").exists)
    process.send_signal(signal.SIGINT)
    announced = process.stderr.readline()
    assert announced == b'stopping: waiting for what is in flight of node "a"\n'
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"interrupted\n")


def piped(**declared: Any) -> dict[str, Any]:
    """Give a workflow whose output is its input, which may be piped in."""
    params = {"code": "result = text", "inputs": {"text": "${text ?? null}"}}
    return {
        "nodes": [{"id": "a", "type": "code", "params": params}],
        "inputs": {"text": {"stdin": True, **declared}},
        "outputs": {"out": {"source": "${a.result}"}},
    }


@pytest.mark.parametrize(
    ("declared", "text", "expected"),
    [
        ({"type": "string"}, "tea\n", "tea"),
        ({"type": "string"}, "\ufefftwo\r\nlines\r\n", "two\r\nlines"),
        ({"type": "string"}, "1", "1"),
        ({"type": "array"}, "[1]\n", [1]),
        ({}, "1", 1),
        ({}, "[1", "[1"),
        ({"default": "none"}, "", "none"),
        ({"required": False}, "", None),
    ],
)
def test_an_input_may_be_piped_in(
    tmp_path: Path, declared: dict[str, Any], text: str, expected: Any
) -> None:
    ended = run(write(tmp_path, piped(**declared)), input=text)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {"out": expected}


def test_an_input_that_is_given_is_not_read_from_the_pipe(tmp_path: Path) -> None:
    module = write(tmp_path, piped(type="string"))
    reading, writing = os.pipe()
    with open(reading, "rb") as stdin:
        try:  # nothing comes through the pipe, so reading it would never end
            ended = run(module, "-i", "text=given", stdin=stdin)
        finally:
            os.close(writing)
    assert json.loads(ended.stdout) == {"out": "given"}


@pytest.mark.parametrize(
    ("declared", "octets", "message"),
    [
        ({"type": "number"}, b"tea", "standard input: 'tea' is not valid JSON"),
        ({"type": "number"}, b"[1]", '"text" must be number, not an array'),
        ({"type": "string"}, b"\xff", "standard input cannot be read: 'utf-8'"),
        ({"type": "string"}, b"", '"text" is required but not given'),
    ],
)
def test_what_is_piped_in_is_checked(
    tmp_path: Path, declared: dict[str, Any], octets: bytes, message: str
) -> None:
    module = write(tmp_path, piped(**declared))
    ended = subprocess.run(
        [sys.executable, module],
        input=octets,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert message in ended.stderr.decode()
    assert b"Traceback" not in ended.stderr


MARKED = "sk-MARKED-0123456789"


def test_an_input_that_is_a_key_is_not_printed_with_the_store(tmp_path: Path) -> None:
    ir = {
        "nodes": [{"id": "a", "type": "echo", "params": {"value": "${topic}"}}],
        "inputs": {"topic": {"type": "string"}, "api_key": {"type": "string"}},
    }
    ended = run(write(tmp_path, ir), "-i", "topic=tea", "-i", f"api_key={MARKED}")
    store = json.loads(ended.stdout)
    assert (store["topic"], store["a"]["value"]) == ("tea", "tea")
    assert store["api_key"] == "***"


@pytest.mark.parametrize("key", [MARKED, "x" * 75 + MARKED])
def test_a_key_is_not_quoted_where_an_input_is_wrong(tmp_path: Path, key: str) -> None:
    ir = {
        "nodes": [{"id": "a", "type": "echo", "params": {"value": "${n}"}}],
        "inputs": {"n": {"type": "number"}},
    }
    environment = {**os.environ, "SOME_API_KEY": MARKED}
    ended = run(write(tmp_path, ir), "-i", f"n={key}", env=environment)
    assert ended.returncode == 2
    assert "MARKED" not in ended.stderr
    assert "***" in ended.stderr


def test_a_number_of_any_length_is_printed(tmp_path: Path) -> None:
    ended = run(write(tmp_path, workflow("result = 10**5000")), "-i", "topic=tea")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == '{\n  "out": 1' + "0" * 5000 + "\n}\n"
