"""Code with a `timeout`: it runs in a process of its own."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zipapp
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pocketflow
import pytest
from places import ROOT

import pflow_lower
from pflow_lower import lower
from pflow_lower.nodes.code.errors import CodeError
from pflow_lower.nodes.code.node import CodeNode

PATIENCE = 60
"""Seconds after which a test gives up; none takes that long unless it fails."""

ENDLESS = """
    import os, pathlib, subprocess, sys
    child = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    path = pathlib.Path(file)
    path.with_suffix(".new").write_text(f"{os.getpid()} {child.pid}")
    path.with_suffix(".new").replace(path)
    while True:
        pass
"""


class FussyError(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(one)


def run(code: str, timeout: float = PATIENCE, **params: Any) -> dict[str, Any]:
    node = CodeNode()
    node.set_params({"code": dedent(code), "timeout": timeout, **params})
    shared: dict[str, Any] = {}
    assert node._run(shared) == "default"
    return shared


def failure(code: str, timeout: float = PATIENCE, **params: Any) -> Exception:
    with pytest.raises(Exception) as raised:  # noqa: PT011 (callers look at it)
        run(code, timeout, **params)
    return raised.value


def is_running(pid: int) -> bool:
    """Tell whether a process runs; one that is dead and not yet buried does not."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[0] not in "ZX"


def wait_until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.01)


def wait_for_end_of_all(file: Path) -> None:
    pids = [int(pid) for pid in file.read_text().split()]
    assert len(pids) == 2
    wait_until(lambda: not any(map(is_running, pids)))


