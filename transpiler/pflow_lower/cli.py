"""The command line: arguments in, files and an exit status out.

`docs/language.md` § 6 has the statuses. Data goes to standard output, everything
that is said about it to standard error; what the user can get wrong never shows
a traceback.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

from pflow_lower.version import __version__

if TYPE_CHECKING:
    from pflow_lower.api import Lowered

OK, HAS_ERRORS, WRONG_USAGE, BUG, INTERRUPTED = 0, 1, 2, 3, 130

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the options of one call say."""

    out_dir: Path | None
    results: str
    strict: bool
    quiet: bool


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("workflows", nargs=-1, required=True, metavar="WORKFLOW...")
@click.option(
    "--out-dir",
    type=click.Path(path_type=Path),
    help="Write into this folder instead of beside each workflow.",
)
@click.option(
    "--results",
    type=click.Choice(["value", "record"]),
    default="value",
    show_default=True,
    help="What one result of a batch is: the primary output, "
    "or a record of all outputs and the item.",
)
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@click.option("-q", "--quiet", is_flag=True, help="Say nothing where nothing is wrong.")
@click.version_option(__version__, prog_name="pflow-lower")
def command(
    workflows: tuple[str, ...],
    out_dir: Path | None,
    results: str,
    strict: bool,
    quiet: bool,
) -> int:
    """Lower workflows with batch nodes to a plain DAG and a PocketFlow module.

    Each WORKFLOW, a JSON file, gives NAME.lowered.json and NAME_lowered.py beside
    it. With "-" the workflow comes from standard input, and the lowered one goes
    to standard output.
    """
    settings = Settings(out_dir, results, strict, quiet)
    try:
        jobs = list(_jobs(workflows, settings))
        _refuse_shared_outputs(jobs)
        return max((_run(job, settings) for job in jobs), default=OK)
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read it has enough
        _forget_stdout()
        return WRONG_USAGE


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and exit."""
    sys.exit(_status(arguments))


def _status(arguments: Sequence[str] | None) -> int:
    try:
        status = command.main(
            args=arguments, prog_name="pflow-lower", standalone_mode=False
        )
    except click.ClickException as error:
        error.show()
        return WRONG_USAGE
    except Exception:
        import traceback

        traceback.print_exc()
        _say("this is a bug in pflow-lower; please report it with the workflow")
        return BUG
    return int(status or OK)


@dataclass(frozen=True, slots=True)
class _Job:
    """One workflow: what it is called, where it is from, where it goes."""

    shown: str
    name: str
    source: Path | None
    directory: Path | None


def _jobs(workflows: Sequence[str], settings: Settings) -> Iterator[_Job]:
    for workflow in workflows:
        if workflow == STDIN:
            yield _Job("<stdin>", "workflow", None, settings.out_dir)
        elif workflow.endswith(".lowered.json"):
            _note(f"{workflow}: passed over, it is a lowered workflow", settings)
        else:
            path = Path(workflow)
            directory = settings.out_dir or path.parent
            yield _Job(workflow, path.stem, path, directory)


def _refuse_shared_outputs(jobs: Sequence[_Job]) -> None:
    """Refuse two workflows of which one would overwrite what the other wrote."""
    from pflow_lower.api import output_paths
    from pflow_lower.lowering import module_name

    writers: dict[Path, str] = {}
    for job in jobs:
        if job.directory is None:
            continue
        for path in output_paths(job.name, module_name(job.name), job.directory):
            other = writers.setdefault(path.absolute(), job.shown)
            if other is not job.shown or jobs.count(job) > 1:
                raise click.UsageError(
                    f"{other} and {job.shown} would both write {path}"
                )


def _run(job: _Job, settings: Settings) -> int:
    """Lower one workflow; give its exit status."""
    from pflow_lower.api import LoweringError, lower_bytes, make_options

    try:
        raw = _read(job)
        options = make_options(job.name, settings.results, {}, settings.strict)
        lowered = lower_bytes(job.shown, raw, options)
        return _finish(lowered, job, settings)
    except LoweringError as error:
        _say(str(error))
        return HAS_ERRORS
    except BrokenPipeError:
        raise
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else None
        place = getattr(error, "filename", None) or job.shown
        _say(f"{os.fsdecode(place)}: error: {reason or error}")
        return WRONG_USAGE


def _finish(lowered: "Lowered", job: _Job, settings: Settings) -> int:
    """Show the warnings, and write what was lowered."""
    if lowered.diagnostics:
        _say(lowered.rendered)
    if job.directory is None:
        _write_stdout(lowered.ir_text)
        return OK
    for path in lowered.write(job.directory):
        _note(f"wrote {path}", settings)
    return OK


def _write_stdout(text: str) -> None:
    try:
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _forget_stdout()
        raise OSError(error.errno, error.strerror, "<stdout>") from error


def _forget_stdout() -> None:
    """Drop what could not be written: Python would try again when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _read(job: _Job) -> bytes:
    return sys.stdin.buffer.read() if job.source is None else job.source.read_bytes()


def _note(text: str, settings: Settings) -> None:
    if not settings.quiet:
        _say(text)


def _say(text: str) -> None:
    click.echo(text, err=True)
