"""`pflow-lower bundle`: write a workflow as one file that Python runs."""

from collections.abc import Sequence
from pathlib import Path

import click

from pflow_lower.api import Outcome, check_module_name
from pflow_lower.cli.jobs import Job, Settings, formatted, make_job, run_job
from pflow_lower.cli.running import HELP, QUIET, RESULTS, STRICT, run_command
from pflow_lower.cli.streams import say
from pflow_lower.codegen.bundle import bundle
from pflow_lower.nodetypes.catalog import Catalog
from pflow_lower.support.atomic import replace_file
from pflow_lower.support.statuses import ExitStatus


@click.command(context_settings=HELP)
@click.argument("workflow")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write this file instead of NAME.pyz beside the workflow.",
)
@RESULTS
@STRICT
@QUIET
def command(
    workflow: str, output: Path | None, results: str | None, strict: bool, quiet: bool
) -> int:
    """Write a WORKFLOW as one file, NAME.pyz, that runs where only Python is.

    The file contains the generated module, the runtime, PocketFlow and the nodes: the
    built-in ones and modules of yours in Python source. "python docs.pyz -i topic=tea"
    runs it, and "python docs.pyz --help" lists its inputs and options. Packages that
    the nodes import, such as httpx2 or llm, are not in it.
    """
    settings = Settings(results=results, strict=strict, quiet=quiet)

    def finish(job: Job, outcome: Outcome) -> int:
        if outcome.diagnostics:
            say(formatted([outcome], settings))
        return _write(job, outcome, output, settings)

    return run_job(make_job(workflow, settings), finish)


def status(arguments: Sequence[str]) -> int:
    """Run the command; return its exit status."""
    return run_command(command, arguments, "pflow-lower bundle")


def _write(job: Job, outcome: Outcome, output: Path | None, settings: Settings) -> int:
    lowered, artefacts, directory = outcome.lowered, outcome.artefacts, job.directory
    if lowered is None or artefacts is None or directory is None:
        return ExitStatus.FAILED
    check_module_name(lowered)
    path = output or directory / f"{lowered.name}.pyz"
    made = bundle(lowered.module_name, lowered.module, job.options.folders)
    catalog = Catalog(job.options.nodes)
    types = dict.fromkeys(node.type for node in artefacts.before.nodes)
    named = [name for name in types if catalog.reference(name) is None]
    severity = "error" if job.options.strict else "warning"
    left_out = [f"{name}, which is {why}" for name, why in made.left_out.items()]
    left_out += [f'the node type "{name}", which is an entry point' for name in named]
    if left_out:
        say(f"{job.shown}: {severity}: the bundle lacks {'; '.join(left_out)}")
    if left_out and job.options.strict:
        return ExitStatus.FAILED
    replace_file(path, made.archive)
    if made.external:
        settings.note(f"note: {path} needs these packages: {', '.join(made.external)}")
    settings.note(f"wrote {path}")
    return ExitStatus.OK
