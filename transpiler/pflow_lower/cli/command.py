"""The command line: what its arguments are, and what an exit status means."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from pflow_lower.cli import jobs
from pflow_lower.cli.jobs import (
    BUG,
    INTERRUPTED,
    OK,
    WRONG_USAGE,
    Settings,
    UsageError,
    forget_stdout,
    say,
    write_stdout,
)
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


def _option(*names: str, **settings: Any) -> Callable[..., Any]:
    return click.option(*names, **settings)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("workflows", nargs=-1, required=True, metavar="WORKFLOW...")
@_option(
    "--out-dir",
    type=click.Path(path_type=Path),
    help="Write into this folder instead of beside each workflow.",
)
@_option(
    "--results",
    type=click.Choice(["value", "record"]),
    help="What one result of a batch is: the primary output (the default), "
    "or a record of all outputs and the item.",
)
@_option("--strict", is_flag=True, help="Treat warnings as errors.")
@_option(
    "--run",
    is_flag=True,
    help="Write nothing; run one workflow, with the arguments that follow it, and "
    "print its outputs.",
)
@_option("--check", is_flag=True, help="Write nothing; fail where a file would change.")
@_option("--diff", is_flag=True, help="Write nothing; show what would change.")
@_option(
    "--graph",
    type=click.Choice(["mermaid", "dot"]),
    help="Write nothing; draw the workflow before and after.",
)
@_option(
    "--output-format",
    type=click.Choice(["text", "concise", "json", "github", "sarif"]),
    default="text",
    show_default=True,
    help="How diagnostics are shown; json and sarif go to standard output.",
)
@_option(
    "--color",
    type=click.Choice(["auto", "always", "never"]),
    default="auto",
    show_default=True,
    help="Whether text is coloured; NO_COLOR and FORCE_COLOR are respected.",
)
@_option(
    "--stdin-filename",
    metavar="FILE",
    help='What "-" is called, and where its configuration is looked for.',
)
@_option("-q", "--quiet", is_flag=True, help="Say nothing where nothing is wrong.")
@_option(
    "--explain",
    metavar="CODE",
    callback=_explain,
    is_eager=True,
    expose_value=False,
    help="Say what a code such as PFL301 means, and exit.",
)
@_option(
    "--schema",
    is_flag=True,
    callback=_print_schema,
    is_eager=True,
    expose_value=False,
    help="Print the JSON Schema of workflows, and exit.",
)
@click.version_option(__version__, prog_name="pflow-lower")
def command(workflows: tuple[str, ...], run: bool, **settings: Any) -> int:
    """Lower workflows with batch nodes to a plain DAG and a PocketFlow module.

    Each WORKFLOW, a JSON file, gives NAME.lowered.json and NAME_lowered.py beside
    it. With "-" the workflow comes from standard input, and the lowered one goes
    to standard output. A project's settings stand in its pyproject.toml, in the
    table [tool.pflow-lower].

    With --run, what follows the WORKFLOW is for the program: an input, as in
    "pflow-lower --run docs.json -i topic=tea", or "--help", which lists them.
    """
    arguments: tuple[str, ...] | None = None
    if run:
        workflows, arguments = workflows[:1], workflows[1:]
        arguments = arguments[1:] if arguments[:1] == ("--",) else arguments
    elif RUN in workflows:
        raise click.UsageError(f"{RUN} comes before the workflow that is to be run")
    # click itself would make 1 of both of these.
    try:
        return jobs.run(workflows, Settings(arguments=arguments, **settings))
    except UsageError as error:
        raise click.UsageError(str(error)) from error
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # whoever read it has enough
        forget_stdout()
        return WRONG_USAGE


def status(arguments: Sequence[str]) -> int:
    """Run the command line; give its exit status: `docs/language.md` § 6."""
    try:
        result = command.main(
            args=list(arguments),
            prog_name="pflow-lower",
            standalone_mode=False,
            # What follows a workflow that is run are arguments of its program.
            allow_interspersed_args=RUN not in arguments,
        )
    except click.ClickException as error:
        error.show()
        return WRONG_USAGE
    except (click.Abort, KeyboardInterrupt):
        say("interrupted")
        return INTERRUPTED
    except OSError as error:
        say(f"{error.filename or '<stdout>'}: error: {error.strerror}")
        return WRONG_USAGE
    except Exception:
        import traceback

        traceback.print_exc(file=sys.stderr)
        say("this is a bug in pflow-lower; please report it with the workflow")
        return BUG
    return int(result or OK)
