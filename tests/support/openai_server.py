"""A server on this machine that answers as OpenAI's does, with what it is told to."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, TypeAlias

Answer: TypeAlias = str | tuple[int, str]
"""What the model says; or a status, and what the server says is wrong."""

MODELS = """\
- model_id: local
  model_name: local
  api_base: "{base}/v1"
  supports_schema: true
  api_key_name: local
"""


class Server(ThreadingHTTPServer):
    """Gives answers one after the other and keeps what it was asked."""

    def __init__(self, answers: list[Answer]) -> None:
        super().__init__(("127.0.0.1", 0), _Request)
        self.answers = iter(answers)
        self.asked: list[dict[str, Any]] = []

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Request(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        self.server.asked.append(json.loads(self.rfile.read(length)))
        answer = next(self.server.answers)
        if isinstance(answer, str):
            self.answer(200, completion(answer))
        else:
            status, message = answer
            self.answer(status, {"error": {"message": message}})

    def answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: standard error belongs to the tests."""


def completion(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "local",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }


@contextmanager
def serving(user_path: Path, *answers: Answer) -> Iterator[Server]:
    """Serve the model `local`, which settings of `llm` in a folder lead to."""
    with Server([*answers]) as server:
        user_path.mkdir(exist_ok=True)
        settings = MODELS.format(base=server.base)
        (user_path / "extra-openai-models.yaml").write_text(settings)
        (user_path / "keys.json").write_text('{"local": "sk-secret"}')
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
