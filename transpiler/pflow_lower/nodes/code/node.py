"""The node type `code`: run Python code that assigns `result`."""

import logging
from keyword import iskeyword

from pflow_lower.nodes.code.apart import run_apart
from pflow_lower.nodes.code.errors import code_error
from pflow_lower.nodes.code.running import Ended, Program, compiled, run
from pflow_lower.nodes.support import params
from pflow_lower.nodes.support.base import BuiltinNode, Outputs

_logger = logging.getLogger("pflow_lower.nodes")


class CodeNode(BuiltinNode):
    """Runs code, captures what it prints, and returns what it assigned to `result`.

    The keys of `inputs` are variables in it. Annotations, such as `x: object` for
    one of them, are not evaluated. Output of processes or threads that the code
    starts is not captured. With a `timeout`, code runs in a process of its own
    (`docs/language.md` § 7).
    """

    params = {"code": "required", "inputs": "optional", "timeout": "optional"}
    outputs = {"result": "any", "stdout": "string", "stderr": "string"}
    result = "result"
    actions = ("default", "error")
    runs = {"code": "python"}

    def exec(self, prep_res: object) -> Outputs:
        """Run the code.

        Raises CodeError, TimeoutError past `timeout`, and ValueError if the code
        assigns no `result`.
        """
        program = _program(self.params)
        timeout = params.seconds(self.params)
        ended = run(program) if timeout is None else run_apart(program, timeout)
        if ended.failure is None and ended.has_result:
            return {
                "result": ended.result,
                "stdout": ended.stdout,
                "stderr": ended.stderr,
            }
        _log(ended)
        if ended.failure is not None:
            raise ended.failure.error() from ended.failure.cause
        raise ValueError("the code assigns no `result`")


def _program(given: params.Params) -> Program:
    """Read `code` and `inputs`; code that is not Python is an error."""
    inputs = params.fields(given, "inputs")
    for name in inputs:
        if not name.isidentifier() or iskeyword(name) or name == "__builtins__":
            raise ValueError(f'param "inputs": {name!r} is not a valid variable name')
    source = params.string(given, "code")
    try:
        compiled(source)
    except SyntaxError as exc:
        raise code_error(type(exc), exc.msg, exc.lineno) from exc
    except ValueError as exc:
        raise ValueError(f'param "code": {exc}') from exc
    return Program(source, inputs)


def _log(ended: Ended) -> None:
    """Log what failed code has printed, so that it is not lost."""
    for name in ("stdout", "stderr"):
        if printed := getattr(ended, name):
            _logger.info("failed code printed to %s: %s", name, printed)
