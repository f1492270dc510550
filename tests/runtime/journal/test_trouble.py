"""Full disks, broken files, interruptions: nothing that was done is lost."""

import resource
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import run
from typing import Any

import pytest
from programs import PATIENCE, Program, lines_of, wait_for

ITEMS = [f"{number:04}" for number in range(2000)]
FULL = "check that the disk is not full"


def workflow(params: dict[str, Any] | None = None, **batch: Any) -> dict[str, Any]:
    """Give a workflow of one batch over the lines of a file.

    Its error edge is there to see that nothing follows it but failures of the batch.
    """
    node = {
        "id": "b",
        "type": batch.pop("type", "logging_nodes:AsyncLogged"),
        "batch": {"items": {"lines": "items"}, **batch},
        "params": {"item": "${item}", "log": "log", **(params or {})},
    }
    return {
        "nodes": [node, {"id": "e", "type": "shell", "params": {"command": "exit 9"}}],
        "edges": [{"from": "b", "to": "e", "action": "error"}],
        "outputs": {"out": {"source": "${b.results}"}},
    }


MANY: dict[str, Any] = {"parallel": True, "max_concurrent": 8}


@pytest.fixture
def program(tmp_path: Path) -> Program:
    (tmp_path / "items").write_text("".join(f"{item}\n" for item in ITEMS))
    return Program(tmp_path, workflow(**MANY))


def done_with(items: list[str]) -> list[str]:
    return [f"done with {item}" for item in items]


def limited_to(size: int) -> Callable[[], None]:
    """Let no file get longer than this, which is like a disk that is full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def errors_of(program: Program, **options: Any) -> str:
    """Run a program that cannot use its journal; give what it says."""
    ended = program.run(**options)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "Traceback" not in ended.stderr
    return ended.stderr


@pytest.mark.parametrize("node_type", ["Logged", "AsyncLogged"])
def test_a_full_disk_ends_the_run_and_the_next_goes_on(
    program: Program, node_type: str
) -> None:
    program.change(workflow(type=f"logging_nodes:{node_type}", **MANY))
    said, error, *more = errors_of(program, preexec_fn=limited_to(150_000)).splitlines()
    assert not more
    assert said.startswith('node "b" was stopped: of ')
    assert error.startswith(f'error: the journal "{program.journal}" cannot be ')
    assert FULL in error
    succeeded = program.journaled()
    executed = program.newly_executed()
    assert 0 < len(succeeded) <= len(executed) <= len(succeeded) + 8
    assert program.outputs() == {"out": done_with(ITEMS)}
    assert len(program.executed()) == len(ITEMS) - len(succeeded)


def test_a_small_disk_that_is_full(program: Program) -> None:
    with small_disk(program.folder / "disk") as (ballast, options):
        program.journal = ballast.with_name("run.sqlite")
        assert "cannot be " in errors_of(program, **options)
        succeeded = program.journaled()
        assert 0 < len(succeeded) < len(ITEMS)
        program.newly_executed()
        ballast.unlink()
        assert program.outputs() == {"out": done_with(ITEMS)}
        assert len(program.executed()) == len(ITEMS) - len(succeeded)


@contextmanager
def small_disk(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Give a file that fills up a small disk, as far as we may mount one.

    Elsewhere the limit of a file's size, an option of the process, is like one.
    """
    folder.mkdir()
    ballast = folder / "ballast"
    mount = ("mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", folder)
    try:
        is_mounted = run(mount, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        is_mounted = False
    try:
        ballast.write_bytes(bytes((16 << 20) - 150_000 if is_mounted else 1))
        yield ballast, {} if is_mounted else {"preexec_fn": limited_to(150_000)}
    finally:
        if is_mounted:
            run(("umount", folder), check=True)


def test_a_full_disk_is_found_before_anything_runs(program: Program) -> None:
    assert FULL in errors_of(program, preexec_fn=limited_to(5000))
    assert program.executed() == []


def test_results_that_cannot_be_written_are_a_failure_of_the_batch(
    program: Program,
) -> None:
    program.outputs()
    out, partial = program.folder / "out.jsonl", program.folder / "out.jsonl.partial"
    out.write_text("old\n")
    ir = workflow(results_to="out.jsonl", **MANY)
    program.change(ir)
    ended = program.run(preexec_fn=limited_to(50_000))
    assert ended.returncode == 1
    assert ended.stderr.startswith('error: node "e" failed: ')  # it followed the edge
    del ir["edges"], ir["nodes"][1]
    program.change(ir)
    ended = program.run(preexec_fn=limited_to(50_000))
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        'error: node "b" failed: cannot write results to out.jsonl: File too large; '
        "the results so far are in out.jsonl.partial\n"
    )
    written = lines_of(partial)
    assert [line["result"] for line in written] == done_with(ITEMS[: len(written)])
    assert out.read_text() == "old\n"
    assert program.outputs() == {"out": "out.jsonl"}
    assert [line["result"] for line in lines_of(out)] == done_with(ITEMS)
    assert program.executed() == ITEMS
    assert not partial.exists()


@pytest.mark.parametrize("where", ["items/run.sqlite", "nowhere/run.sqlite", "folder"])
def test_a_journal_that_cannot_be_made(program: Program, where: str) -> None:
    (program.folder / "folder").mkdir()
    program.journal = program.folder / where
    said = errors_of(program)
    assert said.startswith(f'error: the journal "{program.journal}" cannot be ')
    assert len(said.splitlines()) == 1
    assert program.executed() == []


