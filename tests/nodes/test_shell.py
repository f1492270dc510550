import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from pflow_lower.nodes.shell import CommandError, ShellNode
from pflow_lower.nodes.support import process

PATIENCE = 60
"""Seconds after which a test gives up; none takes that long unless it fails."""


async def run(**params: Any) -> dict[str, Any]:
    node = ShellNode()
    node.set_params(params)
    shared: dict[str, Any] = {}
    assert await node._run_async(shared) == "default"
    return shared


def shell(**params: Any) -> dict[str, Any]:
    return asyncio.run(run(**params))


def failure(kind: type[Exception] = CommandError, **params: Any) -> str:
    with pytest.raises(kind) as raised:
        shell(**params)
    return str(raised.value)


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.005)


async def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        await asyncio.sleep(0.005)


def buried(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def stat(pid: int | str) -> list[str]:
    """Give the fields of /proc/PID/stat from the state on, if there is one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def alive(pid: int | str) -> bool:
    """Tell whether a process runs; one that is dead and not yet buried does not."""
    fields = stat(pid)
    return bool(fields) and fields[0] not in "ZX"


def session(leader: int) -> list[str]:
    """Find the processes that run in the session of `leader`."""
    pids = [name for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if alive(pid) and stat(pid)[3:4] == [str(leader)]]


def session_is_over(leader: int) -> bool:
    return not session(leader)


FAMILY = "(sleep 1000 & sleep 1000; true) & sleep 1000; true"
"""A command of five processes, all of which hold its output."""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Popen[bytes]]:
    """Note the processes that nodes start."""
    processes: list[Popen[bytes]] = []
    start = process._start

    def noted(command: process.Command) -> Popen[bytes]:
        processes.append(start(command))
        return processes[-1]

    monkeypatch.setattr(process, "_start", noted)
    return processes


def check_gone(processes: list[Popen[bytes]], count: int = 1) -> None:
    """Check that they were killed and reaped, and what they started is gone."""
    assert len(processes) == count
    for one in processes:
        assert buried(one.pid)
        assert one.stdout
        assert one.stdout.closed
        assert one.stderr
        assert one.stderr.closed
        wait_until(partial(session_is_over, one.pid))


class TestOutputs:
    def test_writes_what_the_command_printed(self) -> None:
        assert shell(command="echo out; echo err >&2") == {
            "stdout": "out",
            "stderr": "err\n",
            "exit_code": 0,
            "lines": ["out"],
            "files": ["out"],
        }

    def test_its_result_is_stdout(self) -> None:
        assert ShellNode.result == "stdout"

    def test_newlines_at_the_end_are_stripped_from_stdout(self) -> None:
        assert shell(command="printf ' a \\n\\n\\n'")["stdout"] == " a "

    def test_unless_they_are_to_stay(self) -> None:
        shared = shell(command="printf 'a\\n\\n'", strip_newline=False)
        assert shared["stdout"] == "a\n\n"
        assert shared["lines"] == ["a"]

    def test_lines_end_at_newlines_only(self) -> None:
        text = "a b\u2028c\x0bd\x0ce\x85f\rg\r\n\r\n\n h \n"
        shared = shell(command="cat", stdin=text)
        assert shared["lines"] == ["a b\u2028c\x0bd\x0ce\x85f\rg", " h "]
        assert shared["files"] == shared["lines"]
        assert shared["files"] is not shared["lines"]

    def test_bytes_that_are_no_text_come_through(self, tmp_path: Path) -> None:
        name = os.fsdecode(b"caf\xe9 \xff.txt")
        (tmp_path / name).write_text("found")
        files = shell(command="ls", cwd=str(tmp_path))["files"]
        assert files == [name]
        assert shell(command=["cat", files[0]], cwd=str(tmp_path))["stdout"] == "found"
        assert shell(command="cat", stdin=files[0])["stdout"] == name
        assert shell(command='printf %s "$F"', env={"F": name})["stdout"] == name

    def test_nul_characters_come_through(self) -> None:
        assert shell(command="printf 'a\\0b'")["stdout"] == "a\0b"

    def test_large_outputs_on_both_streams_at_once(self) -> None:
        command = "head -c 3000000 /dev/zero | tee /dev/stderr"
        shared = shell(command=command)
        assert shared["stdout"] == shared["stderr"] == "\0" * 3_000_000

    def test_output_of_what_still_runs_in_the_background_counts(
        self, tmp_path: Path
    ) -> None:
        command = "(while ! test -e go; do sleep 0.01; done; echo late) & touch go"
        assert shell(command=command, cwd=str(tmp_path))["stdout"] == "late"

    def test_a_command_that_closes_its_output_is_waited_for(self) -> None:
        command = "exec >&- 2>&-; sleep 0.05; exit 3"
        assert shell(command=command, ignore_errors=True)["exit_code"] == 3


class TestParams:
    def test_a_list_runs_without_a_shell(self) -> None:
        assert shell(command=["echo", "$HOME", "*", "a b"])["stdout"] == "$HOME * a b"

    def test_what_is_in_a_list_becomes_text(self) -> None:
        command = ["printf", "<%s>", None, True, 0.0, 3, {"a": "é"}, [1]]
        assert shell(command=command)["stdout"] == '<><True><0><3><{"a": "é"}><[1]>'

    @pytest.mark.parametrize(
        ("stdin", "text"),
        [
            ("a\r\nb", "a\r\nb"),
            ({"é": [1]}, '{"é": [1]}'),
            ([None, "\u2028"], '[null, "\u2028"]'),
            (7, "7"),
            (False, "False"),
            ("", ""),
            (b"\xff\x00", "\udcff\x00"),
        ],
    )
    def test_stdin(self, stdin: object, text: str) -> None:
        assert shell(command="cat", stdin=stdin)["stdout"] == text

    @pytest.mark.parametrize("params", [{}, {"stdin": None}])
    def test_without_stdin_there_is_nothing_to_read(
        self, params: dict[str, object]
    ) -> None:
        command = "readlink /proc/self/fd/0"
        assert shell(command=command, **params)["stdout"] == "/dev/null"

    def test_input_larger_than_a_pipe_holds(self) -> None:
        text = "é" * 1_000_000
        assert shell(command="cat", stdin=text)["stdout"] == text

    @pytest.mark.parametrize("command", ["true", "exec <&-; echo", "head -c 1"])
    def test_input_that_is_not_read_to_its_end(self, command: str) -> None:
        assert shell(command=command, stdin="x" * 5_000_000)["exit_code"] == 0

    def test_input_that_nobody_reads_holds_nothing_up(self) -> None:
        # The child keeps the pipe open and never reads; the command is over.
        command = "sleep 1000 <&0 >/dev/null 2>&1 & echo $!"
        shared = shell(command=command, stdin="x" * 5_000_000)
        child = int(shared["stdout"])
        assert alive(child)
        os.kill(child, 9)

    def test_cwd(self, tmp_path: Path) -> None:
        assert shell(command="pwd -P", cwd=str(tmp_path))["stdout"] == str(
            tmp_path.resolve()
        )

    def test_env_is_added_to_what_there_is(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("THERE", "1")
        monkeypatch.setenv("CHANGED", "2")
        env = {"CHANGED": [3, "é"], "ADDED": True, "NOTHING": None}
        command = 'echo "$THERE|$CHANGED|$ADDED|${NOTHING-unset}|"'
        assert shell(command=command, env=env)["stdout"] == '1|[3, "é"]|True||'
        assert "ADDED" not in os.environ

    def test_params_that_are_null_are_not_given(self) -> None:
        names = ["stdin", "cwd", "env", "timeout", "ignore_errors", "strip_newline"]
        shared = shell(command="echo a", **dict.fromkeys(names))
        assert shared["stdout"] == "a"

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({}, 'param "command": expected a string, found nothing'),
            ({"command": 5}, 'param "command": expected a string, found the number 5'),
            (
                {"command": {"a": 1}},
                'param "command": expected a string, found an object',
            ),
            (
                {"command": " \n"},
                'param "command": expected a command, found only white space',
            ),
            (
                {"command": []},
                'param "command": expected a command, found an empty array',
            ),
            (
                {"command": "a\0b"},
                'param "command": must not contain a NUL character',
            ),
            (
                {"command": ["echo", "a\0b"]},
                'param "command": must not contain a NUL character',
            ),
            (
                {"command": "echo", "cwd": ""},
                'param "cwd": expected a path, found an empty string',
            ),
            (
                {"command": "echo", "env": ["A=1"]},
                'param "env": expected an object, found an array',
            ),
            (
                {"command": "echo", "env": {"A=B": 1}},
                "param \"env\": 'A=B' is not a valid variable name",
            ),
            (
                {"command": "echo", "env": {"A": "\0"}},
                'param "env.A": must not contain a NUL character',
            ),
            (
                {"command": "echo", "timeout": 0},
                'param "timeout": expected a number of seconds above 0, found 0',
            ),
            (
                {"command": "echo", "timeout": "5"},
                (
                    'param "timeout": expected a number of seconds above 0, '
                    'found the string "5"'
                ),
            ),
            (
                {"command": "echo", "timeout": True},
                'param "timeout": expected a number of seconds above 0, found true',
            ),
            (
                {"command": "echo", "ignore_errors": "no"},
                'param "ignore_errors": expected true or false, found the string "no"',
            ),
            (
                {"command": "echo", "strip_newline": 1},
                'param "strip_newline": expected true or false, found the number 1',
            ),
        ],
    )
    def test_a_param_that_it_cannot_use(
        self, params: dict[str, object], message: str
    ) -> None:
        with pytest.raises((TypeError, ValueError)) as raised:
            shell(**params)
        assert str(raised.value) == message

    @pytest.mark.parametrize("name", ["command", "stdin"])
    def test_text_that_no_bytes_can_hold(self, name: str) -> None:
        message = failure(ValueError, **{"command": "cat", name: "a\ud800"})
        assert message.startswith(f'param "{name}": ')
        assert "surrogates not allowed" in message


class TestFailures:
    def test_the_message_quotes_stderr_and_exit_status(self) -> None:
        message = failure(command="echo out; echo it went wrong >&2; exit 3")
        assert message == "the command failed with exit status 3: it went wrong"

    def test_of_a_long_stderr_it_quotes_the_end(self) -> None:
        message = failure(command="seq 100 >&2; exit 1")
        assert message.endswith("status 1: 96 | 97 | 98 | 99 | 100")
        message = failure(command="head -c 9000 /dev/zero | tr '\\0' x >&2; exit 1")
        assert message.endswith(": …" + "x" * 500)

    def test_without_stderr_it_quotes_stdout(self) -> None:
        assert failure(command="echo FAILED; false").endswith("status 1: FAILED")

    def test_without_either_it_says_so(self) -> None:
        assert failure(command="false").endswith("status 1: (no output)")

    def test_what_it_quotes_is_safe_to_print(self) -> None:
        message = failure(command="printf 'a\\033[2Jb\\377\\0' >&2; false")
        assert message.endswith("a\ufffd[2Jb\ufffd\ufffd")

    def test_a_signal_is_named(self) -> None:
        message = failure(command="kill -TERM $$")
        assert message == "the command was killed by SIGTERM: (no output)"

    def test_ignored_they_are_ordinary_output(self) -> None:
        shared = shell(command="echo a; echo b >&2; exit 7", ignore_errors=True)
        assert (shared["stdout"], shared["stderr"]) == ("a", "b\n")
        assert shared["exit_code"] == 7

    def test_an_ignored_signal_is_a_negative_exit_code(self) -> None:
        assert shell(command="kill -9 $$", ignore_errors=True)["exit_code"] == -9

    def test_a_command_that_does_not_exist(self) -> None:
        assert "127" in failure(command="no-such-command")
        assert "no-such-command" in failure(
            FileNotFoundError, command=["no-such-command"], ignore_errors=True
        )

    def test_a_cwd_that_does_not_exist(self) -> None:
        assert "/nowhere" in failure(FileNotFoundError, command="true", cwd="/nowhere")

    def test_a_cwd_that_is_no_directory(self, tmp_path: Path) -> None:
        (tmp_path / "f").touch()
        path = str(tmp_path / "f")
        assert path in failure(NotADirectoryError, command="true", cwd=path)

    def test_a_command_that_is_too_long_gets_a_hint(self) -> None:
        message = failure(OSError, command=["echo", "x" * 5_000_000])
        assert message.endswith("hand large text over as stdin")

    def test_nothing_is_written_to_the_store(self) -> None:
        node = ShellNode()
        node.set_params({"command": "false"})
        shared: dict[str, object] = {}
        with pytest.raises(CommandError):
            asyncio.run(node._run_async(shared))
        assert shared == {}


class TestEndings:
    """A command that is stopped is gone, with all that it started."""

    @pytest.mark.parametrize("ignore_errors", [False, True])
    def test_a_timeout_kills_the_whole_group(
        self, started: list[Popen[bytes]], ignore_errors: bool
    ) -> None:
        message = failure(
            TimeoutError, command=FAMILY, timeout=0.5, ignore_errors=ignore_errors
        )
        assert message == "the command did not end within 0.5 s and was killed"
        check_gone(started)

    def test_a_leader_that_is_gone_already_does_not_save_its_children(
        self, started: list[Popen[bytes]]
    ) -> None:
        async def main() -> None:
            task = asyncio.create_task(run(command="sleep 1000 & exit 0"))
            await until(lambda: started and not alive(started[0].pid))
            assert session(started[0].pid)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        check_gone(started)

    def test_a_cancellation_kills_the_whole_group(
        self, started: list[Popen[bytes]]
    ) -> None:
        async def main() -> None:
            task = asyncio.create_task(run(command=FAMILY))
            await until(lambda: started and len(session(started[0].pid)) == 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            check_gone(started)

        asyncio.run(main())

    def test_so_does_one_that_is_repeated_while_it_is_carried_out(
        self, started: list[Popen[bytes]]
    ) -> None:
        async def main() -> None:
            task = asyncio.create_task(run(command=FAMILY))
            await until(lambda: started and len(session(started[0].pid)) == 5)
            while not task.done():
                task.cancel()
                await asyncio.sleep(0)
            assert task.cancelled()
            check_gone(started)

        asyncio.run(main())

    def test_a_cancellation_during_the_end_of_a_timeout_is_not_lost(
        self, started: list[Popen[bytes]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kill = process._kill

        async def main() -> None:
            loop = asyncio.get_running_loop()
            task = asyncio.create_task(run(command="sleep 1000", timeout=0.01))

            def slowly(doomed: Popen[bytes]) -> None:
                loop.call_soon(task.cancel)
                loop.call_later(0.05, kill, doomed)

            monkeypatch.setattr(process, "_kill", slowly)
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        check_gone(started)

    @pytest.mark.parametrize("steps", range(6))
    def test_a_cancellation_at_any_step_of_the_start_leaves_nothing(
        self, steps: int, started: list[Popen[bytes]]
    ) -> None:
        async def main() -> None:
            task = asyncio.create_task(run(command=FAMILY))
            for _ in range(steps):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        check_gone(started, 1 if steps else 0)

    def test_the_end_of_the_event_loop_leaves_nothing(
        self, started: list[Popen[bytes]]
    ) -> None:
        tasks = []

        async def main() -> None:
            tasks.append(asyncio.create_task(run(command=FAMILY)))
            await until(lambda: started)

        asyncio.run(main())
        assert tasks[0].cancelled()
        check_gone(started)

    def test_what_left_the_group_does_not_hold_the_end_up(self, tmp_path: Path) -> None:
        pid = tmp_path / "pid"
        command = f"setsid sh -c 'echo $$ > {pid}; exec sleep 1000' & wait"

        async def main() -> None:
            task = asyncio.create_task(run(command=command))
            await until(lambda: pid.exists() and pid.read_text().endswith("\n"))
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

        asyncio.run(main())
        escaped = int(pid.read_text())
        assert alive(escaped)
        os.kill(escaped, 9)

    def test_a_background_process_outlives_a_command_that_ended_well(self) -> None:
        shared = shell(command="sleep 1000 >/dev/null 2>&1 & echo $!")
        child = int(shared["stdout"])
        assert alive(child)
        os.kill(child, 9)

    def test_no_descriptor_is_left_open(self) -> None:
        async def main() -> int:
            before = len(os.listdir("/proc/self/fd"))
            for _ in range(5):
                await run(command="cat", stdin="x")
                with pytest.raises(TimeoutError):
                    await run(command="cat; sleep 1000", stdin="x", timeout=0.01)
            return len(os.listdir("/proc/self/fd")) - before

        assert asyncio.run(main()) == 0


class TestConcurrency:
    def test_many_run_at_once(self, tmp_path: Path) -> None:
        # Each waits for the one before it, so that they end only if all run.
        def link(number: int) -> str:
            wait = f"while ! test -e {number - 1}; do sleep 0.01; done; "
            return (wait if number else "") + f"touch {number}; echo {number}"

        async def main() -> list[dict[str, Any]]:
            commands = [link(number) for number in reversed(range(20))]
            runs = [run(command=one, cwd=str(tmp_path)) for one in commands]
            return await asyncio.gather(*runs)

        outputs = [shared["stdout"] for shared in asyncio.run(main())]
        assert outputs == [str(number) for number in reversed(range(20))]

    def test_an_event_loop_in_another_thread(self) -> None:
        outputs: list[dict[str, Any]] = []
        failures: list[str] = []

        def body() -> None:
            outputs.append(shell(command="cat", stdin=json.dumps([1])))
            failures.append(failure(TimeoutError, command="sleep 1000", timeout=0.05))

        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        assert outputs[0]["stdout"] == "[1]"
        assert failures == ["the command did not end within 0.05 s and was killed"]

    def test_the_event_loop_goes_on_meanwhile(self, tmp_path: Path) -> None:
        command = "while ! test -e go; do sleep 0.01; done; echo gone"

        async def main() -> str:
            task = asyncio.create_task(run(command=command, cwd=str(tmp_path)))
            await asyncio.sleep(0.05)
            (tmp_path / "go").touch()
            output: str = (await task)["stdout"]
            return output

        assert asyncio.run(main()) == "gone"

    def test_the_command_has_no_terminal(self) -> None:
        # The leader of a session of its own has none unless it opens one.
        fields = shell(command=["cat", "/proc/self/stat"])["stdout"].split()
        pid, leader, terminal = fields[0], fields[5], fields[6]
        assert (leader, terminal) == (pid, "0")
