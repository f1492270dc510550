"""`pflow-lower lower`, the default command: lower workflows, compare, draw or run."""

import gc
import os
import sys
from collections.abc import Sequence
from io import StringIO
from pathlib import Path
from typing import Any, NoReturn

import click

from pflow_lower.api import Lowered, Outcome
from pflow_lower.cli import COMMANDS
from pflow_lower.cli.jobs import Job, Settings, formatted, make_job, run_job
from pflow_lower.cli.running import HELP, QUIET, RESULTS, STRICT, run_command
from pflow_lower.cli.streams import say, write_stdout
from pflow_lower.display.output_formats import OUTPUT_FORMATS
from pflow_lower.support.statuses import ExitStatus
from pflow_lower.version import __version__

RUN = "--run"


def _print_schema(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        from pflow_lower.check.schema import schema_text

        write_stdout(schema_text())
        context.exit()


def _explain(context: click.Context, _: click.Parameter, code: str | None) -> None:
    if code is not None:
        from pflow_lower.display.explanations import explain

        try:
            text = explain(code)
        except LookupError as error:
            raise click.UsageError(str(error.args[0])) from error
        write_stdout(f"{text}\n")
        context.exit()


@click.command(
    context_settings=HELP,
    epilog="\n".join(
        ["\b", "Commands:", *(f"  {name:<8}{COMMANDS[name]}" for name in COMMANDS)]
    ),
)
@click.argument("workflows", nargs=-1, required=True, metavar="WORKFLOW...")
@click.option(
    "--out-dir",
    type=click.Path(path_type=Path),
    help="Write into this folder instead of beside each workflow.",
)
@RESULTS
@STRICT
@click.option(
    "--run",
    is_flag=True,
    help="Write nothing; run one workflow with the arguments that follow it, and "
    "print its outputs.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; fail if a file would be changed."
)
@click.option("--diff", is_flag=True, help="Write nothing; show what would be changed.")
@click.option(
    "--graph",
    type=click.Choice(["mermaid", "dot"]),
    help="Write nothing; draw the workflow before and after lowering.",
)
@click.option(
    "--output-format",
    type=click.Choice(list(OUTPUT_FORMATS)),
    default="text",
    show_default=True,
    help="How diagnostics are shown; json and sarif go to standard output.",
)
@click.option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Whether to color text; auto respects NO_COLOR and FORCE_COLOR.",
)
@click.option(
    "--stdin-filename",
    metavar="FILE",
    help='The name of the workflow "-" in messages; its configuration is looked '
    "up there.",
)
@QUIET
@click.option(
    "--explain",
    metavar="CODE",
    callback=_explain,
    is_eager=True,
    expose_value=False,
    help="Explain a code such as PFL301, and exit.",
)
@click.option(
    "--schema",
    is_flag=True,
    callback=_print_schema,
    is_eager=True,
    expose_value=False,
    help="Print the JSON Schema of workflows, and exit.",
)
@click.version_option(__version__, prog_name="pflow-lower")
def command(workflows: tuple[str, ...], run: bool, **given: Any) -> int:
    """Lower workflows with batch nodes to a plain DAG and a PocketFlow module.

    For each WORKFLOW, a JSON file, NAME.lowered.json and NAME_lowered.py are written
    beside it. The WORKFLOW "-" is read from standard input, and its lowered IR is
    written to standard output. A project can set options in the table
    [tool.pflow-lower] of its pyproject.toml.

    With --run, everything after the WORKFLOW is for the program: an input, as in
    "pflow-lower --run docs.json -i topic=tea", or --help, which lists the inputs.
    """
    arguments: tuple[str, ...] | None = None
    if run:
        workflows, arguments = workflows[:1], workflows[1:]
        arguments = arguments[1:] if arguments[:1] == ("--",) else arguments
    elif RUN in workflows:
        raise click.UsageError(f"{RUN} must come before the workflow to run")
    return _lower(workflows, Settings(arguments=arguments, **given))


