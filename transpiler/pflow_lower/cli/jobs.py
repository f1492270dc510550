"""One workflow of a call: where it is from, where it goes, and its lowering.

Data goes to standard output and messages to standard error. No mistake of a user
shows a traceback: `docs/language.md` § 6.
"""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import click

from pflow_lower.api import Outcome, lower_bytes, make_options, output_paths
from pflow_lower.cli.config import find_config
from pflow_lower.cli.streams import say
from pflow_lower.codegen.lowering import module_name
from pflow_lower.display.output_formats import OUTPUT_FORMATS
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the options of one call say; None where they say nothing."""

    out_dir: Path | None = None
    results: str | None = None
    strict: bool = False
    check: bool = False
    diff: bool = False
    graph: str | None = None
    output_format: str = "text"
    color: str = "auto"
    stdin_filename: str | None = None
    quiet: bool = False
    arguments: tuple[str, ...] | None = None
    """The arguments of the program, if the workflow is to be run."""

    @property
    def runs(self) -> bool:
        """Whether the workflow is run."""
        return self.arguments is not None

    @property
    def writes(self) -> bool:
        """Whether files are written."""
        return not (self.check or self.diff or self.graph or self.runs)

    @property
    def is_for_programs(self) -> bool:
        """Whether diagnostics go to standard output, for programs."""
        return OUTPUT_FORMATS[self.output_format].is_for_programs

    def note(self, text: str) -> None:
        """Write a message that --quiet leaves out."""
        if not self.quiet:
            say(text)


def make_job(workflow: str, settings: Settings) -> Job:
    """Combine what the command line and the project say; the command line wins.

    Raises ConfigError, click.UsageError and OSError.
    """
    source = None if workflow == STDIN else Path(workflow)
    path = source or Path(settings.stdin_filename or "workflow.json")
    config = find_config(path.parent)
    directory = settings.out_dir or config.out_dir
    if directory is None or settings.runs:
        directory = path.parent
    try:
        stem = Path(os.path.abspath(path)).stem  # "." has a name, too
        results = settings.results or config.results or "value"
        options = make_options(stem, results, {})
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    options = options._replace(
        nodes=config.nodes,
        strict=settings.strict or bool(config.strict),
        ignore=config.ignore,
        folders=(str(directory), str(path.parent)),
    )
    shown = workflow if source else settings.stdin_filename or "<stdin>"
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


def formatted(outcomes: Sequence[Outcome], settings: Settings) -> str:
    """Return the diagnostics in the form of `--output-format`."""
    # Late: most runs have nothing to show.
    from pflow_lower.display.formats import FileResult, format_results
    from pflow_lower.display.render import wants_color

    results = [FileResult(one.name, one.diagnostics, one.origin) for one in outcomes]
    colored = wants_color(settings.color, sys.stderr, os.environ)
    return format_results(results, settings.output_format, color=colored)
