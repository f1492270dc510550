"""One workflow of a call: where it is from, where it goes, and its lowering.

Data goes to standard output and messages to standard error. No mistake of a user
shows a traceback: `docs/language.md` § 6.
"""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import click

from pflow_lower.api import Outcome, lower_bytes, make_options, output_paths
from pflow_lower.cli.config import find_config
from pflow_lower.cli.streams import say
from pflow_lower.codegen.lowering import module_name
from pflow_lower.pipeline import Options
from pflow_lower.support.statuses import ExitStatus

STDIN = "-"


class Job(NamedTuple):
    """A workflow to be lowered; `shown` is what messages call it.

    A `source` of None is standard input, a `directory` of None standard output.
    """

    shown: str
    source: Path | None
    directory: Path | None
    options: Options

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that lowering writes."""
        if self.directory is None:
            return ()
        name = self.options.name
        return output_paths(name, module_name(name), self.directory)


class Choices(NamedTuple):
    """What the command line says about a job."""

    out_dir: Path | None = None
    results: str | None = None
    strict: bool = False
    stdin_filename: str | None = None
    in_place: bool = False
    """Whether the folder is that of the workflow, whatever the project says."""


def make_job(workflow: str, choices: Choices) -> Job:
    """Combine what the command line and the project say; the command line wins.

    Raises ConfigError, click.UsageError and OSError.
    """
    source = None if workflow == STDIN else Path(workflow)
    path = source or Path(choices.stdin_filename or "workflow.json")
    config = find_config(path.parent)
    directory = choices.out_dir or config.out_dir
    if directory is None or choices.in_place:
        directory = path.parent
    try:
        stem = Path(os.path.abspath(path)).stem  # "." has a name, too
        results = choices.results or config.results or "value"
        options = make_options(stem, results, {})
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    options = options._replace(
        nodes=config.nodes,
        strict=choices.strict or bool(config.strict),
        ignore=config.ignore,
        folders=(str(directory), str(path.parent)),
    )
    shown = workflow if source else choices.stdin_filename or "<stdin>"
    return Job(shown, source, directory, options)


def run_job(job: Job, finish: Callable[[Job, Outcome], int]) -> int:
    """Lower a workflow, and finish with what came of it; return the exit status."""
    try:
        raw = sys.stdin.buffer.read() if job.source is None else job.source.read_bytes()
        return finish(job, lower_bytes(job.shown, raw, job.options))
    except BrokenPipeError:
        raise
    except OSError as error:
        place = os.fsdecode(error.filename or job.shown)
        say(f"{place}: error: {error.strerror or error}")
    except ValueError as error:
        say(f"{job.shown}: error: {error}")
    return ExitStatus.WRONG_USAGE


def formatted(outcomes: Sequence[Outcome], form: str, color: str) -> str:
    """Return the diagnostics in one of the forms of `--output-format`."""
    # Late: most runs have nothing to show.
    from pflow_lower.display.formats import FileResult, format_results
    from pflow_lower.display.render import wants_color

    results = [FileResult(one.name, one.diagnostics, one.origin) for one in outcomes]
    colored = wants_color(color, sys.stderr, os.environ)
    return format_results(results, form, color=colored)
