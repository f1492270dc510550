"""The work of one call of the command line: each workflow read, lowered, written.

Data goes to standard output, everything that is said about it to standard error.
What the user can get wrong never shows a traceback: `docs/language.md` § 6.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import NamedTuple

from pflow_lower.api import Lowered, Outcome, lower_bytes, make_options, output_paths
from pflow_lower.cli.config import ConfigError, find_config
from pflow_lower.codegen.lowering import module_name
from pflow_lower.pipeline import Options

OK, HAS_ERRORS, WRONG_USAGE, BUG, INTERRUPTED = 0, 1, 2, 3, 130

STDIN = "-"
ON_STDOUT = ("json", "sarif")
"""The forms of output that a program reads."""


class UsageError(Exception):
    """The arguments make no sense together."""


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
    """Those of the program, where the workflow is to be run."""

    @property
    def runs(self) -> bool:
        """Whether the workflow is run."""
        return self.arguments is not None

    @property
    def writes(self) -> bool:
        """Whether files are written."""
        return not (self.check or self.diff or self.graph or self.runs)


class Job(NamedTuple):
    """One workflow: what it is called, where it is from, where it goes.

    A `source` of None is standard input, a `directory` of None standard output.
    """

    shown: str
    source: Path | None
    directory: Path | None
    options: Options

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files that it is lowered to."""
        if self.directory is None:
            return ()
        name = self.options.name
        return output_paths(name, module_name(name), self.directory)


def run(workflows: Sequence[str], settings: Settings) -> int:
    """Lower workflows as the settings say; give the exit status.

    Raises UsageError, before anything is read.
    """
    try:
        jobs = list(_jobs(workflows, settings))
    except ConfigError as error:
        say(str(error))
        return WRONG_USAGE
    _refuse_nonsense(jobs, settings)
    outcomes: list[Outcome] = []
    worst = max((_run(job, settings, outcomes) for job in jobs), default=OK)
    if settings.output_format in ON_STDOUT:
        write_stdout(_formatted(outcomes, settings))
    return worst


def say(text: str) -> None:
    """Say something on standard error, whatever characters it can show."""
    encoding = sys.stderr.encoding or "utf-8"
    shown = text.encode(encoding, "backslashreplace").decode(encoding)
    sys.stderr.write(f"{shown}\n")


def write_stdout(text: str) -> None:
    """Write data to standard output; raises OSError, which names it."""
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        forget_stdout()
        raise OSError(error.errno, error.strerror, "<stdout>") from error