def status(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    # Everything after a workflow to run is for its program.
    interspersed = RUN not in arguments
    return run_command(
        command, arguments, "pflow-lower", allow_interspersed_args=interspersed
    )


def _lower(workflows: Sequence[str], settings: Settings) -> int:
    jobs: list[Job] = []
    for workflow in workflows:
        if workflow.endswith(".lowered.json") and not settings.runs:
            settings.note(f"{workflow}: skipped, it is a lowered workflow")
        else:
            job = make_job(workflow, settings)
            if job.source is None and settings.out_dir is None and settings.writes:
                job = job._replace(directory=None)
            jobs.append(job)
    check_option_conflicts(jobs, settings)
    outcomes: list[Outcome] = []

    def finish(job: Job, outcome: Outcome) -> int:
        outcomes.append(outcome)
        return _finish(outcome, job, settings)

    worst = max((run_job(job, finish) for job in jobs), default=ExitStatus.OK)
    if settings.is_for_programs:
        write_stdout(formatted(outcomes, settings))
    return worst


def check_option_conflicts(jobs: Sequence[Job], settings: Settings) -> None:
    """Refuse to mix data on standard output, and to write a file twice.

    Raises click.UsageError.
    """
    data = settings.diff or settings.graph or settings.runs
    data = data or any(not job.directory for job in jobs)
    if data and settings.is_for_programs:
        raise click.UsageError(
            f"--output-format {settings.output_format} needs standard output for itself"
        )
    if settings.graph and (settings.check or settings.diff):
        raise click.UsageError("--graph does not go with --check or --diff")
    if settings.runs and (settings.check or settings.diff or settings.graph):
        raise click.UsageError("--run does not go with --check, --diff or --graph")
    if settings.runs and settings.out_dir:
        raise click.UsageError("--run writes nothing: it does not go with --out-dir")
    writers: dict[Path, Job] = {}
    for job in jobs if settings.writes else ():
        for path in job.paths:
            other = writers.setdefault(path.absolute(), job)
            if other is not job:
                raise click.UsageError(
                    f"{other.shown} and {job.shown} would both write {path}"
                )


def _finish(outcome: Outcome, job: Job, settings: Settings) -> int:
    """Do with a lowered workflow what the settings ask for."""
    if outcome.diagnostics and not settings.is_for_programs:
        say(formatted([outcome], settings))
    lowered, artefacts = outcome.lowered, outcome.artefacts
    if lowered is None or artefacts is None:
        return ExitStatus.FAILED
    if settings.graph:
        from pflow_lower.display.drawing import DRAWINGS

        write_stdout(DRAWINGS[settings.graph](artefacts.before, artefacts.after))
    elif job.directory is None:
        write_stdout(lowered.ir_text)
    elif settings.arguments is not None:
        _run(lowered, job.directory, settings.arguments)
    elif settings.writes:
        for path in lowered.write(job.directory):
            settings.note(f"wrote {path}")
    else:
        return _compare(lowered, job, settings)
    return ExitStatus.OK


def _run(lowered: Lowered, folder: Path, arguments: Sequence[str]) -> NoReturn:
    """Run a lowered workflow as a program in a folder, and exit as the program would.

    The program can import the modules in the folder. `arguments` are its own:
    `docs/language.md` § 6.
    """
    gc.enable()  # lowering does without, but a run may be long
    sys.path.insert(0, os.path.abspath(folder))
    try:
        module = lowered.load()
    except Exception as error:  # raised by a module of the user that it imports
        sys.stderr.write(f"error: {lowered.name} cannot be run: {error}\n")
        sys.exit(ExitStatus.FAILED)
    module.main(module.build_flow, arguments)
    raise AssertionError("the program did not exit")


def _compare(lowered: Lowered, job: Job, settings: Settings) -> int:
    """Report each file that is missing or different; return the exit status."""
    status = ExitStatus.OK
    wanted = (lowered.ir_text, lowered.module)
    for path, new in zip(job.paths, wanted, strict=True):
        old = path.read_bytes() if path.exists() else None
        if old == new.encode():
            continue
        status = ExitStatus.FAILED
        if settings.check:
            what = "is missing" if old is None else "is out of date"
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
    # str.splitlines would also split at U+2028, which any string may contain.
    return StringIO(text, newline="\n").readlines()
