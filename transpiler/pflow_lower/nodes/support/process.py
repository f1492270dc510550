"""Run a command in a session of its own, and end all of it.

Not with asyncio's subprocesses: those kill only the process that they started and
leave its children, a cancellation can arrive between the fork and the moment when
there is something to kill, and before Python 3.12 they need a child watcher. Here no
`await` is between the two, and any selector event loop will do, in any thread.
"""

import asyncio
import errno
import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

_CHUNK = 1 << 18


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What to run: a line for the shell, or the words of a command.

    With `holds_stdin`, the command sees the end of its standard input only when it has
    ended its output, or when this process has ended.
    """

    words: str | list[str]
    stdin: bytes
    cwd: str | None
    environment: dict[str, str]
    holds_stdin: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it ended: exit status (or minus the number of a signal), and its output."""

    status: int
    stdout: bytes
    stderr: bytes


def status(ending: Ending) -> str:
    """Say how a command ended that did not succeed."""
    if ending.status >= 0:
        return f"failed with exit status {ending.status}"
    try:
        return f"was killed by {signal.Signals(-ending.status).name}"
    except ValueError:
        return f"was killed by signal {-ending.status}"


async def run(command: Command, timeout: float | None) -> Ending:
    """Run a command until it has ended and its output is closed.

    Raises TimeoutError past `timeout` seconds, and OSError if the command cannot be
    started. On a timeout or a cancellation the command and all that it started are
    killed first, except what is in a session of its own.
    """
    with _start(command) as process:  # closes the pipes
        try:
            async with asyncio.timeout(timeout):
                stdout, stderr = await _exchange(process, command)
                await _exit(process)
        except BaseException as exc:
            _kill(process)
            await _reap(process)
            if isinstance(exc, TimeoutError):
                raise TimeoutError(
                    f"the command did not end within {timeout:g} s and was killed"
                ) from None
            raise
    return Ending(status=process.returncode, stdout=stdout, stderr=stderr)


def _start(command: Command) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command.words,
            shell=isinstance(command.words, str),
            # Never our own standard input: many commands would consume it.
            stdin=subprocess.PIPE if command.stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
            cwd=command.cwd,
            env=command.environment,
            start_new_session=True,
        )
    except OSError as exc:
        if exc.errno != errno.E2BIG:
            raise
        reason = "command and env are too long together; hand large text over as stdin"
        raise OSError(errno.E2BIG, reason) from exc


async def _exchange(
    process: subprocess.Popen[bytes], command: Command
) -> tuple[bytes, bytes]:
    """Write `stdin` and collect stdout and stderr until both are closed."""
    stdout, stderr = _Intake(process.stdout), _Intake(process.stderr)
    ends: list[_End] = [stdout, stderr]
    if process.stdin:
        ends.append(_Feed(process.stdin, command))
    try:
        await stdout.closed
        await stderr.closed
    finally:
        for end in ends:
            end.close()
    return b"".join(stdout.chunks), b"".join(stderr.chunks)


class _End:
    """Our end of a pipe, watched by the event loop until it is closed."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        assert pipe is not None, "a pipe was asked for"
        self._loop = asyncio.get_running_loop()
        self._pipe: IO[bytes] = pipe
        self.closed = self._loop.create_future()
        os.set_blocking(pipe.fileno(), False)

    def close(self) -> None:
        """Stop watching; may be called more than once."""
        if not self._pipe.closed:
            self._loop.remove_reader(self._pipe.fileno())
            self._loop.remove_writer(self._pipe.fileno())
            self._pipe.close()
        if not self.closed.done():
            self.closed.set_result(None)


class _Intake(_End):
    """Collects what comes through a pipe."""

    def __init__(self, pipe: IO[bytes] | None) -> None:
        super().__init__(pipe)
        self.chunks: list[bytes] = []
        self._loop.add_reader(self._pipe.fileno(), self._read)

    def _read(self) -> None:
        with suppress(BlockingIOError):
            chunk = os.read(self._pipe.fileno(), _CHUNK)
            if chunk:
                self.chunks.append(chunk)
            else:
                self.close()


class _Feed(_End):
    """Writes to a pipe as fast as it is read."""

    def __init__(self, pipe: IO[bytes], command: Command) -> None:
        super().__init__(pipe)
        self._rest = memoryview(command.stdin)
        self._stays = command.holds_stdin
        self._loop.add_writer(pipe.fileno(), self._write)

    def _write(self) -> None:
        try:
            self._rest = self._rest[os.write(self._pipe.fileno(), self._rest) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # a command need not read its input to the end
            self._rest = self._rest[:0]
        if not self._rest and self._stays:
            self._loop.remove_writer(self._pipe.fileno())
        elif not self._rest:
            self.close()


async def _exit(process: subprocess.Popen[bytes]) -> None:
    """Wait until it has ended, polling as often as `Popen.wait` does."""
    pause = 0.0005
    while process.poll() is None:
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.05)


def _kill(process: subprocess.Popen[bytes]) -> None:
    # Until its leader is reaped, no other group can have the number.
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


async def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait until it has ended; a cancellation meanwhile is raised afterwards."""
    cancelled: asyncio.CancelledError | None = None
    while process.returncode is None:
        try:
            await _exit(process)
        except asyncio.CancelledError as exc:
            cancelled = exc
    if cancelled:
        raise cancelled
