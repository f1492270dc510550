import io
import logging
import sys
import threading
from collections.abc import Callable
from textwrap import dedent
from typing import Any

import pytest

from pflow_lower.nodes.code import running
from pflow_lower.nodes.code.errors import CodeError
from pflow_lower.nodes.code.node import CodeNode

PATIENCE = 60
"""Seconds after which a test gives up; none takes that long unless it fails."""


def run(code: object, **params: Any) -> dict[str, Any]:
    node = CodeNode()
    node.set_params({"code": dedent(code) if isinstance(code, str) else code, **params})
    shared: dict[str, Any] = {}
    assert node._run(shared) == "default"
    return shared


def failure(code: object, **params: Any) -> Exception:
    with pytest.raises(Exception) as raised:  # noqa: PT011 (callers look at it)
        run(code, **params)
    return raised.value


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Do some work in many threads, and raise what the first of them raises."""
    errors: list[BaseException] = []

    def body(number: int) -> None:
        try:
            work(number)
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=body, args=(one,)) for one in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    if errors:
        raise errors[0]


class TestRunning:
    def test_gives_what_the_code_assigns_to_result(self) -> None:
        shared = run("result = [a, b['c']]", inputs={"a": 1, "b": {"c": None}})
        assert shared == {"result": [1, None], "stdout": "", "stderr": ""}
        assert CodeNode.result == "result"

    def test_a_result_of_none_is_a_result(self) -> None:
        assert run("result = None")["result"] is None

    def test_values_keep_their_identity(self) -> None:
        value: list[int] = []
        assert run("x.append(1)\nresult = x", inputs={"x": value})["result"] is value
        assert value == [1]

    def test_functions_see_each_other_inputs_and_imports(self) -> None:
        code = """
            import math

            def even(n):
                return n == 0 or odd(n - 1)

            def odd(n):
                return n != 0 and even(n - 1)

            result = [even(n) for n in range(limit)] + [(lambda: math.floor(limit))()]
        """
        assert run(code, inputs={"limit": 3})["result"] == [True, False, True, 3]

    def test_annotations_are_never_evaluated(self) -> None:
        code = """
            x: object
            y: no.such[thing]
            def f(a: 1 / 0) -> undefined:
                return a
            result: list[Missing] = f(x)
        """
        assert run(code, inputs={"x": 5, "y": 6})["result"] == 5

    def test_this_projects_own_futures_do_not_leak_into_the_code(self) -> None:
        code = "import sys\nresult = sys._getframe().f_code.co_flags & 0x1000000"
        assert run(code)["result"] == 0x1000000  # annotations, and only they
        assert running.compiled("result = 1").co_flags & 0xFF0000 == 0

    def test_dataclasses_can_be_made(self) -> None:
        code = """
            import dataclasses, typing
            @dataclasses.dataclass
            class Point:
                x: int
                kind: typing.ClassVar[str] = "point"
            result = dataclasses.asdict(Point(3))
        """
        assert run(code)["result"] == {"x": 3}

    def test_a_function_that_is_the_result_still_works(self) -> None:
        code = "def double(n): return twice * n\ntwice = 2\nresult = double"
        assert run(code)["result"](4) == 8

    def test_runs_share_no_variables(self) -> None:
        run("leak = 1\nresult = 1")
        assert isinstance(failure("result = leak"), NameError)

    def test_the_same_code_is_compiled_once(self) -> None:
        running.compiled.cache_clear()
        for number in range(5):
            assert run("result = n * 2", inputs={"n": number})["result"] == number * 2
        assert running.compiled.cache_info().misses == 1

    def test_a_run_leaves_no_module_behind(self) -> None:
        name = run("result = __name__")["result"]
        failure("1 / 0")
        assert name.startswith("pflow_code_")
        assert not [one for one in sys.modules if one.startswith("pflow_code_")]

    def test_unicode_is_fine(self) -> None:
        code = "größe = 'é\u2028\U0001f600'\nresult = größe + x"
        assert run(code, inputs={"x": "\udcff\0"})["result"] == (
            "é\u2028\U0001f600\udcff\0"
        )


class TestParams:
    @pytest.mark.parametrize(
        ("code", "params", "message"),
        [
            (None, {}, 'param "code": expected a string, found nothing'),
            (["a"], {}, 'param "code": expected a string, found an array'),
            (
                "pass",
                {"inputs": [1]},
                'param "inputs": expected an object, found an array',
            ),
            (
                "pass",
                {"inputs": {1: 2}},
                (
                    'param "inputs": expected an object whose keys are strings, '
                    "found an object"
                ),
            ),
            (
                "pass",
                {"inputs": {"my-name": 1}},
                "param \"inputs\": 'my-name' is not a valid variable name",
            ),
            (
                "pass",
                {"inputs": {"class": 1}},
                "param \"inputs\": 'class' is not a valid variable name",
            ),
            (
                "pass",
                {"inputs": {"__builtins__": {}}},
                "param \"inputs\": '__builtins__' is not a valid variable name",
            ),
            (
                "pass",
                {"timeout": -1},
                'param "timeout": expected a number of seconds above 0, found -1',
            ),
            (
                "pass",
                {"timeout": float("nan")},
                'param "timeout": expected a number of seconds above 0, found nan',
            ),
        ],
    )
    def test_a_param_that_it_cannot_use(
        self, code: object, params: dict[str, object], message: str
    ) -> None:
        error = failure(code, **params)
        assert isinstance(error, TypeError | ValueError)
        assert str(error) == message

    def test_params_that_are_null_are_not_given(self) -> None:
        assert run("result = 1", inputs=None, timeout=None)["result"] == 1

    def test_a_time_limit_beyond_all_clocks(self) -> None:
        assert run("result = 1", timeout=10**400)["result"] == 1


class TestFailures:
    @pytest.mark.parametrize(
        ("code", "kind", "message"),
        [
            ("\n\nx", NameError, "NameError: name 'x' is not defined (line 3)"),
            ("{}['k']", KeyError, "KeyError: 'k' (line 1)"),
            (
                "open('/nowhere')",
                FileNotFoundError,
                (
                    "FileNotFoundError: [Errno 2] No such file or directory: "
                    "'/nowhere' (line 1)"
                ),
            ),
            (
                "b'\\xff'.decode()",
                UnicodeDecodeError,
                (
                    "UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff in "
                    "position 0: invalid start byte (line 1)"
                ),
            ),
            ("\nraise ValueError", ValueError, "ValueError (line 2)"),
            ("raise ValueError(1, 2)", ValueError, "ValueError: (1, 2) (line 1)"),
            ("assert False", AssertionError, "AssertionError (line 1)"),
            (
                "import no_such_module",
                ModuleNotFoundError,
                "ModuleNotFoundError: No module named 'no_such_module' (line 1)",
            ),
            (
                "def f():\n  return g()\ndef g():\n  return 1 / 0\n\nf()",
                ZeroDivisionError,
                "ZeroDivisionError: division by zero (line 4)",
            ),
            (
                "import json\n\njson.loads('[')",
                ValueError,
                "JSONDecodeError: Expecting value: line 1 column 2 (char 1) (line 3)",
            ),
            (
                (
                    "class Odd(Exception):\n"
                    "  def __init__(self, a, b): super().__init__(a)\n"
                    "raise Odd('x', 'y')"
                ),
                CodeError,
                "Odd: x (line 3)",
            ),
            (
                (
                    "class Fussy(Exception):\n"
                    "  def __new__(cls, a, b): return super().__new__(cls)\n"
                    "  def __str__(self): return 'fussy'\n"
                    "raise Fussy('x', 'y')"
                ),
                CodeError,
                "Fussy: fussy (line 4)",
            ),
            ("next(iter([]))", CodeError, "StopIteration (line 1)"),
            (
                "raise ExceptionGroup('both', [ValueError(), KeyError()])",
                CodeError,
                "ExceptionGroup: both (2 sub-exceptions) (line 1)",
            ),
        ],
    )
    def test_the_message_has_the_line_and_the_type_stays(
        self, code: str, kind: type[Exception], message: str
    ) -> None:
        error = failure(code)
        assert str(error) == message
        assert isinstance(error, kind)
        assert isinstance(error, CodeError)
        cause = error.__cause__
        assert isinstance(cause, Exception)
        assert type(error).__name__ in (type(cause).__name__, "CodeError")
        assert message.startswith(type(cause).__name__)

    def test_the_type_has_the_name_of_the_cause(self) -> None:
        assert type(failure("x")).__name__ == "NameError"
        assert type(failure("class Mine(Exception): ...\nraise Mine")).__name__ == (
            "Mine"
        )

    def test_an_error_that_is_raised_again_and_again_does_not_grow(self) -> None:
        error = ValueError("x")
        for _ in range(2):
            raised = failure("raise error", inputs={"error": error})
            assert str(raised) == "ValueError: x (line 1)"
        assert error.args == ("x",)

    def test_code_that_is_no_python(self) -> None:
        error = failure("x = 1\ny = )")
        assert isinstance(error, SyntaxError)
        assert str(error) == "SyntaxError: unmatched ')' (line 2)"
        assert error.msg == str(error)  # what a traceback shows

    def test_code_that_is_badly_indented(self) -> None:
        error = failure("if 1:\nresult = 1")
        assert type(error).__name__ == "IndentationError"
        assert str(error).endswith("(line 2)")

    @pytest.mark.parametrize("code", ["result = 1\0", "result = '\ud800'"])
    def test_code_that_no_file_could_hold(self, code: str) -> None:
        # Python 3.11.3 and before, and later versions, disagree on the type.
        assert isinstance(failure(code), ValueError | SyntaxError)

    @pytest.mark.parametrize("code", ["pass", "", "result: int", "x = 1"])
    def test_code_that_assigns_no_result(self, code: str) -> None:
        error = failure(code)
        assert type(error) is ValueError
        assert str(error) == "the code assigns no `result`"

    @pytest.mark.parametrize("status", ["", "0", "3", "'bye'"])
    def test_an_exit_is_a_failure(self, status: str) -> None:
        error = failure(f"import sys\nresult = 1\nsys.exit({status})")
        assert type(error) is CodeError
        assert str(error) == f"the code tried to exit: SystemExit({status}) (line 3)"

    @pytest.mark.parametrize("timeout", [None, PATIENCE])
    def test_an_interrupt_goes_through(self, timeout: float | None) -> None:
        with pytest.raises(KeyboardInterrupt):
            run("raise KeyboardInterrupt", timeout=timeout)

    def test_nothing_is_written_to_the_store(self) -> None:
        node = CodeNode()
        node.set_params({"code": "result = 1\n1 / 0"})
        shared: dict[str, object] = {}
        with pytest.raises(ZeroDivisionError):
            node._run(shared)
        assert shared == {}

    def test_what_failed_code_printed_is_logged(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, "pflow_lower.nodes")
        failure("print('on the way')\n1 / 0")
        assert caplog.messages == ["failed code printed to stdout: on the way\n"]


class TestCapture:
    def test_catches_both_streams(self, capfd: pytest.CaptureFixture[str]) -> None:
        code = """
            import sys
            print("a", flush=True)
            print("b", file=sys.stderr)
            sys.stdout.buffer.write(b"\\xff\\r\\n")
            sys.stdout.writelines(["é\\u2028", "\\udcfe"])
            result = [sys.stdout.isatty(), sys.stdout.encoding]
        """
        assert run(code) == {
            "result": [False, "utf-8"],
            "stdout": "a\n\udcff\r\né\u2028\udcfe",
            "stderr": "b\n",
        }
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("timeout", [None, PATIENCE])
    def test_the_streams_are_put_back(self, timeout: float | None) -> None:
        before = sys.stdout, sys.stderr
        run("print('a')\nresult = 1", timeout=timeout)
        failure("print('a')\n1 / 0", timeout=timeout)
        failure("print('a')\nexit()", timeout=timeout)
        assert (sys.stdout, sys.stderr) == before

    def test_parallel_runs_do_not_mix(self, capsys: pytest.CaptureFixture[str]) -> None:
        before = sys.stdout, sys.stderr
        count = 12
        barrier = threading.Barrier(count + 1)
        code = """
            import sys
            for n in range(200):
                if n % 20 == 0:
                    barrier.wait()
                print(me, n)
                print(me, n, file=sys.stderr)
            result = me
        """
        outputs: dict[int, dict[str, Any]] = {}

        def work(me: int) -> None:
            if me == count:  # a thread of the program, which runs no code node
                for n in range(200):
                    if n % 20 == 0:
                        barrier.wait(PATIENCE)
                    print("other", n)
            else:
                inputs = {"me": me, "barrier": barrier}
                outputs[me] = run(code, inputs=inputs)

        in_threads(count + 1, work)
        for me in range(count):
            printed = "".join(f"{me} {n}\n" for n in range(200))
            assert outputs[me] == {"result": me, "stdout": printed, "stderr": printed}
        others = "".join(f"other {n}\n" for n in range(200))
        assert capsys.readouterr() == (others, "")
        assert (sys.stdout, sys.stderr) == before

    def test_runs_that_overlap_put_the_streams_back_when_the_last_one_ends(
        self,
    ) -> None:
        before = sys.stdout
        first, second = threading.Event(), threading.Event()
        code = "ready.set()\nassert go.wait(60)\nprint('late')\nresult = 1"
        ready = [threading.Event(), threading.Event()]
        outputs: list[str] = ["", ""]
        go = [first, second]

        def work(me: int) -> None:
            inputs = {"ready": ready[me], "go": go[me]}
            outputs[me] = run(code, inputs=inputs)["stdout"]

        threads = [threading.Thread(target=work, args=(me,)) for me in (0, 1)]
        for thread in threads:
            thread.start()
        assert all(one.wait(PATIENCE) for one in ready)
        assert sys.stdout is not before
        first.set()
        threads[0].join(PATIENCE)
        assert sys.stdout is not before
        second.set()
        threads[1].join(PATIENCE)
        assert sys.stdout is before
        assert outputs == ["late\n", "late\n"]

    def test_whoever_kept_the_stand_in_prints_as_ever_afterwards(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        kept = run("import sys\nprint('caught')\nresult = sys.stdout")["result"]
        assert kept is not sys.stdout
        kept.write("not caught")
        assert capsys.readouterr().out == "not caught"

    def test_a_stream_that_somebody_else_has_replaced_is_left_alone(self) -> None:
        before = sys.stdout
        theirs = io.StringIO()
        try:
            run(
                "import sys\nsys.stdout = theirs\nresult = 1", inputs={"theirs": theirs}
            )
            assert sys.stdout is theirs
            assert run("print('a')\nresult = 1")["stdout"] == "a\n"
            assert sys.stdout is theirs
            assert theirs.getvalue() == ""
        finally:
            sys.stdout = before

    def test_it_works_where_there_are_no_streams(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys, "stdout", None)
        code = """
            import threading
            other = threading.Thread(target=print, args=("lost",))
            other.start()
            other.join()
            print("caught")
            result = 1
        """
        assert run(code)["stdout"] == "caught\n"
        assert sys.stdout is None

    def test_asynchronous_code_is_caught(self) -> None:
        code = """
            import asyncio
            async def say(n):
                await asyncio.sleep(0)
                print(n)
            async def main():
                await asyncio.gather(say(1), say(2))
            asyncio.run(main())
            result = 1
        """
        assert run(code)["stdout"] == "1\n2\n"