@pytest.mark.parametrize("where", ["items/out", "nowhere/out", "folder"])
def test_results_that_have_no_place(program: Program, where: str) -> None:
    (program.folder / "folder").mkdir()
    ir = workflow(results_to=where)
    del ir["edges"], ir["nodes"][1]
    program.change(ir)
    ended = program.run()
    assert (ended.returncode, ended.stdout) == (1, "")
    (said,) = ended.stderr.splitlines()
    cannot = f'error: node "b" failed: cannot write results to {where}: '
    assert said.startswith(cannot)
    assert program.executed() == []


def test_a_corrupt_journal_stays_as_it_is(program: Program) -> None:
    program.outputs()
    content = bytearray(program.journal.read_bytes())
    content[8192:12288] = bytes(4096)
    program.journal.write_bytes(content)
    program.newly_executed()
    said = errors_of(program)
    assert said.startswith(f'error: the journal "{program.journal}" is damaged: ')
    assert program.journal.read_bytes() == content
    assert program.executed() == []


def test_a_row_that_was_changed_ends_the_run_with_all_else_kept(
    program: Program,
) -> None:
    ir = workflow(results_to="out.jsonl")
    program.change(ir)
    program.outputs()
    (program.folder / "out.jsonl").unlink()
    program.newly_executed()
    connection = sqlite3.connect(program.journal)
    connection.execute("UPDATE items SET result = '1' WHERE key = '1500'")
    connection.commit()
    connection.close()
    said, error = errors_of(program).splitlines()
    assert said == (
        'node "b" was stopped: of 1501 items that were started, 1500 succeeded and '
        "0 failed; the results so far are in out.jsonl.partial"
    )
    assert error.startswith(f'error: the journal "{program.journal}" is damaged: ')
    written = lines_of(program.folder / "out.jsonl.partial")
    assert [line["result"] for line in written] == done_with(ITEMS[:1500])
    assert program.executed() == []


def test_two_runs_do_not_share_a_journal(program: Program) -> None:
    program.change(workflow({"seconds": 0.02}, type="logging_nodes:Logged"))
    first = program.start()
    wait_for(lambda: bool(program.executed()))
    said = errors_of(program)
    assert said.startswith(
        f'error: the journal "{program.journal}" is in use by another run'
    )
    first.send_signal(signal.SIGINT)
    _, stopped = first.communicate(timeout=PATIENCE)
    assert first.returncode == 130
    assert stopped.endswith(f"run it again with --journal {program.journal}\n")


@pytest.mark.parametrize("node_type", ["Logged", "AsyncLogged"])
@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGINT, 130),
        pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
    ],
)
def test_an_interrupted_run_says_how_to_go_on_and_goes_on(
    program: Program, node_type: str, number: int, status: int
) -> None:
    node_type = f"logging_nodes:{node_type}"
    ir = workflow({"seconds": 0.002}, type=node_type, results_to="out.jsonl", **MANY)
    program.change(ir)
    process = program.start()
    wait_for(lambda: len(program.executed()) > 50)
    process.send_signal(number)
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (status, "")
    *_, said, how = errors.splitlines()
    succeeded = program.journaled()
    assert said.startswith('node "b" was stopped: of ')
    assert said.endswith("; the results so far are in out.jsonl.partial")
    assert f"that were started, {len(succeeded)} succeeded and 0 failed" in said
    assert how == (
        f"interrupted; to continue, run it again with --journal {program.journal}"
    )
    partial = program.folder / "out.jsonl.partial"
    written = [line["result"] for line in lines_of(partial)]
    assert written == sorted(succeeded.values())
    assert not (program.folder / "out.jsonl").exists()
    executed = program.newly_executed()
    assert program.outputs() == {"out": "out.jsonl"}
    written = [line["result"] for line in lines_of(program.folder / "out.jsonl")]
    assert written == done_with(ITEMS)
    assert len(program.executed()) == len(ITEMS) - len(succeeded)
    assert len(executed) - len(succeeded) <= 8
    assert not partial.exists()


@pytest.mark.parametrize("node_type", ["Logged", "AsyncLogged"])
@pytest.mark.parametrize(
    ("wait", "retry_after"), [(3600, None), (0, 3600)], ids=["retry", "held back"]
)
def test_a_run_that_waits_to_try_again_ends_at_once(
    program: Program, node_type: str, wait: float, retry_after: float | None
) -> None:
    (program.folder / "bad").write_text("0000\n0001\n")
    ir = workflow(
        {"bad": "bad", "retry_after": retry_after},
        type=f"logging_nodes:{node_type}",
        retry={"max_attempts": 2, "wait": wait},
        parallel=True,
        max_concurrent=2,
    )
    program.change(ir)
    (events := program.folder / "events").touch()
    process = program.start("--events", "events")
    wait_for(lambda: "item_retried" in events.read_text())
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert "items that were started, 0 succeeded and 0 failed" in errors


def test_no_file_and_no_message_holds_a_secret(program: Program) -> None:
    secret = "hush-hush-0123"
    (program.folder / "bad").write_text("\n".join(ITEMS[:5]))
    ir = workflow(
        {"bad": "bad"},
        results_to="out.jsonl",
        error_handling="continue",
        tolerated_failure_count=4,
        retry={"max_attempts": 2, "on": ["OSError"]},
    )
    del ir["edges"], ir["nodes"][1]
    program.change(ir)
    ended = program.run("-v", "--events", "events", env={"API_KEY": secret})
    assert ended.returncode == 1
    assert "0004 is bad, says ***" in ended.stderr
    assert program.journaled("failed")["0"] == "0000 is bad, says ***"
    assert "0000 is bad, says ***" in (program.folder / "events").read_text()
    assert lines_of(program.folder / "out.jsonl.partial")[0]["error"].endswith("***")
    for path in program.folder.iterdir():
        assert path.is_dir() or secret.encode() not in path.read_bytes()
    assert secret not in ended.stderr + ended.stdout
