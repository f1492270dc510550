"""Show what pflow-lower does, with real commands on real files: `make run`.

Works in a temporary copy of examples/summarize. A stand-in answers instead of a
language model; each of its answers takes half a second.
"""

import ast
import json
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "summarize"
PROGRAM = (sys.executable, "docs_lowered.py")
JOURNAL = ("--journal", "run.sqlite")
ANSWER_SECONDS = 0.5
"""How long the stand-in takes, as it says."""

KILLED_AFTER = 10
"""How many summaries are in the journal when the run is killed."""


def main() -> None:
    """Tell the story, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "summarize"
        shutil.copytree(EXAMPLE, folder)
        show_workflow(folder)
        show_mistake(folder)
        show_lowering(folder)
        show_run(folder)
        show_resume(folder)


def show_workflow(folder: Path) -> None:
    """Print the nodes of the workflow in one line."""
    nodes = json.loads((folder / "docs.json").read_text("utf-8"))["nodes"]
    steps = (f"{node['id']}{' (batch)' * ('batch' in node)}" for node in nodes)
    heading("The workflow, examples/summarize/docs.json")
    print("  " + " -> ".join(steps))
    print("  `llm` is a stand-in here (stand_in.py), whose answers take 0.5 s each.")


def show_mistake(folder: Path) -> None:
    """Lower the workflow with a misspelled reference."""
    path = folder / "docs.json"
    right = path.read_text("utf-8")
    path.write_text(right.replace("${text}", "${txt}"), "utf-8")
    heading("A mistake is found before anything runs: ${txt} for ${text}")
    command("pflow-lower docs.json")
    lower(folder, expected_status=1)
    path.write_text(right, "utf-8")


def show_lowering(folder: Path) -> None:
    """Lower the workflow and print the class of a batch node."""
    heading("Lowering writes a plain workflow and a Python module")
    command("pflow-lower docs.json")
    lower(folder, expected_status=0)
    module = (folder / "docs_lowered.py").read_text("utf-8")
    for statement in ast.parse(module).body:
        if isinstance(statement, ast.ClassDef) and statement.name == "SummarizeFiles":
            source = ast.get_source_segment(module, statement) or ""
            print("\n".join(f"  {line}".rstrip() for line in source.splitlines()))


def show_run(folder: Path) -> None:
    """Run the module and print how long it took."""
    heading("A parallel run")
    command("python docs_lowered.py")
    seconds, output = run_program(folder)
    report = json.loads(output)["report"].splitlines()
    print(f"  {report[0]}\n  ... and {len(report) - 1} more summaries")
    print(
        f"  {seconds:.1f} s for {len(report)} summaries and the report, 10 at a time"
        f" ({(len(report) + 1) * ANSWER_SECONDS:.1f} s of answers)"
    )


def show_resume(folder: Path) -> None:
    """Kill a run, run it again, and print what each of the two did."""
    heading("A run that is killed, and resumed")
    command("python docs_lowered.py --journal run.sqlite    # kill -9")
    began = time.monotonic()
    with subprocess.Popen((*PROGRAM, *JOURNAL), cwd=folder) as running:
        while journaled(folder) < KILLED_AFTER and running.poll() is None:
            time.sleep(0.01)
        running.kill()
    seconds = time.monotonic() - began
    if running.returncode != -signal.SIGKILL:
        raise RuntimeError(
            f"the run ended with {running.returncode} before it was killed"
        )
    kept = journaled(folder)
    print(f"  killed after {seconds:.1f} s: {kept} summaries are in the journal")

    command("python docs_lowered.py --journal run.sqlite")
    seconds, _ = run_program(folder, *JOURNAL)
    new = journaled(folder) - kept
    print(f"  finished in {seconds:.1f} s: {kept} kept, {new} summarized now")


def lower(folder: Path, expected_status: int) -> None:
    """Lower the workflow, with the diagnostics on this terminal."""
    arguments = (sys.executable, "-m", "pflow_lower", "docs.json")
    ended = subprocess.run(arguments, cwd=folder, check=False)
    if ended.returncode != expected_status:
        raise RuntimeError(f"pflow-lower ended with {ended.returncode}")


def run_program(folder: Path, *arguments: str) -> tuple[float, str]:
    """Run the module; return the seconds that it took, and its output."""
    began = time.monotonic()
    ended = subprocess.run(
        (*PROGRAM, *arguments), cwd=folder, check=False, capture_output=True, text=True
    )
    if ended.returncode:
        raise RuntimeError(f"the run ended with {ended.returncode}:\n{ended.stderr}")
    return time.monotonic() - began, ended.stdout


def journaled(folder: Path) -> int:
    """Return how many summaries the journal holds."""
    path = folder / "run.sqlite"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as journal:
        try:
            query = "SELECT count(*) FROM items WHERE node = 'summarize_files'"
            return int(journal.execute(query).fetchone()[0])
        except sqlite3.OperationalError:  # its tables are not there yet
            return 0


def heading(text: str) -> None:
    """Print a heading, before what the next program prints."""
    print(f"\033[1m{text}\033[0m" if sys.stdout.isatty() else f"== {text}")
    sys.stdout.flush()


def command(text: str) -> None:
    """Print a command line, before what it prints."""
    print(f"$ {text}", flush=True)


if __name__ == "__main__":
    main()
