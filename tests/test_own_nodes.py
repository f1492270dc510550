"""Nodes of an installed package: found by entry point, checked, and run.

The package is `fixtures/own_nodes`. It is built into a wheel and unpacked into a
folder for packages, as an installer would; each step is a process of its own.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from places import ROOT

PACKAGE = ROOT / "fixtures" / "own_nodes"

WORKFLOW = {
    "inputs": {"words": {"type": "array"}},
    "nodes": [
        {
            "id": "shout",
            "type": "upper",
            "batch": {"items": "${words}", "as": "word", "parallel": True},
            "params": {"text": "${word}", "suffix": "!"},
        },
        {
            "id": "n",
            "type": "count-words",
            "params": {"text": "I said ${shout.results}"},
        },
    ],
    "edges": [{"from": "shout", "to": "n"}],
    "outputs": {
        "shouted": {"source": "${shout.results}"},
        "words": {"source": "${n.words}"},
    },
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, and install it into a folder of its own."""
    folder = tmp_path_factory.mktemp("own_nodes")
    shutil.copytree(PACKAGE, folder / "source")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=folder / "source",
        capture_output=True,
        timeout=120,
        check=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    # Whoever imports it leaves a trace: to lower a workflow must not.
    module = folder / "site" / "acme_texts" / "__init__.py"
    trace = f"open({str(folder / 'imported')!r}, 'a').close()\n"
    module.write_text(module.read_text() + trace)
    return folder / "site"


def python(
    *arguments: str, cwd: Path, site: Path | None = None
) -> subprocess.CompletedProcess[str]:
    path = [] if site is None else [str(site)]
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def lower(
    workflow: object, folder: Path, site: Path | None, *options: str
) -> subprocess.CompletedProcess[str]:
    (folder / "docs.json").write_text(json.dumps(workflow))
    arguments = ("-m", "pflow_lower", "docs.json", "-q", *options)
    return python(*arguments, cwd=folder, site=site)


def changed(node: int, **params: object) -> dict[str, object]:
    """Give the workflow with other params of one node."""
    workflow = json.loads(json.dumps(WORKFLOW))
    workflow["nodes"][node]["params"] = params
    return dict(workflow)


def test_they_are_known_when_they_are_installed(tmp_path: Path, site: Path) -> None:
    ended = lower(WORKFLOW, tmp_path, site)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert not (site.parent / "imported").exists()


def test_they_are_run(tmp_path: Path, site: Path) -> None:
    lower(WORKFLOW, tmp_path, site)
    ended = python(
        "docs_lowered.py", "-i", 'words=["tea", "mate"]', cwd=tmp_path, site=site
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert json.loads(ended.stdout) == {"shouted": ["TEA!", "MATE!"], "words": 4}
    (site.parent / "imported").unlink()


def test_what_is_written_does_not_depend_on_what_is_installed(
    tmp_path: Path, site: Path
) -> None:
    lower(WORKFLOW, tmp_path, site)
    before = (tmp_path / "docs_lowered.py").read_bytes()
    ended = lower(WORKFLOW, tmp_path, None)

    assert (tmp_path / "docs_lowered.py").read_bytes() == before
    assert ended.returncode == 0
    assert ended.stderr.count("warning[PFL503]") == 2


def test_where_they_are_not_installed_a_run_says_so(tmp_path: Path) -> None:
    lower(WORKFLOW, tmp_path, None)
    ended = python("docs_lowered.py", "-i", "words=[]", cwd=tmp_path)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == (
        'error: the node type "upper" is not installed: no package has an entry '
        'point "upper" in the group "pflow_lower.nodes"\n'
    )


def test_an_entry_point_that_is_no_node(tmp_path: Path, site: Path) -> None:
    workflow = {"nodes": [{"id": "a", "type": "broken"}]}
    assert lower(workflow, tmp_path, site).stderr == ""
    ended = python("docs_lowered.py", cwd=tmp_path, site=site)

    assert ended.returncode == 1
    assert "is acme_texts.nodes:NOT_A_NODE, not a PocketFlow node" in ended.stderr
    (site.parent / "imported").unlink()


@pytest.mark.parametrize(
    ("workflow", "said", "hint"),
    [
        (
            changed(0, text="${word}", sufix="!"),
            'warning[PFL504]: the type "upper" has no param "sufix"',
            'did you mean "suffix"?',
        ),
        (
            changed(0, suffix="${word}"),
            'error[PFL209]: node "shout" of type "upper" is missing the param "text"',
            "",
        ),
        (
            changed(0, txt="${word}"),
            'error[PFL209]: node "shout" of type "upper" is missing the param "text"',
            'write "text" instead of "txt"',
        ),
    ],
)
def test_params_are_checked(
    workflow: object, said: str, hint: str, tmp_path: Path, site: Path
) -> None:
    ended = lower(workflow, tmp_path, site)

    assert ended.returncode == (1 if said.startswith("error") else 0)
    assert ended.stderr.splitlines()[0].partition(": ")[2] == said
    assert hint in ended.stderr


def test_outputs_are_checked(tmp_path: Path, site: Path) -> None:
    workflow = {
        "nodes": [
            {"id": "a", "type": "upper", "params": {"text": "tea"}},
            {"id": "b", "type": "echo", "params": {"value": "${a.txt}"}},
        ],
        "edges": [{"from": "a", "to": "b"}],
    }
    ended = lower(workflow, tmp_path, site)

    assert ended.returncode == 1
    assert 'error[PFL304]: node "a" has no output "txt"' in ended.stderr
    assert 'did you mean "text"?' in ended.stderr


def test_one_that_has_failed_may_have_left_outputs(tmp_path: Path, site: Path) -> None:
    workflow = {
        "nodes": [
            {"id": "a", "type": "upper", "params": {"text": "tea"}},
            {"id": "b", "type": "echo"},
            {"id": "c", "type": "echo", "params": {"value": "${a.text}"}},
        ],
        "edges": [
            {"from": "a", "to": "c"},
            {"from": "a", "to": "b", "action": "error"},
            {"from": "b", "to": "c"},
        ],
    }
    ended = lower(workflow, tmp_path, site)

    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("reference", ["acme_texts:Upper", "acme_texts.nodes:Upper"])
def test_import_references_and_mapped_types_are_checked_too(
    reference: str, tmp_path: Path, site: Path
) -> None:
    table = f'[tool.pflow-lower.nodes]\nlouder = "{reference}"\n'
    (tmp_path / "pyproject.toml").write_text(table)
    workflow = {
        "nodes": [
            {"id": "a", "type": "louder"},
            {"id": "b", "type": reference, "params": {"text": "", "length": 1}},
        ],
        "edges": [{"from": "a", "to": "b"}],
    }
    ended = lower(workflow, tmp_path, site)

    assert ended.returncode == 1
    assert 'node "a" of type "louder" is missing the param "text"' in ended.stderr
    assert f'the type "{reference}" has no param "length"' in ended.stderr
    assert not (site.parent / "imported").exists()


def test_nodes_beside_the_workflow_are_found(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("class Mine:\n    params = {'x': 'required'}\n")
    flows = {"nodes": [{"id": "a", "type": "mine:Mine"}]}
    ended = lower(flows, tmp_path, None)

    assert ended.returncode == 1
    assert 'is missing the param "x"' in ended.stderr
