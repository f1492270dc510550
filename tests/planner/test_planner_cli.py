"""`pflow-plan`, from the sentence to the file, with a real server.

The command line runs here, in this process, because the library llm takes long to
start; where the process itself matters, it is a real one.
"""

import io
import json
import os
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from openai_server import Answer, Server, serving

from pflow_lower import __version__
from pflow_lower.check.schema import schema_text
from pflow_lower.planner.cli import main
from pflow_lower.planner.prompt import instructions

WORKFLOW: dict[str, Any] = {
    "nodes": [
        {
            "id": "shout",
            "type": "code",
            "batch": {"items": ["a", "ö"], "as": "word", "parallel": True},
            "params": {"code": "result = w.upper()", "inputs": {"w": "${word}"}},
        }
    ]
}
TEXT = json.dumps(WORKFLOW, ensure_ascii=False, indent=2) + "\n"
GOOD = json.dumps(WORKFLOW)
WRONG = TEXT.replace("${word}", "${wrd}")
WARNED = TEXT.replace('"type": "code"', '"type": "cod"')
COMMAND = (sys.executable, "-m", "pflow_lower.planner")


Ended = subprocess.CompletedProcess[str]


def run(folder: Path, *arguments: str) -> Ended:
    """Run the command line in this process."""
    output = io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True)
    errors = io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(output),
        redirect_stderr(errors),
    ):
        patch.chdir(folder)
        patch.setenv("LLM_USER_PATH", str(folder / "llm"))
        with pytest.raises(SystemExit) as left:
            main(arguments)
    output.seek(0)
    assert isinstance(left.value.code, int)
    return Ended(arguments, left.value.code, output.read(), errors.getvalue())


def run_process(folder: Path, *arguments: str, **more: Any) -> Ended:
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env={**os.environ, "LLM_USER_PATH": str(folder / "llm")},
        stdout=more.get("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )


def ask(
    folder: Path, *arguments: str, answers: list[Answer], start: Any = run
) -> tuple[Ended, Server]:
    with serving(folder / "llm", *answers) as server:
        ended = start(folder, "Shout a and ö", "--model", "local", *arguments)
    assert "Traceback" not in ended.stderr
    assert "secret" not in ended.stdout + ended.stderr
    return ended, server


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name != "llm")


def test_the_workflow_goes_to_standard_output(tmp_path: Path) -> None:
    ended, server = ask(tmp_path, answers=[f"```json\n{GOOD}\n```"])

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, TEXT, "")
    assert files(tmp_path) == []
    (asked,) = server.asked
    assert asked["messages"] == [
        {"role": "system", "content": instructions({})},
        {"role": "user", "content": "Shout a and ö"},
    ]
    assert asked["response_format"]["json_schema"]["schema"] == json.loads(
        schema_text()
    )


def test_it_takes_two_attempts_and_writes_a_file_that_runs(tmp_path: Path) -> None:
    ended, server = ask(
        tmp_path, "-o", "new/shout.json", answers=[WRONG, GOOD], start=run_process
    )

    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == "wrote new/shout.json\n"
    assert (tmp_path / "new" / "shout.json").read_text("utf-8") == TEXT
    second = server.asked[1]["messages"][1]["content"]
    assert 'reply:17:19: error[PFL301]: no node or input is called "wrd"' in second
    assert WRONG.strip() in second
    lowered = [sys.executable, "-m", "pflow_lower", "new/shout.json"]
    subprocess.run(lowered, cwd=tmp_path, check=True, capture_output=True)
    output = subprocess.check_output(
        [sys.executable, tmp_path / "new" / "shout_lowered.py"], timeout=60
    )
    assert json.loads(output)["shout"]["results"] == ["A", "Ö"]


def test_an_existing_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "shout.json").write_text("old")

    assert ask(tmp_path, "-o", "shout.json", answers=[GOOD])[0].returncode == 0
    assert (tmp_path / "shout.json").read_text("utf-8") == TEXT


def test_when_nothing_lowers_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "shout.json").write_text("old")
    answers: list[Answer] = [WRONG, "No \x1b[31midea"]

    ended, server = ask(
        tmp_path, "-o", "shout.json", "--attempts", "2", answers=answers
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        f"the best reply was:\n\n{WRONG.strip()}\n\n"
        "pflow-plan: error: no workflow after 2 attempts\n"
        'reply:17:19: error[PFL301]: no node or input is called "wrd"\n'
        '  17 |           "w": "${wrd}"\n'
        '     |                   ^^^ did you mean "word"?\n'
    )
    assert (tmp_path / "shout.json").read_text() == "old"
    assert files(tmp_path) == ["shout.json"]
    assert len(server.asked) == 2


def test_what_a_reply_holds_plays_no_tricks_on_a_terminal(tmp_path: Path) -> None:
    ended, _ = ask(tmp_path, "--attempts", "1", answers=["No \x1b[31midea"])

    assert ended.returncode == 1
    assert "No \\u001b[31midea" in ended.stderr
    assert "\x1b" not in ended.stderr


def test_warnings_are_about_the_file_that_is_written(tmp_path: Path) -> None:
    ended, _ = ask(
        tmp_path, "-o", "shout.json", answers=[json.dumps(json.loads(WARNED))]
    )

    assert ended.returncode == 0
    assert ended.stderr.startswith("shout.json:5:15: warning[PFL503]: ")
    assert ended.stderr.endswith("wrote shout.json\n")


