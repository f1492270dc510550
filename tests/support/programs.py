"""Generated programs that run as processes, and what they leave behind."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from places import SUPPORT

from pflow_lower import lower

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""

Ended = subprocess.CompletedProcess[str]


class Program:
    """The program of one workflow, with a journal and a log of what its nodes did."""

    def __init__(self, folder: Path, ir: Mapping[str, Any]) -> None:
        self.folder = folder
        self.journal = folder / "run.sqlite"
        self.log = folder / "log"
        self.module = folder / "docs_lowered.py"
        self.change(ir)

    def change(self, ir: Mapping[str, Any], **options: Any) -> None:
        """Lower another workflow in place of what there is."""
        lower(ir, name="docs", **options).write(self.folder)

    def start(self, *arguments: str, **options: Any) -> "subprocess.Popen[str]":
        """Start it, with its journal unless `journal` is false.

        Its nodes may be those of the tests.
        """
        found = os.environ.get("PYTHONPATH", "").split(os.pathsep)
        paths = os.pathsep.join([str(SUPPORT), *filter(None, found)])
        environment = {**os.environ, "PYTHONPATH": paths, **options.pop("env", {})}
        has_journal = options.pop("journal", True)
        journal = ("--journal", str(self.journal)) if has_journal else ()
        command = (sys.executable, str(self.module), *journal, *arguments)
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=environment,
            **options,
        )

    def run(self, *arguments: str, **options: Any) -> Ended:
        """Run it to its end."""
        process = self.start(*arguments, **options)
        output, errors = process.communicate(timeout=PATIENCE)
        return Ended(process.args, process.returncode, output, errors)

    def outputs(self, *arguments: str, **options: Any) -> Any:
        """Run it to its end, which is a good one; give its outputs."""
        ended = self.run(*arguments, **options)
        assert ended.returncode == 0, ended.stderr
        return json.loads(ended.stdout)

    def executed(self) -> list[str]:
        """Give what nodes have logged, in order."""
        return self.log.read_text().splitlines() if self.log.exists() else []

    def newly_executed(self) -> list[str]:
        """Give what was logged since the last time, and forget it."""
        found = self.executed()
        self.log.unlink(missing_ok=True)
        return found

    def journaled(self, status: str = "succeeded") -> dict[str, Any]:
        """Give the items in the journal by their keys; what is there stays as it is."""
        query = "SELECT key, result, error FROM items WHERE status = ?"
        with TemporaryDirectory() as folder:
            for path in self.journal.parent.glob(f"{self.journal.name}*"):
                shutil.copy(path, folder)
            connection = sqlite3.connect(Path(folder) / self.journal.name)
            # A run that was killed as it began has left a file without tables.
            (has_begun,) = connection.execute("PRAGMA user_version").fetchone()
            rows = connection.execute(query, (status,)) if has_begun else ()
            found = {
                key: json.loads(result) if error is None else error
                for key, result, error in rows
            }
            connection.close()
        return found


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so; raises AssertionError if it never is."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.001)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Read a JSON Lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]
