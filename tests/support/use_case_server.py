"""The other side of the use cases: a language model and an API, in its own process.

`python tests/use_case_server.py --latency 0.05 --llm-home FOLDER` prints its URL and
answers until its standard input is closed. Below `/v1/` it is a language model by
the protocol of OpenAI, whose names and key are written into the folder; all other
paths are endpoints that give JSON. `/log` is what it was asked, a `Request` each.
"""

import argparse
import asyncio
import json
import re
import sys
from asyncio import StreamReader, StreamWriter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import cast

from language_models import Fault, LanguageModel
from servers import Asked, Reply, Server, as_json

MODELS = {
    "stream": "",
    "whole": "can_stream: false",
    "sync": "completion: true",
}
"""Models that stream their answers, do not, and can only be asked synchronously."""

_FAULTS: tuple[Fault, ...] = (
    "rate-limited",
    "broken",
    "dropped",
    "malformed",
    "hanging",
    "cut",
)
_FAILING = (1, 4, 8)
"""The last digits of the numbers of items that fail: 30 % of them."""


@dataclass(frozen=True)
class Request:
    """One request: what it was about, and how many were under way then.

    `subject` is the prompt of a model, or the path of an endpoint.
    """

    subject: str
    fault: Fault | None
    under_way: int


def fault_of(subject: str, before: int, times: int) -> Fault | None:
    """Give what goes wrong with a subject, by the last number in it.

    It does so for the first `times` requests, with half of the faults once more.
    """
    numbers = re.findall(r"\d+", subject)
    number = int(numbers[-1]) if numbers else 0
    turn, digit = divmod(number, 10)
    if digit not in _FAILING or before >= times + (times and 1 - turn % 2):
        return None
    return _FAULTS[(turn * len(_FAILING) + _FAILING.index(digit)) % len(_FAULTS)]


class Site:
    """What the server answers; `times` is how often that fails which fails at all."""

    def __init__(self, latency: float, times: int) -> None:
        self._latency = latency
        self._times = times
        self._before: dict[str, int] = {}
        self._model = LanguageModel(self._fault, latency)

    def __call__(self, asked: Asked) -> tuple[Reply, str, Fault | None]:
        """Give the reply, what it is about, and what is wrong with it."""
        if asked.target.startswith("/v1/"):
            reply = self._model(asked)
            said = self._model.log[-1]
            return reply, said.prompt, said.fault
        path = asked.target.partition("?")[0]
        before = self._before.get(path, 0)
        self._before[path] = before + 1
        fault = self._fault(path, before)
        reply = _endpoint(asked, fault)
        reply.after = self._latency
        return reply, path, fault

    def _fault(self, subject: str, before: int) -> Fault | None:
        return fault_of(subject, before, self._times)


def _endpoint(asked: Asked, fault: Fault | None) -> Reply:
    """Give the reply of an endpoint; many servers repeat what they were sent."""
    path, _, query = asked.target.partition("?")
    sent = asked.headers.get("authorization", "nothing")
    match fault:
        case "rate-limited":
            return as_json({"error": f"slow down, {sent}"}, 429, retry_after="0.01")
        case "broken":
            return as_json({"error": f"it broke for {sent}"}, 500)
        case "malformed":
            return Reply(b'{"path": "', headers={"content-type": "application/json"})
    said: dict[str, object] = {"path": path, "query": query}
    reply = as_json(said | ({"sent": asked.headers} if "/echo/" in path else {}))
    if fault in ("cut", "dropped", "hanging"):
        reply.ending = fault
    return reply


class CrowdedServer(Server):
    """A server that has a log, and lets no answer go before a crowd has come.

    So many requests of a batch are seen to be under way at once on any machine,
    however slow it is, if they ever are.
    """

    def __init__(self, site: Site, crowd: int) -> None:
        super().__init__(self._begin)
        self.log: list[Request] = []
        self._site = site
        self._crowd = crowd
        self._crowded = asyncio.Event()
        self._under_way: set[int] = set()

    def _begin(self, asked: Asked) -> Reply:
        if asked.target == "/log":
            return as_json([asdict(request) for request in self.log])
        reply, subject, fault = self._site(asked)
        self._under_way.add(asked.connection)
        self.log.append(Request(subject, fault, len(self._under_way)))
        if len(self.log) >= self._crowd:
            self._crowded.set()
        return reply

    async def _exchange(
        self, reader: StreamReader, writer: StreamWriter, number: int
    ) -> bool:
        held = cast("StreamWriter", _HeldWriter(writer, self._crowded))
        try:
            return await super()._exchange(reader, held, number)
        finally:
            self._under_way.discard(number)


class _HeldWriter:
    """Writes an answer once it may go."""

    def __init__(self, writer: StreamWriter, may_go: asyncio.Event) -> None:
        self._writer = writer
        self._may_go = may_go
        self._answer = b""

    def write(self, answer: bytes) -> None:
        self._answer = answer

    async def drain(self) -> None:
        await self._may_go.wait()
        self._writer.write(self._answer)
        await self._writer.drain()


async def answer_until_closed(server: CrowdedServer, llm_home: Path | None) -> None:
    """Answer until standard input is closed; raises what has gone wrong meanwhile."""
    stop = asyncio.Event()

    def started() -> None:
        if llm_home is not None:
            write_llm_home(llm_home, server.url)
        print(server.url, flush=True)

    running = asyncio.create_task(server.run(started, stop))
    await asyncio.to_thread(sys.stdin.read)
    stop.set()
    await running
    if server.failures:
        raise server.failures[0]


def write_llm_home(folder: Path, url: str) -> None:
    """Tell the library llm, whose home the folder is, of the models at a URL."""
    (folder / "extra-openai-models.yaml").write_text(
        "".join(
            f"- model_id: {name}\n  model_name: {name}\n  api_base: {url}/v1\n"
            f"  api_key_name: here\n  {more}\n"
            for name, more in MODELS.items()
        )
    )
    keys = folder / "keys.json"
    if not keys.exists():
        keys.write_text(json.dumps({"here": "a key for nothing"}))


def main() -> None:
    parser = argparse.ArgumentParser(description="a language model and an API")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds")
    parser.add_argument("--crowd", type=int, default=0, help="how many to wait for")
    parser.add_argument("--times", type=int, default=0, help="how often 30 %% fail")
    parser.add_argument("--llm-home", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    site = Site(options.latency, options.times)
    server = CrowdedServer(site, options.crowd)
    asyncio.run(answer_until_closed(server, options.llm_home))


if __name__ == "__main__":
    main()