def test_a_server_that_refuses_the_schema_is_asked_without(tmp_path: Path) -> None:
    refusal = (400, "Invalid schema for response_format 'output'")

    ended, server = ask(tmp_path, answers=[refusal, GOOD])

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, TEXT, "")
    assert ["response_format" in asked for asked in server.asked] == [True, False]


def test_a_server_that_refuses_everything_is_one_error(tmp_path: Path) -> None:
    refusal = (401, "Incorrect API key provided: sk-secret")

    ended, _ = ask(tmp_path, "-o", "shout.json", answers=[refusal, refusal])

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(
        "pflow-plan: error: local did not answer: AuthenticationError: Error code: 401"
    )
    assert "provided: ***" in ended.stderr
    assert ended.stderr.count("\n") == 1
    assert files(tmp_path) == []


def test_an_unknown_model_is_one_error(tmp_path: Path) -> None:
    ended = run(tmp_path, "Shout", "--model", "no-such-model")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == (
        "pflow-plan: error: Unknown model: no-such-model; "
        '"llm models" lists those that are installed\n'
    )


def test_without_the_extra(tmp_path: Path) -> None:
    program = (
        "import sys; sys.modules['llm'] = None; "
        "from pflow_lower.planner.cli import main; main(['Shout'])"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (
        2,
        "pflow-plan: error: the planner needs an extra: "
        "pip install 'pflow-lower[llm]'\n",
    )


def test_the_prompt_is_printed_and_nobody_asked(tmp_path: Path) -> None:
    assert run(tmp_path, "--prompt").stdout == f"{instructions({})}\n"


def test_node_types_of_the_project_are_in_the_prompt(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pflow-lower.nodes]\ncod = "acme.nodes:Cod"\n'
    )

    assert "- `cod`: a node type of this project" in run(tmp_path, "--prompt").stdout
    ended, _ = ask(tmp_path, answers=[WARNED])
    assert (ended.returncode, ended.stderr) == (0, "")


def test_the_project_says_what_an_error_is(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pflow-lower]\nstrict = true\n")

    ended, _ = ask(tmp_path, answers=[WARNED, GOOD])

    assert (ended.returncode, ended.stdout) == (0, TEXT)


def test_a_project_with_records_is_told_of_values(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.pflow-lower]\nresults = "record"\n')

    ended, _ = ask(tmp_path, answers=[GOOD])

    assert (
        ended.stderr
        == 'note: the workflow is written for results = "value", not for "record"\n'
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Error: describe what the workflow should do\n"),
        ([" "], "Error: describe what the workflow should do\n"),
        (["Shout", "--attempts", "0"], "Error: Invalid value for '--attempts'"),
        (["Shout", "--run"], "Error: No such option"),
        (["Shout", "-o", "folder"], "folder: error: Is a directory\n"),
    ],
)
def test_wrong_usage(tmp_path: Path, arguments: list[str], message: str) -> None:
    (tmp_path / "folder").mkdir()

    ended = run(tmp_path, *arguments)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr


def test_a_configuration_that_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.pflow-lower]\nstrikt = true\n")

    ended = run(tmp_path, "Shout")

    assert ended.returncode == 2
    assert 'has no key "strikt": did you mean "strict"?' in ended.stderr


def test_no_model_is_asked_for_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    ended, server = ask(tmp_path, "-o", "file/shout.json", answers=[])

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == "file/shout.json: error: Not a directory\n"
    assert server.asked == []


def test_a_workflow_that_cannot_be_written_is_not_lost(tmp_path: Path) -> None:
    ended, _ = ask(tmp_path, "-o", "/dev/full", answers=[GOOD])

    assert (ended.returncode, ended.stdout) == (2, TEXT)
    assert ended.stderr.splitlines() == [
        "cannot write /dev/full; the workflow goes to standard output instead",
        "/dev/full: error: No space left on device",
    ]


def test_a_full_standard_output_is_one_error(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        ended = run_process(tmp_path, "--prompt", stdout=full)

    assert (ended.returncode, ended.stderr) == (
        2,
        "<stdout>: error: No space left on device\n",
    )


def test_a_reader_that_has_enough(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as pipe:
        ended = run_process(tmp_path, "--prompt", stdout=pipe)

    assert (ended.returncode, ended.stderr) == (2, "")


def test_an_interrupt_while_the_model_thinks(tmp_path: Path) -> None:
    class Slow(Server):
        """Interrupts whoever asks, and then answers."""

        def process_request(self, request: Any, client_address: Any) -> None:
            process.send_signal(signal.SIGINT)
            super().process_request(request, client_address)

    with serving(tmp_path / "llm", GOOD, GOOD) as server:
        server.__class__ = Slow
        process = subprocess.Popen(
            [*COMMAND, "Shout", "-m", "local"],
            cwd=tmp_path,
            env={**os.environ, "LLM_USER_PATH": str(tmp_path / "llm")},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        output, errors = process.communicate(timeout=120)

    assert (process.returncode, output, errors) == (130, "", "interrupted\n")


def test_version_and_help(tmp_path: Path) -> None:
    assert run(tmp_path, "--version").stdout == f"pflow-plan, version {__version__}\n"
    assert "read it before you run it" in " ".join(run(tmp_path, "-h").stdout.split())
