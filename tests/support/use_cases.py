"""The workflows in `fixtures/use_cases`, run as programs against a server."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from places import FIXTURES, SUPPORT
from programs import PATIENCE, Ended
from use_case_server import Request

FOLDER = FIXTURES / "use_cases"


@dataclass(frozen=True)
class OtherSide:
    """A server that runs; `home` is a home of the library llm that knows its models."""

    url: str
    home: Path

    def log(self) -> list[Request]:
        """Give the requests that it has had so far."""
        with urlopen(f"{self.url}/log", timeout=PATIENCE) as answer:
            return [Request(**each) for each in json.load(answer)]

    def most_under_way(self) -> int:
        """Give how many requests it had at once, when they were most."""
        return max(request.under_way for request in self.log())


@contextmanager
def other_side(home: Path, *options: str) -> Iterator[OtherSide]:
    """Run a server in a process of its own, with the options of its program."""
    home.mkdir(exist_ok=True)
    program = str(SUPPORT / "use_case_server.py")
    process = subprocess.Popen(
        [sys.executable, program, "--llm-home", str(home), *options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    with process:
        try:
            yield OtherSide(process.stdout.readline().strip(), home)
        finally:
            process.stdin.close()
            assert process.wait(PATIENCE) == 0


def workflow(name: str, *, parallel: bool = True) -> Any:
    """Read a use case; it is parallel as it stands, and can be made sequential."""
    ir = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    batches = [node["batch"] for node in ir["nodes"] if "batch" in node]
    for batch in [] if parallel else batches:
        del batch["parallel"], batch["max_concurrent"]
    return ir


@dataclass
class Case:
    """A workflow in a folder: lowered by the command line, run as a program."""

    folder: Path
    ir: Mapping[str, Any]
    environment: Mapping[str, str] = field(default_factory=dict)

    def run(self, *options: str, inputs: Mapping[str, Any]) -> Ended:
        """Lower it and run what came out of that, to its end."""
        (self.folder / "case.json").write_text(json.dumps(self.ir), "utf-8")
        lowered = self._call("-m", "pflow_lower", "--strict", "case.json")
        assert lowered.returncode == 0, lowered.stderr
        given = [f"{name}={_argument(value)}" for name, value in inputs.items()]
        arguments = [part for each in given for part in ("-i", each)]
        return self._call("case_lowered.py", *options, *arguments)

    def outputs(self, *options: str, inputs: Mapping[str, Any]) -> Any:
        """Run it to a good end; give its outputs."""
        ended = self.run(*options, inputs=inputs)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def _call(self, *arguments: str) -> Ended:
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=os.environ | dict(self.environment),
            capture_output=True,
            encoding="utf-8",
            timeout=2 * PATIENCE,
            check=False,
        )


def _argument(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
