"""Servers on 127.0.0.1 for tests and benchmarks, each on a thread of its own.

`with serving(answer) as server:` answers at `server.url` what the function `answer`
makes of each request.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal


@dataclass(frozen=True)
class Asked:
    """A request, as the server saw it; names of headers are in lower case.

    `connection` counts the connections that the server has accepted.
    """

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Reply:
    """What to send back, after so many seconds.

    A list of bytes is sent in chunks. What is "cut" ends in the middle of the
    body, what is "dropped" before the first byte, and what is "hanging" comes
    never, though the connection stays.
    """

    body: bytes | list[bytes] = b""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    after: float = 0.0
    ending: Literal["whole", "cut", "dropped", "hanging"] = "whole"


Answer = Callable[[Asked], Reply]


def as_json(value: object, status: int = 200, **headers: str) -> Reply:
    """Give a reply that is JSON; `retry_after` is the header Retry-After."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    body = json.dumps(value).encode()
    return Reply(body, status, {"content-type": "application/json", **named})


class Server:
    """A server that runs; `asked` is its log, `failures` what went wrong in it."""

    def __init__(self, answer: Answer) -> None:
        self.asked: list[Asked] = []
        self.failures: list[Exception] = []
        self.connections = 0
        self.url = ""
        self._answer = answer

    async def run(self, started: Callable[[], None], stop: asyncio.Event) -> None:
        """Answer until `stop` is set; `started` is called once `url` is known."""
        tasks: set[asyncio.Task[None]] = set()

        async def accept(
            reader: asyncio.StreamReader, writer: asyncio.StreamWriter
        ) -> None:
            task = asyncio.current_task()
            assert task
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            await self._converse(reader, writer)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        started()
        await stop.wait()
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()

    async def _converse(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.connections += 1
        number = self.connections
        try:
            while await self._exchange(reader, writer, number):
                pass
        except (asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
            pass  # the server stops, or the other side has gone
        except Exception as error:
            self.failures.append(error)
        finally:
            writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int
    ) -> bool:
        """Answer one request; False where there is none after it."""
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        pairs = (line.split(":", 1) for line in lines)
        headers = {name.lower(): value.strip() for name, value in pairs}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(method, target, headers, body, number)
        self.asked.append(asked)
        reply = self._answer(asked)
        if reply.after:
            await asyncio.sleep(reply.after)
        if reply.ending == "hanging":
            await reader.read(1)  # until the other side gives up
            return False
        if reply.ending == "dropped":
            return False
        sent = _octets(reply, without_body=method == "HEAD")
        writer.write(sent if reply.ending == "whole" else sent[: -len(sent) // 8])
        await writer.drain()
        return reply.ending == "whole"


def _octets(reply: Reply, *, without_body: bool) -> bytes:
    headers = {"content-length": str(len(reply.body)), **reply.headers}
    body = reply.body
    if isinstance(body, list):
        del headers["content-length"]
        headers["transfer-encoding"] = "chunked"
        body = b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in [*body, b""])
    lines = [f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    return head if without_body else head + body


@contextmanager
def serving(answer: Answer) -> Iterator[Server]:
    """Run a server in a thread."""
    server = Server(answer)
    started = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(server.run(started.set, stop))

    thread = threading.Thread(target=work, name="server", daemon=True)
    thread.start()
    assert started.wait(60), "the server did not start"
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(60)
        assert not thread.is_alive(), "the server did not stop"
        if server.failures:
            raise server.failures[0]
