"""Every mistake that is reported has a fixture, with its report beside it.

The name of a file in `fixtures/invalid` begins with the code of the diagnostic and may
end in the number of diagnostics. After `--snapshot-update`, read the difference.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from goldens import GoldenBeside
from places import ROOT
from syrupy.assertion import SnapshotAssertion

from pflow_lower.api import (
    LoweringError,
    Outcome,
    lower,
    lower_bytes,
    make_options,
)
from pflow_lower.cli.lower import command
from pflow_lower.diagnostics import Code, Diagnostic
from pflow_lower.display.render import render
from pflow_lower.support.statuses import ExitStatus

FOLDER = ROOT / "fixtures" / "invalid"
FIXTURES = sorted(FOLDER.glob("*.json"), key=lambda path: path.stem)
WARNINGS = [path for path in FIXTURES if path.name.startswith("PFL5")]
ERRORS = [path for path in FIXTURES if path not in WARNINGS]

WITHOUT_FILE = {Code.NOT_JSON}
"""What no file can hold: `test_reader.py` has it."""

any_fixture = pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)


class Golden(GoldenBeside):
    """What is shown about a fixture: `x.out` stands beside `x.json`."""

    file_extension = "out"
    test = "test_golden"
    folder = FOLDER


def outcome(path: Path) -> Outcome:
    options = make_options(path.stem, "value", {})
    return lower_bytes(path.name, path.read_bytes(), options)


def reported(path: Path) -> tuple[tuple[Diagnostic, ...], str]:
    """Return the diagnostics of a fixture, and what is shown of them."""
    found = outcome(path)
    return found.diagnostics, render(found.diagnostics, found.origin, found.name)


def expected_count(path: Path) -> int:
    number = re.search(r"-(\d+)$", path.stem)
    return int(number[1]) if number else 1


@any_fixture
def test_it_has_as_many_diagnostics_as_its_name_says_and_no_other(path: Path) -> None:
    diagnostics, _ = reported(path)
    code = Code(path.name.partition("-")[0])

    assert code in [one.code for one in diagnostics]
    assert len(diagnostics) == expected_count(path)
    assert {one.severity for one in diagnostics} == {code.severity}


@any_fixture
def test_golden(path: Path, snapshot: SnapshotAssertion) -> None:
    _, shown = reported(path)

    assert f"{shown}\n" == snapshot.use_extension(Golden)(name=path.stem)


@any_fixture
def test_the_first_line_says_where_it_is(path: Path) -> None:
    diagnostics, shown = reported(path)
    one = diagnostics[0]

    assert shown.startswith(
        f"{path.name}:{one.line}:{one.column}: {one.severity}[{one.code}]: "
    )


@pytest.mark.parametrize("path", ERRORS, ids=lambda path: path.stem)
def test_a_workflow_with_errors_is_not_lowered(path: Path) -> None:
    assert outcome(path).lowered is None


@pytest.mark.parametrize("path", WARNINGS, ids=lambda path: path.stem)
def test_a_workflow_with_warnings_is_lowered(path: Path) -> None:
    result = outcome(path).lowered

    assert result is not None
    compile(result.module, path.name, "exec")
    assert result.ir_text.endswith("}\n")


@any_fixture
def test_only_a_warning_lets_the_command_line_write(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = command.main(
        [str(path), "--out-dir", str(tmp_path), "--quiet"], standalone_mode=False
    )
    output = capsys.readouterr()
    written = {written.suffix for written in tmp_path.iterdir()}

    assert output.out == ""
    assert f"[{path.name[:6]}]" in output.err
    if path in WARNINGS:
        assert (status, written) == (ExitStatus.OK, {".json", ".py"})
    else:
        assert (status, written) == (ExitStatus.FAILED, set())


@any_fixture
def test_the_rest_of_the_text_is_as_people_write_it(path: Path) -> None:
    raw = path.read_bytes()

    assert raw.endswith(b"\n")
    assert b"\r" not in raw
    assert b"\t" not in raw
    assert re.fullmatch(r"PFL\d{3}-[a-z0-9-]+\.json", path.name)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (
            '{"nodes": []}'.encode("utf-16-le"),
            "w.json:1:2: error[PFL001]: expected a key in double quotes or '}'\n"
            '  1 | {␀"␀n␀o␀d␀e␀s␀"␀:␀ ␀[␀]␀}␀\n'
            "    |  ^ the text may be UTF-16: save it as UTF-8",
        ),
        (
            '{"nodes": []}'.encode("utf-16"),
            "w.json:1:1: error[PFL007]: the text is UTF-16, not UTF-8\n"
            '  1 | {"nodes": []}\n'
            "    | ^ save the file as UTF-8",
        ),
        (
            b'{"nodes": [], "version": %s}' % (b"9" * 4301),
            "w.json:1:26: error[PFL004]: 999999999999999999999999999999999999999… "
            "is too large for a number\n"
            f'  1 | {{"nodes": [], "version": {"9" * 75}…\n'
            f"    | {' ' * 25}{'^' * 75} write it as a string",
        ),
        (
            b'\xef\xbb\xbf{"nodes": []}',
            'w.json:1:11: error[PFL107]: "nodes" must not be empty\n'
            '  1 | {"nodes": []}\n'
            "    |           ^",
        ),
    ],
    ids=["UTF-16 without a mark", "UTF-16", "4301 digits", "UTF-8 with a mark"],
)
def test_what_is_said_about_bytes_that_no_file_here_should_hold(
    raw: bytes, shown: str
) -> None:
    found = lower_bytes("w.json", raw, make_options("w", "value", {}))

    assert render(found.diagnostics, found.origin, found.name) == shown


def test_what_is_said_about_an_object_that_is_no_json() -> None:
    with pytest.raises(LoweringError) as raised:
        lower({"nodes": [{"id": "a", "type": "echo", "params": {"value": {1, 2}}}]})

    assert str(raised.value) == (
        "workflow: error[PFL008] at nodes[0].params.value: set is not a JSON value\n"
        "  hint: give it as a dict, list, str, int, float, bool or None"
    )


def test_a_program_that_lowers_a_wrong_file_writes_nothing(tmp_path: Path) -> None:
    path = FOLDER / "PFL301-unknown-name.json"
    arguments = [str(path), "--out-dir", str(tmp_path / "out")]
    run = subprocess.run(
        [sys.executable, "-m", "pflow_lower", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (run.returncode, run.stdout) == (ExitStatus.FAILED, "")
    assert 'error[PFL301]: no node or input is called "sumarize"' in run.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_code_has_a_fixture() -> None:
    codes = {Code(path.name.partition("-")[0]) for path in FIXTURES}

    assert codes == set(Code) - WITHOUT_FILE


def test_every_fixture_has_a_line_in_the_readme_and_every_line_a_fixture() -> None:
    readme = (ROOT / "fixtures" / "README.md").read_text("utf-8")
    sections = re.split(r"^## ", readme, flags=re.MULTILINE)
    (invalid,) = [part for part in sections if part.startswith("invalid\n")]
    lines = re.findall(r"^\| `(PFL\d+-.*?)` \| (.+) \|$", invalid, re.MULTILINE)

    assert [name for name, _ in lines] == [path.stem for path in FIXTURES]


def test_every_fixture_has_a_golden_and_every_golden_a_fixture() -> None:
    goldens = {path.stem for path in FOLDER.glob("*.out")}

    assert goldens == {path.stem for path in FIXTURES}


def test_the_docs_have_a_line_about_each_family() -> None:
    language = (ROOT / "docs" / "language.md").read_text("utf-8")
    families = {f"{code[:4]}xx" for code in Code}

    assert families == set(re.findall(r"`(PFL\dxx)` \|", language))
