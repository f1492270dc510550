"""The workflows in `fixtures/valid`, and how each of them is lowered and run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from places import ROOT, SUPPORT

from pflow_lower import Lowered, lower_file
from pflow_lower.ir.workflow import ResultForm

FOLDER = ROOT / "fixtures" / "valid"
FILES = ROOT / "fixtures" / "files"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fixture:
    """A workflow, with what it needs that a file cannot say."""

    name: str
    nodes: Mapping[str, str] = field(default_factory=dict)
    results: ResultForm = "value"
    arguments: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    said: str = ""
    """What a run says on standard error."""

    @property
    def path(self) -> Path:
        return FOLDER / f"{self.name}.json"

    def lower(self, name: str | None = None) -> Lowered:
        return lower_file(self.path, name=name, results=self.results, nodes=self.nodes)


_LOST = """\
${first.value.gone} is missing: "first.value" has no "gone", only there
${first.value.gone} is missing: "first.value" has no "gone", only there
${first.value.gone[${first.value.there}]} is missing: "first.value" has no "gone", \
only there
${nobody.value} is missing: there is no "nobody", only first
${name ?? first.value.gone} is missing: "first.value" has no "gone", only there
${name ?? first.value.gone} is missing: "first.value" has no "gone", only there
${nobody} is missing: there is no "nobody", only first
${item.kind} is missing: "item" has no "kind", only nothing
${item.kind} is missing: "item" has no "kind", only nothing
""".replace("\n", "; it is left as it was written\n")

_PARTICULAR = (
    Fixture(name="summarize_files", nodes={"llm": "nodes_for_tests:FakeLLM"}),
    Fixture(name="records", results="record"),
    Fixture(name="carried_through", warnings=("PFL501",)),
    Fixture(name="permissive", warnings=("PFL301", "PFL301"), said=_LOST),
    Fixture(
        name="inputs_outputs",
        arguments=("-i", "topic=tea", "-i", 'names=["Ada", "Zoë"]', "-i", "loud=true"),
        warnings=("PFL506",),
    ),
)

FIXTURES = {path.stem: Fixture(name=path.stem) for path in sorted(FOLDER.glob("*"))}
FIXTURES |= {fixture.name: fixture for fixture in _PARTICULAR}


def run_program(
    module: Path, folder: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a generated module as a program, in a new folder with `fixtures/files`."""
    shutil.copytree(FILES, folder)
    return subprocess.run(
        [sys.executable, "-W", "error", str(module), *arguments],
        cwd=folder,
        env={
            **os.environ,
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": str(SUPPORT),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