def forget_stdout() -> None:
    """Drop what could not be written: Python would try again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _jobs(workflows: Sequence[str], settings: Settings) -> Iterator[Job]:
    for workflow in workflows:
        if workflow == STDIN:
            named = settings.stdin_filename
            path = Path(named or "workflow.json")
            yield _job(named or "<stdin>", path, settings, is_stdin=True)
        elif workflow.endswith(".lowered.json") and not settings.runs:
            _note(f"{workflow}: passed over, it is a lowered workflow", settings)
        else:
            yield _job(workflow, Path(workflow), settings)


def _job(shown: str, path: Path, settings: Settings, *, is_stdin: bool = False) -> Job:
    """Put together what the command line and the project say; the former wins."""
    config = find_config(path.parent)
    chosen = None if settings.runs else settings.out_dir or config.out_dir
    directory = chosen or path.parent
    to_stdout = is_stdin and settings.out_dir is None and settings.writes
    try:
        stem = Path(os.path.abspath(path)).stem  # "." has a name, too
        options = make_options(stem, settings.results or "value", {})
    except ValueError as error:
        raise UsageError(str(error)) from error
    options = options._replace(
        results=options.results if settings.results else config.results or "value",
        nodes=config.nodes,
        strict=settings.strict or bool(config.strict),
        ignore=config.ignore,
        folders=(str(directory), str(path.parent)),
    )
    source = None if is_stdin else path
    return Job(shown, source, None if to_stdout else directory, options)


def _refuse_nonsense(jobs: Sequence[Job], settings: Settings) -> None:
    """Refuse what would mix data on standard output, or overwrite what was written."""
    programs = settings.output_format in ON_STDOUT
    data = settings.diff or settings.graph or settings.runs
    data = data or any(not job.directory for job in jobs)
    if programs and data:
        raise UsageError(
            f"--output-format {settings.output_format} needs standard output for itself"
        )
    if settings.graph and (settings.check or settings.diff):
        raise UsageError("--graph does not go with --check or --diff")
    if settings.runs and (settings.check or settings.diff or settings.graph):
        raise UsageError("--run does not go with --check, --diff or --graph")
    if settings.runs and settings.out_dir:
        raise UsageError("--run writes nothing: it does not go with --out-dir")
    writers: dict[Path, Job] = {}
    for job in jobs:
        for path in job.paths:
            other = writers.setdefault(path.absolute(), job)
            if other is not job and settings.writes:
                raise UsageError(
                    f"{other.shown} and {job.shown} would both write {path}"
                )


def _run(job: Job, settings: Settings, outcomes: list[Outcome]) -> int:
    """Lower one workflow; keep what came of it, and give its status."""
    try:
        raw = sys.stdin.buffer.read() if job.source is None else job.source.read_bytes()
        outcome = lower_bytes(job.shown, raw, job.options)
        outcomes.append(outcome)
        if outcome.diagnostics and settings.output_format not in ON_STDOUT:
            say(_formatted([outcome], settings))
        return _finish(outcome, job, settings)
    except BrokenPipeError:
        raise
    except OSError as error:
        place = os.fsdecode(error.filename or job.shown)
        say(f"{place}: error: {error.strerror or error}")
    except ValueError as error:
        say(f"{job.shown}: error: {error}")
    return WRONG_USAGE


def _formatted(outcomes: Sequence[Outcome], settings: Settings) -> str:
    """Give the diagnostics in the form that was asked for."""
    # Late: most runs have nothing to show.
    from pflow_lower.display.formats import FileResult, format_results
    from pflow_lower.display.render import wants_color

    results = [FileResult(one.name, one.diagnostics, one.origin) for one in outcomes]
    color = wants_color(settings.color, sys.stderr, os.environ)
    return format_results(results, settings.output_format, color=color)


def _finish(outcome: Outcome, job: Job, settings: Settings) -> int:
    """Do with a lowered workflow what the settings ask for."""
    lowered, artefacts = outcome.lowered, outcome.artefacts
    if lowered is None or artefacts is None:
        return HAS_ERRORS
    if settings.graph:
        from pflow_lower.display.drawing import DRAWINGS

        write_stdout(DRAWINGS[settings.graph](artefacts.before, artefacts.after))
    elif job.directory is None:
        write_stdout(lowered.ir_text)
    elif settings.arguments is not None:
        from pflow_lower.cli.program import start

        start(lowered, job.directory, settings.arguments)
    elif settings.writes:
        for path in lowered.write(job.directory):
            _note(f"wrote {path}", settings)
    else:
        return _compare(lowered, job, settings)
    return OK


def _compare(lowered: Lowered, job: Job, settings: Settings) -> int:
    """Compare what would be written with what is there."""
    status = OK
    wanted = (lowered.ir_text, lowered.module)
    for path, new in zip(job.paths, wanted, strict=True):
        old = path.read_bytes() if path.exists() else None
        if old == new.encode():
            continue
        status = HAS_ERRORS
        if settings.check:
            what = "is missing" if old is None else "is not what the workflow gives"
            say(f"{path}: {what}; lower {job.shown} again")
        if settings.diff:
            write_stdout(_diff(path, old, new))
    return status


def _diff(path: Path, old: bytes | None, new: str) -> str:
    from difflib import unified_diff  # late: only a difference needs it

    before = "" if old is None else old.decode(errors="replace")
    name = os.devnull if old is None else str(path)
    return "".join(unified_diff(_lines(before), _lines(new), name, str(path)))


def _lines(text: str) -> list[str]:
    # str.splitlines would also split at U+2028, which may stand in any string.
    return StringIO(text, newline="\n").readlines()


def _note(text: str, settings: Settings) -> None:
    if not settings.quiet:
        say(text)
