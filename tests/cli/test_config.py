"""`[tool.pflow-lower]`: what is read, what is refused, and who wins."""

from pathlib import Path

import pytest

from pflow_lower.cli.config import Config, ConfigError, find_config
from pflow_lower.diagnostics import Code
from pflow_lower.nodetypes.catalog import ImportReference


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "pyproject.toml"
    path.write_text(text)
    return path


def test_everything_it_may_say(tmp_path: Path) -> None:
    write(
        tmp_path,
        """
        [tool.pflow-lower]
        results = "record"
        strict = true
        ignore = ["PFL501", "PFL502"]
        out-dir = "build/flows"

        [tool.pflow-lower.nodes]
        llm = "mypkg.nodes:Summarize"
        """,
    )
    assert find_config(tmp_path / "flows" / "deep") == Config(
        results="record",
        strict=True,
        ignore=frozenset({Code.UNUSED_ALIAS, Code.CAP_WITHOUT_PARALLEL}),
        out_dir=tmp_path / "build" / "flows",
        nodes={"llm": ImportReference("mypkg.nodes", "Summarize")},
    )


def test_the_nearest_one_counts_alone(tmp_path: Path) -> None:
    write(tmp_path, "[tool.pflow-lower]\nstrict = true\n")
    write(tmp_path / "inner", "[project]\nname = 'x'\n")
    assert find_config(tmp_path / "inner" / "flows") == Config()
    assert find_config(tmp_path / "other").strict is True


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            'resuls = "value"',
            '[tool.pflow-lower] has no key "resuls": did you mean "results"?',
        ),
        (
            "x = 1",
            '[tool.pflow-lower] has no key "x": '
            "the keys are results, strict, ignore, out-dir, nodes",
        ),
        (
            'results = "both"',
            '[tool.pflow-lower] results must be "value" or "record", not "both"',
        ),
        (
            "results = 1",
            '[tool.pflow-lower] results must be "value" or "record", not a number',
        ),
        (
            'strict = "yes"',
            "[tool.pflow-lower] strict must be true or false, not a string",
        ),
        (
            'ignore = "PFL501"',
            "[tool.pflow-lower] ignore must be an array of codes, not a string",
        ),
        (
            "ignore = [501]",
            "[tool.pflow-lower] ignore must contain codes, not a number",
        ),
        (
            'ignore = ["PFL301"]',
            "[tool.pflow-lower] ignore cannot contain PFL301: "
            "an error cannot be ignored",
        ),
        (
            "out-dir = 5",
            "[tool.pflow-lower] out-dir must be the path of a folder, not a number",
        ),
        (
            "nodes = 5",
            "[tool.pflow-lower] nodes must be a table, not a number",
        ),
        (
            'nodes = {llm = "mypkg.nodes.Summarize"}',
            '[tool.pflow-lower] nodes "llm" must be package.module:Class, '
            'not "mypkg.nodes.Summarize"',
        ),
    ],
)
def test_what_it_may_not_say(tmp_path: Path, text: str, message: str) -> None:
    path = write(tmp_path, f"[tool.pflow-lower]\n{text}\n")
    with pytest.raises(ConfigError) as caught:
        find_config(tmp_path)
    assert str(caught.value) == f"{path}: error: {message}"


def test_a_code_that_is_none_gets_a_hint(tmp_path: Path) -> None:
    write(tmp_path, '[tool.pflow-lower]\nignore = ["PFL5O1"]\n')
    expected = (
        r'contains "PFL5O1", which is not the code of a warning: '
        r'did you mean "PFL5\d\d"'
    )
    with pytest.raises(ConfigError, match=expected):
        find_config(tmp_path)


def test_every_mistake_is_listed(tmp_path: Path) -> None:
    path = write(tmp_path, "[tool.pflow-lower]\nstrict = 1\nresult = 2\n")
    with pytest.raises(ConfigError) as caught:
        find_config(tmp_path)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert all(line.startswith(f"{path}: error: [tool.pflow-lower] ") for line in lines)


@pytest.mark.parametrize("text", ["[tool.pflow-lower\n", "a = 1\na = 2\n"])
def test_a_file_that_is_no_toml_is_an_error_of_its_own(
    tmp_path: Path, text: str
) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError, match=r"pyproject\.toml: error: ") as caught:
        find_config(tmp_path)
    assert str(path) in str(caught.value)


def test_a_table_of_another_kind_is_refused(tmp_path: Path) -> None:
    write(tmp_path, '[tool]\npflow-lower = "yes"\n')
    with pytest.raises(ConfigError, match="must be a table, not a string"):
        find_config(tmp_path)
