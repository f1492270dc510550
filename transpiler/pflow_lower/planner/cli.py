"""The command line of the planner, `pflow-plan`."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

import click

from pflow_lower.cli.config import Config, find_config
from pflow_lower.cli.running import HELP, run_command
from pflow_lower.cli.streams import say, write_stdout
from pflow_lower.display.render import render, wants_color
from pflow_lower.document.reader import read_bytes
from pflow_lower.pipeline import Options
from pflow_lower.planner.asking import ModelError
from pflow_lower.planner.planning import Attempt, Plan, PlanError, plan_with
from pflow_lower.planner.prompt import instructions
from pflow_lower.support.atomic import is_special, replace_file
from pflow_lower.support.statuses import ExitStatus
from pflow_lower.version import __version__

STDOUT = "-"


@click.command(context_settings=HELP)
@click.argument("request", required=False)
@click.option(
    "-o",
    "--output",
    default=STDOUT,
    metavar="FILE",
    help="Write the workflow to this file instead of standard output.",
)
@click.option(
    "-m",
    "--model",
    metavar="NAME",
    help='A model that "llm models" lists; the default is that of llm.',
)
@click.option(
    "--attempts",
    type=click.IntRange(min=1),
    default=3,
    show_default=True,
    help="How often to ask; a reply with errors is sent back to the model.",
)
@click.option(
    "--prompt", is_flag=True, help="Print the instructions for the model, and exit."
)
@click.version_option(__version__, prog_name="pflow-plan")
def command(request: str | None, **settings: Any) -> int:
    """Let a model write the workflow that REQUEST, a sentence, describes.

    The workflow has been checked and lowered, but not run: read it before you run it.
    Your own node types are those in pyproject.toml, as for pflow-lower.
    """
    try:
        return _run(request, **settings)
    except (ModelError, ImportError) as error:
        say(f"pflow-plan: error: {error}")
        return ExitStatus.WRONG_USAGE


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, and exit with its status."""
    given = sys.argv[1:] if arguments is None else arguments
    sys.exit(run_command(command, given, "pflow-plan"))


def _run(
    request: str | None, output: str, model: str | None, attempts: int, prompt: bool
) -> int:
    config = find_config(Path() if output == STDOUT else Path(output).parent)
    if prompt:
        write_stdout(f"{instructions(config.nodes)}\n")
        return ExitStatus.OK
    if request is None or not request.strip():
        raise click.UsageError("describe what the workflow should do")
    if output != STDOUT:
        is_special(output)  # a folder is refused before a model is paid for
    options = Options(
        nodes=config.nodes, strict=bool(config.strict), ignore=config.ignore
    )
    try:
        planned = plan_with(options, request, model=model, attempts=attempts)
    except PlanError as error:
        _report(error.best)
        say(f"pflow-plan: error: {error}")
        return ExitStatus.FAILED
    return _deliver(planned, output, config)


def _report(best: Attempt) -> None:
    """Show the best reply, which does not lower, on standard error."""
    say("the best reply was:\n")
    say(
        "".join(
            char if char.isprintable() or char in "\n\t" else f"\\u{ord(char):04x}"
            for char in best.text
        )
    )
    say("")


def _deliver(planned: Plan, output: str, config: Config) -> int:
    """Write the workflow, and report its warnings."""
    data = planned.text.encode()
    shown = "<stdout>" if output == STDOUT else output
    if planned.diagnostics:
        _, document, _ = read_bytes(shown, data)
        color = wants_color("auto", sys.stderr, os.environ)
        say(render(planned.diagnostics, document, color=color))
    if config.results == "record":
        say('note: the workflow is written for results = "value", not for "record"')
    if output == STDOUT:
        write_stdout(planned.text)
        return ExitStatus.OK
    try:
        replace_file(output, data)
    except OSError:
        # The reply was paid for: a full disk must not lose it.
        say(f"cannot write {output}; the workflow goes to standard output instead")
        write_stdout(planned.text)
        raise
    say(f"wrote {output}")
    return ExitStatus.OK
