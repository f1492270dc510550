"""The node type `shell`: run a command and return what it prints."""

import os
from collections.abc import Mapping

from pflow_lower.nodes.support import params, process
from pflow_lower.nodes.support.base import AsyncBuiltinNode, Outputs
from pflow_lower.support.text import printable
from pflow_lower.support.values import as_text

_QUOTED_LINES = 5
_QUOTED_CHARACTERS = 500


class CommandError(RuntimeError):
    """A command that failed; the message quotes the end of what it printed."""


class ShellNode(AsyncBuiltinNode):
    """Runs a command; cancelled or timed out, it kills all that the command started.

    The output is read as UTF-8. Invalid bytes become lone surrogates, and the same
    bytes again in a param of this node or of a file node. `lines` and `files` are the
    lines that are not empty, without their line breaks (`docs/language.md` § 7).
    """

    params = {
        "command": "required",
        "stdin": "optional",
        "cwd": "optional",
        "env": "optional",
        "timeout": "optional",
        "ignore_errors": "optional",
        "strip_newline": "optional",
    }
    outputs = {
        "stdout": "string",
        "stderr": "string",
        "exit_code": "number",
        "lines": "array",
        "files": "array",
    }
    result = "stdout"
    actions = ("default", "error")
    runs = {"command": "shell"}

    async def exec_async(self, prep_res: object) -> Outputs:
        """Run the command.

        Raises CommandError if it fails and errors are not ignored, TimeoutError
        past `timeout`, and OSError if it cannot be started.
        """
        given = self.params
        ignore_errors = params.flag(given, "ignore_errors", default=False)
        strip_newline = params.flag(given, "strip_newline", default=True)
        ending = await process.run(_command(given), params.seconds(given))
        if ending.status != 0 and not ignore_errors:
            quoted = _last_words(ending.stderr) or _last_words(ending.stdout)
            how = process.status(ending)
            raise CommandError(f"the command {how}: {quoted or '(no output)'}")
        stdout = ending.stdout.decode("utf-8", "surrogateescape")
        # splitlines() would break lines at U+2028 and a dozen others, too.
        lines = [line.removesuffix("\r") for line in stdout.split("\n")]
        lines = [line for line in lines if line]
        return {
            "stdout": stdout.rstrip("\n") if strip_newline else stdout,
            "stderr": ending.stderr.decode("utf-8", "surrogateescape"),
            "exit_code": ending.status,
            "lines": lines,
            "files": lines.copy(),
        }


def _command(given: params.Params) -> process.Command:
    stdin, cwd = given.get("stdin"), given.get("cwd")
    return process.Command(
        words=_words(given),
        stdin=b"" if stdin is None else params.octets(stdin, "stdin"),
        cwd=None if cwd is None else params.path(given, "cwd"),
        environment=_environment(params.fields(given, "env")),
    )


def _words(given: params.Params) -> str | list[str]:
    command = given.get("command")
    if isinstance(command, list | tuple):
        if not command:
            raise ValueError(
                'param "command": expected a command, found an empty array'
            )
        return [params.passable(as_text(word), "command") for word in command]
    line = params.string(given, "command")
    if not line.strip():
        raise ValueError('param "command": expected a command, found only white space')
    return params.passable(line, "command")


def _environment(added: Mapping[str, object]) -> dict[str, str]:
    environment = dict(os.environ)
    for name, value in added.items():
        if not name or "=" in name:
            raise ValueError(f'param "env": {name!r} is not a valid variable name')
        params.passable(name, "env")
        environment[name] = params.passable(as_text(value), f"env.{name}")
    return environment


def _last_words(output: bytes) -> str:
    """Return the end of `output` as one line that is safe to print."""
    lines = output[-8 * _QUOTED_CHARACTERS :].decode("utf-8", "replace").splitlines()
    words = [line.strip() for line in lines if line.strip()][-_QUOTED_LINES:]
    quoted = " | ".join(words)
    if len(quoted) > _QUOTED_CHARACTERS:
        quoted = "…" + quoted[-_QUOTED_CHARACTERS:]
    return printable(quoted)
