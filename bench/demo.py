"""Show what pflow-lower does: `make run`.

Lowers a fixture by the command line, into a folder that is gone afterwards, shows
what came out, and runs it over the files in fixtures/files.
"""

import ast
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
WORKFLOW = ROOT / "fixtures" / "valid" / "digest.json"
TEXTS = ROOT / "fixtures" / "files"


def main() -> None:
    """Lower, show, run, show."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        heading(f"$ pflow-lower {WORKFLOW.relative_to(ROOT)} --out-dir out")
        call("-m", "pflow_lower", str(WORKFLOW), "--out-dir", str(out), "--quiet")

        heading("The lowered workflow, out/digest.lowered.json: a plain DAG")
        print((out / "digest.lowered.json").read_text("utf-8"))

        heading("The generated batch class, from out/digest_lowered.py")
        module = (out / "digest_lowered.py").read_text("utf-8")
        for name in ("ReadFiles", "DigestFiles"):
            print(f"{class_source(module, name)}\n")

        heading(f"$ python out/digest_lowered.py -i folder={TEXTS.relative_to(ROOT)}")
        call(str(out / "digest_lowered.py"), "-i", f"folder={TEXTS}")


def call(*arguments: str) -> None:
    """Run Python, which writes right to this terminal; raises where it fails."""
    subprocess.run([sys.executable, *arguments], check=True)


def class_source(module: str, name: str) -> str:
    """Give the lines of one class of a module."""
    for statement in ast.parse(module).body:
        if isinstance(statement, ast.ClassDef) and statement.name == name:
            return ast.get_source_segment(module, statement) or ""
    raise LookupError(f"the module has no class {name}")


def heading(text: str) -> None:
    """Print a heading, before what the next program prints."""
    print(f"\n\033[1m{text}\033[0m" if sys.stdout.isatty() else f"\n== {text}")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