class TestRunning:
    def test_gives_what_the_code_assigns_and_prints(self) -> None:
        code = """
            import os, sys
            print("a\\udcff")
            sys.stderr.write("b")
            result = [os.getpid(), x, {"k": (1, None)}]
        """
        shared = run(code, inputs={"x": "\udcff\0"})
        assert shared["result"][0] != os.getpid()
        assert shared["result"][1:] == ["\udcff\0", {"k": (1, None)}]
        assert (shared["stdout"], shared["stderr"]) == ("a\udcff\n", "b")

    def test_it_imports_what_this_process_would(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "mine.py").write_text("value = 5")
        monkeypatch.syspath_prepend(tmp_path)
        code = "import mine, sys\nresult = [mine.value, sys.path]"
        assert run(code)["result"] == [5, sys.path]

    def test_no_module_of_the_current_directory_stands_in_for_another(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "pickle.py").write_text("raise SystemExit('the wrong one')")
        monkeypatch.chdir(tmp_path)
        assert run("import os\nresult = os.getcwd()")["result"] == str(tmp_path)

    def test_its_standard_input_is_empty(self) -> None:
        code = """
            import subprocess, sys
            ended = subprocess.run(["cat"], capture_output=True)
            result = [sys.stdin.read(), ended.stdout]
        """
        assert run(code)["result"] == ["", b""]

    def test_what_its_processes_print_is_not_captured(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = "import subprocess\nresult = subprocess.run(['echo', 'hi']).returncode"
        assert run(code) == {"result": 0, "stdout": "", "stderr": ""}
        assert capsys.readouterr() == ("", "hi\n")

    def test_what_it_starts_ends_with_it(self) -> None:
        code = "import subprocess\nresult = subprocess.Popen(['sleep', '9999']).pid"
        pid = run(code)["result"]
        wait_until(lambda: not is_running(pid))

    def test_large_values_go_both_ways(self) -> None:
        text = "x" * 3_000_000
        assert run("result = x * 2", inputs={"x": text})["result"] == text * 2

    def test_inside_an_event_loop(self) -> None:
        async def main() -> dict[str, Any]:
            return run("import asyncio\nresult = asyncio.run(asyncio.sleep(0, 7))")

        assert asyncio.run(main())["result"] == 7

    def test_in_a_parallel_batch(self) -> None:
        batch = {"items": "${numbers}", "as": "n", "parallel": True}
        params = {"code": "result = n * n", "inputs": {"n": "${n}"}, "timeout": 9999}
        node = {"id": "square", "type": "code", "batch": batch, "params": params}
        lowered = lower({"inputs": {"numbers": {}}, "nodes": [node]})
        assert lowered.load().run(numbers=[1, 2, 3])["square"]["results"] == [1, 4, 9]


class TestFailures:
    @pytest.mark.parametrize(
        ("code", "kind", "message"),
        [
            ("\n1 / 0", ZeroDivisionError, "ZeroDivisionError: division by zero (2)"),
            ("raise KeyError('k')", KeyError, "KeyError: 'k' (1)"),
            ("import json\njson.loads('[')", ValueError, "JSONDecodeError: Expecting "),
            ("class Odd(OSError): ...\nraise Odd('x')", OSError, "Odd: x (2)"),
            ("next(iter([]))", CodeError, "StopIteration (1)"),
        ],
    )
    def test_the_message_has_the_line_and_the_type_stays(
        self, code: str, kind: type[Exception], message: str
    ) -> None:
        error = failure(code)
        assert str(error).replace("(line ", "(").startswith(message)
        assert isinstance(error, kind)
        assert isinstance(error, CodeError)

    def test_the_cause_is_what_was_raised(self) -> None:
        error = failure("raise ValueError(1, 'a')")
        assert isinstance(error.__cause__, ValueError)
        assert error.__cause__.args == (1, "a")

    def test_a_cause_that_cannot_be_pickled_is_left_out(self) -> None:
        error = failure("raise kind('x', 'y')", inputs={"kind": FussyError})
        assert str(error) == "FussyError: x (line 1)"
        assert error.__cause__ is None
        assert isinstance(error, FussyError)

    def test_an_exit_is_a_failure(self) -> None:
        error = failure("exit(3)")
        assert type(error) is CodeError
        assert str(error) == "the code tried to exit: SystemExit(3) (line 1)"

    def test_an_interrupt_goes_through(self) -> None:
        with pytest.raises(KeyboardInterrupt):
            run("raise KeyboardInterrupt")

    def test_code_that_assigns_no_result(self) -> None:
        error = failure("pass")
        assert type(error) is ValueError
        assert str(error) == "the code assigns no `result`"

    def test_what_it_printed_is_logged(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO", "pflow_lower.nodes")
        failure("print('on the way')\n1 / 0")
        assert caplog.messages == ["failed code printed to stdout: on the way\n"]

    @pytest.mark.parametrize(
        ("code", "how"),
        [
            ("import os\nos._exit(3)", "failed with exit status 3"),
            ("import os\nos.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ],
    )
    def test_a_process_that_dies(self, code: str, how: str) -> None:
        error = failure(code)
        assert type(error) is RuntimeError
        assert str(error) == f"the process of the code {how}"


class TestWhatCannotBePickled:
    def test_inputs(self) -> None:
        error = failure("result = 1", inputs={"x": threading.Lock()})
        assert type(error) is TypeError
        assert str(error) == (
            'param "inputs" cannot be pickled, but code with a "timeout" runs in a '
            "process of its own: cannot pickle '_thread.lock' object"
        )

    def test_inputs_that_the_process_cannot_read(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setitem(sys.modules, "only_here", sys.modules[__name__])
        monkeypatch.setattr(FussyError, "__module__", "only_here")
        error = failure("result = 1", inputs={"x": FussyError})
        assert str(error) == (
            'TypeError: param "inputs" cannot be pickled, but code with a "timeout" '
            "runs in a process of its own: No module named 'only_here'"
        )

    @pytest.mark.parametrize(
        "code",
        [
            "result = lambda: 1",
            "class Mine: ...\nresult = Mine()",
            "import threading\nresult = threading.Lock()",
            "import mine\nresult = mine.Only()",
        ],
    )
    def test_results(self, code: str, tmp_path: Path) -> None:
        (tmp_path / "mine.py").write_text("class Only: ...")
        error = failure(f"import sys\nsys.path.append({str(tmp_path)!r})\n{code}")
        assert isinstance(error, TypeError)
        assert (
            'the `result` cannot be pickled, but code with a "timeout" runs in a '
            "process of its own: "
        ) in str(error)


class TestEnding:
    def test_code_that_goes_on_and_on_is_killed(self, tmp_path: Path) -> None:
        file = tmp_path / "pids"
        seconds = 0.25
        while not file.exists():  # until there is time enough to begin
            seconds *= 2
            error = failure(ENDLESS, seconds, inputs={"file": str(file)})
            assert type(error) is TimeoutError
            assert str(error) == f"the code did not end within {seconds:g} s"
        wait_for_end_of_all(file)

    @pytest.mark.parametrize("signals", [[signal.SIGINT], [signal.SIGKILL]])
    def test_it_ends_with_the_process_that_wants_its_result(
        self, signals: list[signal.Signals], tmp_path: Path
    ) -> None:
        file = tmp_path / "pids"
        program = f"""
            from pflow_lower.nodes.code.node import CodeNode
            node = CodeNode()
            inputs = {{"file": {str(file)!r}}}
            node.set_params(
                {{"code": {dedent(ENDLESS)!r}, "inputs": inputs, "timeout": 9999}}
            )
            node._run({{}})
        """
        with subprocess.Popen(
            [sys.executable, "-c", dedent(program)], stderr=subprocess.PIPE, text=True
        ) as process:
            wait_until(file.exists)
            for each in signals:
                process.send_signal(each)
            _, said = process.communicate(timeout=PATIENCE)
        assert signals == [signal.SIGKILL] or "KeyboardInterrupt" in said
        wait_for_end_of_all(file)


def test_from_a_zipapp_without_site_packages(tmp_path: Path) -> None:
    source = tmp_path / "source"
    package = source / "pflow_lower"
    for file in Path(pflow_lower.__file__).parent.rglob("*.py"):
        relative = file.relative_to(Path(pflow_lower.__file__).parent)
        if relative.parts[0] in ("nodes", "support", "__init__.py", "version.py"):
            (package / relative).parent.mkdir(parents=True, exist_ok=True)
            (package / relative).write_bytes(file.read_bytes())
    (source / "pocketflow.py").write_bytes(Path(pocketflow.__file__).read_bytes())
    (source / "__main__.py").write_text(
        dedent(
            """
            import json
            from pflow_lower.nodes.code.node import CodeNode
            node, shared = CodeNode(), {}
            code = "import pflow_lower, sys\\nprint('hi')\\n"
            code += "result = [pflow_lower.__file__, sys.flags.isolated, x]"
            node.set_params({"code": code, "inputs": {"x": [1]}, "timeout": 9999})
            node._run(shared)
            print(json.dumps(shared))
            """
        )
    )
    zipapp.create_archive(source, tmp_path / "docs.pyz")
    ended = subprocess.run(
        [sys.executable, "-I", "-S", tmp_path / "docs.pyz"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.stderr == ""
    shared = json.loads(ended.stdout)
    file, isolated, x = shared["result"]
    assert file.startswith(str(tmp_path / "docs.pyz"))
    assert (isolated, x, shared["stdout"]) == (1, [1], "hi\n")
