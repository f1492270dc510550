"""The command line: files, streams, statuses. Each call is a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pflow_lower import __version__, lower
from pflow_lower.cli import COMMANDS

GOOD = """{
  "nodes": [
    {
      "id": "sum",
      "type": "echo",
      "batch": {"items": ["a", "b"]},
      "params": {"value": "${item}"}
    }
  ]
}
"""
WRONG = GOOD.replace("${item}", "${itme}")
WARNED = GOOD.replace('"id": "sum"', '"id": "sum", "purpose": ""').replace(
    '["a", "b"]}', '["a", "b"], "max_concurrent": 5}'
)
MESSAGE = """\
docs.json:7:30: error[PFL301]: no node or input is called "itme"
  7 |       "params": {"value": "${itme}"}
    |                              ^^^^ did you mean "item"?
"""


def run(folder: Path, *arguments: str, **options: Any) -> Any:
    return subprocess.run(
        [sys.executable, "-m", "pflow_lower", *arguments],
        cwd=folder,
        capture_output=options.pop("capture_output", True),
        text=True,
        timeout=60,
        check=False,
        **options,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "docs.json").write_text(GOOD)
    return tmp_path


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.*"))


def test_it_writes_both_files_beside_the_workflow(folder: Path) -> None:
    ended = run(folder, "docs.json")
    assert (ended.returncode, ended.stdout) == (0, "")
    assert ended.stderr == "wrote docs.lowered.json\nwrote docs_lowered.py\n"
    expected = lower(GOOD, name="docs")
    assert (folder / "docs.lowered.json").read_text() == expected.ir_text
    assert (folder / "docs_lowered.py").read_text() == expected.module
    assert files(folder) == ["docs.json", "docs.lowered.json", "docs_lowered.py"]


def test_what_it_writes_runs(folder: Path) -> None:
    assert run(folder, "docs.json", "-q").stderr == ""
    ended = subprocess.run(
        [sys.executable, folder / "docs_lowered.py"],
        capture_output=True,
        check=True,
    )
    assert json.loads(ended.stdout)["sum"]["results"] == ["a", "b"]


def test_out_dir_is_made_where_it_is_missing(folder: Path) -> None:
    ended = run(folder, "docs.json", "--out-dir", "new/out")
    assert ended.returncode == 0
    assert files(folder) == [
        "docs.json",
        "new/out/docs.lowered.json",
        "new/out/docs_lowered.py",
    ]


def test_standard_input_gives_the_lowered_ir_on_standard_output(folder: Path) -> None:
    ended = run(folder, "-", input=GOOD)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == lower(GOOD).ir_text
    assert files(folder) == ["docs.json"]


def test_standard_input_with_out_dir_writes_both_files(folder: Path) -> None:
    ended = run(folder, "-", "--out-dir", "out", "-q", input=GOOD)
    assert (ended.returncode, ended.stdout) == (0, "")
    assert files(folder / "out") == ["workflow.lowered.json", "workflow_lowered.py"]


def test_results_record_is_what_python_gives(folder: Path) -> None:
    run(folder, "docs.json", "--results", "record")
    expected = lower(GOOD, name="docs", results="record").module
    assert (folder / "docs_lowered.py").read_text() == expected
    assert expected != lower(GOOD, name="docs").module


def test_an_error_is_1_shows_where_and_writes_nothing(folder: Path) -> None:
    (folder / "docs.json").write_text(WRONG)
    ended = run(folder, "docs.json")
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", MESSAGE)
    assert files(folder) == ["docs.json"]


def test_an_error_leaves_what_was_written_before(folder: Path) -> None:
    run(folder, "docs.json")
    before = (folder / "docs_lowered.py").read_text()
    (folder / "docs.json").write_text(WRONG)
    assert run(folder, "docs.json").returncode == 1
    assert (folder / "docs_lowered.py").read_text() == before


def test_warnings_are_shown_and_stop_nothing(folder: Path) -> None:
    (folder / "docs.json").write_text(WARNED)
    ended = run(folder, "docs.json", "-q")
    assert ended.returncode == 0
    assert "docs.json:6:38" in ended.stderr
    assert "warning[PFL502]" in ended.stderr
    assert (folder / "docs_lowered.py").exists()


def test_strict_makes_warnings_errors(folder: Path) -> None:
    (folder / "docs.json").write_text(WARNED)
    ended = run(folder, "docs.json", "--strict")
    assert ended.returncode == 1
    assert "error[PFL502]" in ended.stderr
    assert files(folder) == ["docs.json"]


def test_of_several_files_each_is_reported_and_the_good_ones_written(
    folder: Path,
) -> None:
    (folder / "bad.json").write_text(WRONG)
    ended = run(folder, "bad.json", "docs.json", "gone.json")
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[0].startswith("bad.json:7:30: error[PFL301]")
    assert ended.stderr.endswith("gone.json: error: No such file or directory\n")
    assert files(folder) == [
        "bad.json",
        "docs.json",
        "docs.lowered.json",
        "docs_lowered.py",
    ]


def test_a_lowered_workflow_is_skipped_with_a_note(folder: Path) -> None:
    run(folder, "docs.json")
    ended = run(folder, "docs.lowered.json")
    assert ended.returncode == 0
    assert ended.stderr == ("docs.lowered.json: skipped, it is a lowered workflow\n")


@pytest.mark.parametrize(
    "arguments", [["docs.json", "./docs.json"], ["a-b.json", "a_b.json"], ["-", "-"]]
)
def test_two_workflows_that_would_write_one_file_write_nothing(
    folder: Path, arguments: list[str]
) -> None:
    for name in ("a-b", "a_b"):
        (folder / f"{name}.json").write_text(GOOD)
    ended = run(folder, *arguments, "--out-dir", "out", input=GOOD)
    assert ended.returncode == 2
    assert "would both write" in ended.stderr
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument 'WORKFLOW...'"),
        (["docs.json", "--result", "value"], "No such option"),
        (["docs.json", "--results", "both"], "'both' is not one of"),
    ],
)
def test_wrong_usage_is_2(folder: Path, arguments: list[str], message: str) -> None:
    ended = run(folder, *arguments)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert message in ended.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gone.json", "No such file or directory"),
        (".", "Is a directory"),
        ("docs.json/x.json", "Not a directory"),
    ],
)
def test_an_unreadable_file_is_2(folder: Path, name: str, message: str) -> None:
    ended = run(folder, name)
    assert (ended.returncode, ended.stderr) == (2, f"{name}: error: {message}\n")


def test_an_unwritable_folder_is_2_and_leaves_nothing_half(folder: Path) -> None:
    (folder / "docs_lowered.py").mkdir()
    ended = run(folder, "docs.json")
    assert ended.returncode == 2
    assert "docs_lowered.py: error: " in ended.stderr
    assert "Traceback" not in ended.stderr
    assert files(folder) == ["docs.json", "docs_lowered.py"]


def test_a_file_that_is_not_utf_8_is_an_error_of_its_own(folder: Path) -> None:
    (folder / "docs.json").write_bytes(GOOD.encode("utf-16"))
    ended = run(folder, "docs.json")
    assert ended.returncode == 1
    assert ended.stderr.startswith("docs.json:1:1: error[PFL007]")


def test_a_byte_order_mark_is_no_matter(folder: Path) -> None:
    (folder / "docs.json").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert run(folder, "docs.json").returncode == 0
    assert (folder / "docs_lowered.py").read_text() == lower(GOOD, name="docs").module


def test_a_lowered_workflow_under_its_own_name_is_refused(folder: Path) -> None:
    run(folder, "docs.json")
    (folder / "docs.json").write_text((folder / "docs.lowered.json").read_text())
    before = (folder / "docs_lowered.py").read_text()
    ended = run(folder, "docs.json")
    assert ended.returncode == 2
    assert ended.stderr == (
        "docs.json: error: the module docs_lowered would import itself: "
        "lower the workflow under another name\n"
    )
    assert (folder / "docs_lowered.py").read_text() == before


def test_version_and_help(folder: Path) -> None:
    assert run(folder, "--version").stdout == f"pflow-lower, version {__version__}\n"
    shown = run(folder, "--help").stdout
    for option in ("--out-dir", "--results", "--strict", "--quiet", "--version"):
        assert option in shown


def test_lower_may_be_named(folder: Path) -> None:
    (folder / "bundle").write_text(GOOD)
    ended = run(folder, "lower", "docs.json", "./bundle", "-q")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert "bundle_lowered.py" in files(folder)


def test_the_help_lists_every_command_and_each_has_its_own(folder: Path) -> None:
    shown = run(folder, "--help").stdout
    for name, about in COMMANDS.items():
        assert f"  {name:<8}{about}" in shown
        assert run(folder, name, "--help").stdout.startswith("Usage: pflow-lower")


def test_a_full_disk_is_2(folder: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = run(
            folder,
            "-",
            input=GOOD,
            stdout=full,
            stderr=subprocess.PIPE,
            capture_output=False,
        )
    assert ended.returncode == 2
    assert ended.stderr == "<stdout>: error: No space left on device\n"


def test_a_closed_pipe_gives_no_traceback(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "pflow_lower", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    process.stdin.write(GOOD.encode())
    process.stdin.close()
    errors = process.stderr.read()
    process.stderr.close()
    assert (process.wait(60), errors) == (2, b"")


def test_ctrl_c_is_130(folder: Path) -> None:
    fifo = folder / "slow.json"
    os.mkfifo(fifo)
    process = subprocess.Popen(
        [sys.executable, "-m", "pflow_lower", "slow.json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=folder,
    )
    # Opening the other end returns when the program is about to read the workflow.
    with fifo.open("wb"):
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert (process.returncode, output, errors) == (130, b"", b"interrupted\n")


def test_a_bug_is_3_and_asks_for_a_report(folder: Path) -> None:
    program = (
        "import sys\n"
        "from pflow_lower import api\n"
        "from pflow_lower.cli import main as cli\n"
        "def broken(*_): raise AssertionError('a pass is wrong')\n"
        "api.run_passes = broken\n"
        "cli.main(['docs.json'])\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 3
    assert "AssertionError: a pass is wrong" in ended.stderr
    assert "this is a bug in pflow-lower" in ended.stderr
