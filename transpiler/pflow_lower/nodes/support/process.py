"""Running a command in a session of its own, and ending it whole.

Not with asyncio's subprocesses: those kill the one process that they started
and leave its children, a cancellation can hit them between the fork and the
moment when there is something to kill, and before Python 3.12 they lean on a
child watcher. Here no `await` stands between the two, and any selector event
loop will do, in any thread.
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
    """What to run: a line for the shell, or the words of a command."""

    words: str | list[str]
    stdin: bytes
    cwd: str | None
    environment: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How it ended: exit status (minus the number of a signal), and what it printed."""

    status: int
    stdout: bytes
    stderr: bytes


async def run(command: Command, timeout: float | None) -> Ending:
    """Run a command until it has ended and nobody writes to its output any more.

    Past `timeout` seconds TimeoutError is raised. By then, and before a
    cancellation goes on, the command and all that it started are killed, apart
    from what put itself into a session of its own. Raises OSError if the
    command cannot be started.
    """
    with _start(command) as process:  # closes the pipes
        try:
            async with asyncio.timeout(timeout):
                stdout, stderr = await _exchange(process, command.stdin)
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
            # Never our own standard input: many a command would eat it.
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
    process: subprocess.Popen[bytes], stdin: bytes
) -> tuple[bytes, bytes]:
    """Hand over `stdin` and collect stdout and stderr until both are closed."""
    stdout, stderr = _Intake(process.stdout), _Intake(process.stderr)
    ends: list[_End] = [stdout, stderr]
    if process.stdin:
        ends.append(_Feed(process.stdin, stdin))
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
        """Stop watching; once is enough, more does no harm."""
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
        self._loop.add_reader(self._pipe.fileno(), self._take)

    def _take(self) -> None:
        with suppress(BlockingIOError):
            chunk = os.read(self._pipe.fileno(), _CHUNK)
            if chunk:
                self.chunks.append(chunk)
            else:
                self.close()


class _Feed(_End):
    """Passes bytes through a pipe as fast as they are wanted."""

    def __init__(self, pipe: IO[bytes], content: bytes) -> None:
        super().__init__(pipe)
        self._rest = memoryview(content)
        self._loop.add_writer(pipe.fileno(), self._give)

    def _give(self) -> None:
        try:
            self._rest = self._rest[os.write(self._pipe.fileno(), self._rest) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # a command need not read its input to the end
            self._rest = self._rest[:0]
        if not self._rest:
            self.close()


async def _exit(process: subprocess.Popen[bytes]) -> None:
    """Wait until it has ended, looking as often as `Popen.wait` with a timeout does."""
    pause = 0.0005
    while process.poll() is None:
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.05)


def _kill(process: subprocess.Popen[bytes]) -> None:
    # While its leader is not reaped, no other group can have got the number.
    if process.returncode is None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


async def _reap(process: subprocess.Popen[bytes]) -> None:
    """Wait until it has ended, whatever is cancelled meanwhile; that goes on after."""
    cancelled: asyncio.CancelledError | None = None
    while process.returncode is None:
        try:
            await _exit(process)
        except asyncio.CancelledError as exc:
            cancelled = exc
    if cancelled:
        raise cancelled
