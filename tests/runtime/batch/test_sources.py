"""Items that are read from files, as they are on a disk."""

import csv
import gc
import json
import math
import os
import sys
import tracemalloc
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.runtime.batch.sources import SOURCES, SourceError, open_source

Written = Callable[[str | bytes], str]

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)

CELLS = st.text(st.characters(codec="utf-8"))
NAMES = CELLS.filter(str.strip).filter(lambda name: name[0] != "\ufeff")
"""A mark before the first name would be that of the file."""


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """Give a function that makes the file `f` of the working directory."""
    monkeypatch.chdir(tmp_path)

    def write(content: str | bytes) -> str:
        octets = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "f").write_bytes(octets)
        return "f"

    return write


def read(kind: str, where: object) -> list[Any]:
    return list(open_source(kind, where))


def refusal(kind: str, where: object) -> str:
    with pytest.raises(SourceError) as raised:
        read(kind, where)
    return str(raised.value)


def open_files() -> list[str]:
    links = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
    return [os.readlink(link) for link in links if os.path.islink(link)]


class TestWhatIsGiven:
    def test_the_kinds_of_sources(self) -> None:
        assert SOURCES == ("jsonl", "csv", "lines", "glob")

    def test_another_kind_is_an_error_that_lists_them(self) -> None:
        message = 'items come from jsonl, csv, lines, glob, not from "xml"'
        assert refusal("xml", "f") == message

    @pytest.mark.parametrize(
        ("where", "found"),
        [
            ("", "an empty string"),
            (None, "null"),
            (1, "a number"),
            (["f"], "an array"),
            (b"f", "a bytes"),
        ],
    )
    @pytest.mark.parametrize("kind", SOURCES)
    def test_what_is_no_path_is_an_error(
        self, kind: str, where: object, found: str
    ) -> None:
        expected = "a pattern" if kind == "glob" else "a path"
        with pytest.raises(SourceError) as raised:
            open_source(kind, where)
        assert str(raised.value) == f'items from "{kind}" need {expected}, not {found}'


@pytest.mark.parametrize("kind", ["jsonl", "csv", "lines"])
class TestFiles:
    def test_a_missing_file_is_an_error_before_the_first_item(
        self, kind: str, tmp_path: Path
    ) -> None:
        source = open_source(kind, str(tmp_path / "f"))
        with pytest.raises(SourceError) as raised:
            iter(source)
        message = f"cannot read {tmp_path / 'f'}: No such file or directory"
        assert str(raised.value) == message

    def test_so_is_a_folder(self, kind: str, tmp_path: Path) -> None:
        with pytest.raises(SourceError, match="Is a directory"):
            iter(open_source(kind, str(tmp_path)))

    @pytest.mark.parametrize("path", ["a\0b", "\ud800"])
    def test_so_is_what_no_file_can_be_called(self, kind: str, path: str) -> None:
        with pytest.raises(SourceError, match=r"^cannot read '"):
            iter(open_source(kind, path))

    def test_a_file_that_cannot_be_read_on_is_an_error(self, kind: str) -> None:
        with pytest.raises(SourceError, match=r"cannot read /proc/self/mem: Input/out"):
            read(kind, "/proc/self/mem")

    def test_home_is_spelled_out_as_the_file_nodes_do(
        self, kind: str, written: Written, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        written("1\n2\n")
        monkeypatch.setenv("HOME", os.getcwd())
        assert read(kind, "~/f") == read(kind, "f") != []

    def test_each_reading_starts_anew(self, kind: str, written: Written) -> None:
        source = open_source(kind, written("1\n2\n3\n"))
        first, second = iter(source), iter(source)
        assert next(first) == next(second)
        assert list(first) == list(second)
        Path("f").write_text("1\n4\n")
        assert list(source) == read(kind, "f")

    def test_what_one_reading_has_ended_stays_ended(
        self, kind: str, written: Written
    ) -> None:
        items = iter(open_source(kind, written("1\n2\n")))
        assert list(items) != []
        assert list(items) == []

    def test_the_file_is_closed_whatever_becomes_of_the_reading(
        self, kind: str, written: Written
    ) -> None:
        path = os.path.abspath(written("1\n2\n" + '"' * 3 + "\n"))
        ended = open_source(kind, written("1\n2\n"))
        assert list(ended)
        assert path not in open_files()
        written("1\n2\n\xff".encode("latin-1"))
        assert "UTF-8" in refusal(kind, path)
        assert path not in open_files()
        never_begun = iter(open_source(kind, path))
        begun = iter(open_source(kind, path))
        next(begun)
        assert open_files().count(path) == 2
        del never_begun, begun
        gc.collect()
        assert path not in open_files()

    def test_the_first_items_come_before_the_last_are_there(
        self, kind: str, tmp_path: Path
    ) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        # Written to by the same thread: what waited for the end would hang.
        descriptor = os.open(path, os.O_RDWR)
        try:
            os.write(descriptor, b"1\n2\n" + b"3\n" * 5000)
            items = iter(open_source(kind, str(path)))
            assert next(items) in (1, "1", {"1": "2"})
            del items
        finally:
            os.close(descriptor)

    @pytest.mark.parametrize(
        ("content", "place"),
        [
            (b"\xff", "1:1: this is not valid UTF-8: the byte 0xff"),
            (
                b'1\n"\xc3\xa9\xe2\x82"\n3\n',
                "2:3: this is not valid UTF-8: the byte 0xe2",
            ),
            (b"1\n\xed\xa0\x80\n", "2:1: this is not valid UTF-8: the byte 0xed"),
            (
                "\ufeff1\n".encode() + b"\xef",
                "2:1: this is not valid UTF-8: the byte 0xef",
            ),
            (b"\xef\xbb\xbf1\xff", "1:2: this is not valid UTF-8: the byte 0xff"),
            ("1\n".encode("utf-16"), "1:1: this is not valid UTF-8: the byte 0xff"),
        ],
    )
    def test_bytes_that_are_no_utf_8_are_an_error_that_says_where(
        self, kind: str, written: Written, content: bytes, place: str
    ) -> None:
        assert refusal(kind, written(content)).startswith(f"f:{place}")

    def test_what_stands_before_an_error_is_given(
        self, kind: str, written: Written
    ) -> None:
        items = iter(open_source(kind, written(b"1\n2\n3\n\xff\n5\n")))
        given: list[Any] = []
        with pytest.raises(SourceError, match=r"^f:4:1: "):
            given.extend(items)
        assert len(given) == (2 if kind == "csv" else 3)

    def test_a_large_file_is_not_in_memory(self, kind: str, written: Written) -> None:
        path = written(f'["{"x" * 1000}"]\n' * 5000)
        gc.collect()
        tracemalloc.start()
        try:
            count = sum(1 for _ in open_source(kind, path))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert count == 5000 - (kind == "csv")
        assert peak < 2_000_000


class TestJsonLines:
    @given(st.lists(JSON_VALUES))
    def test_it_reads_what_json_writes(self, values: list[Any]) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder, "f")
            path.write_text("".join(f"{json.dumps(value)}\n" for value in values))
            assert repr(read("jsonl", str(path))) == repr(values)

    @pytest.mark.parametrize(
        ("content", "values"),
        [
            ("", []),
            ("\n\n", []),
            (" \t\r\n", []),
            ('{"a": 1}', [{"a": 1}]),
            ('{"a": 1}\n', [{"a": 1}]),
            ('\ufeff{"a": 1}\r\n\r\n  [2]  \r\n', [{"a": 1}, [2]]),
            ('"a\u2028b\x85c"\nnull\n', ["a\u2028b\x85c", None]),
            ('"\\ud800"', ["\ud800"]),
            ('"\\ud83d\\ude00"', ["\U0001f600"]),
            ("-0.0\n1E400e\n"[:5], [-0.0]),
            ("1e308\n", [1e308]),
            ("9" * 4300, [int("9" * 4300)]),
            ("[" * 100 + "]" * 100, [json.loads("[" * 100 + "]" * 100)]),
        ],
    )
    def test_a_value_is_on_a_line_each(
        self, written: Written, content: str, values: list[Any]
    ) -> None:
        assert repr(read("jsonl", written(content))) == repr(values)

    @pytest.mark.parametrize(
        ("line", "place"),
        [
            ("{'a': 1}", ":2: this is not valid JSON: "),
            ("[1, 2", ":6: this is not valid JSON: "),
            ('  {"a": }', ":9: this is not valid JSON: "),
            ('{"é": x}', ":7: this is not valid JSON: "),
            ("{} {}", ":4: this is not valid JSON: Extra data"),
            ("[1],", ":4: this is not valid JSON: Extra data"),
            ('"a\x07b"', ":3: this is not valid JSON: "),
            ("\xa01", ":1: this is not valid JSON: "),
            ("\ufeff1", ":1: this is not valid JSON: "),
            ('  ["NaN", NaN]', ":11: NaN is not valid JSON"),
            ('{"a\\"": -Infinity}', ":9: -Infinity is not valid JSON"),
            ('["1e400", 1e400]', ":11: this number is too large"),
            ("[-1" + "0" * 400 + ".0]", ":2: this number is too large"),
            ('[1, "", ' + "9" * 5000 + "]", ":9: an integer has too many digits"),
            ("[" * 200_000, ": this JSON is nested too deeply"),
            ('{"a": {"b": 1, "c": 2, "b": 3}}', ': an object has the key "b" more th'),
        ],
    )
    def test_what_is_no_json_is_an_error_that_says_where(
        self, written: Written, line: str, place: str
    ) -> None:
        path = written(f'{{"a": 1}}\n\n{line}\n{{"b": 2}}\n')
        assert refusal("jsonl", path).startswith(f"f:3{place}")

    def test_a_last_line_that_is_cut_off_is_an_error(self, written: Written) -> None:
        path = written('{"a": "one"}\n{"a": "tw')
        assert refusal("jsonl", path).startswith("f:2:7: this is not valid JSON: ")

    def test_a_limit_on_digits_that_was_lifted_is_lifted(
        self, written: Written
    ) -> None:
        path = written("9" * 5000)
        before = sys.get_int_max_str_digits()
        sys.set_int_max_str_digits(0)
        try:
            assert read("jsonl", path) == [10**5000 - 1]
        finally:
            sys.set_int_max_str_digits(before)


class TestCsv:
    @given(
        st.lists(NAMES, min_size=2, max_size=4, unique=True),
        st.data(),
    )
    def test_it_reads_what_csv_writes(
        self, names: list[str], data: st.DataObject
    ) -> None:
        width = len(names)
        rows = data.draw(st.lists(st.lists(CELLS, min_size=width, max_size=width)))
        with TemporaryDirectory() as folder:
            path = Path(folder, "f")
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([names, *rows])
            expected = [dict(zip(names, row, strict=True)) for row in rows]
            assert read("csv", str(path)) == expected

    @pytest.mark.parametrize(
        ("content", "rows"),
        [
            ("a,b\n", []),
            ("a,b", []),
            ("a,b\n1,2", [{"a": "1", "b": "2"}]),
            ("\ufeffa,b\r\n1,2\r\n", [{"a": "1", "b": "2"}]),
            ("a\r1\r2\r", [{"a": "1"}, {"a": "2"}]),
            ('\ufeff"a"\n1\n', [{"a": "1"}]),
            ("\n\r\na,b\n\n1,2\n   \n\r\n", [{"a": "1", "b": "2"}]),
            (" a ,b\n 1 ,\n", [{" a ": " 1 ", "b": ""}]),
            ('a\n""\n   \n', [{"a": ""}, {"a": "   "}]),
            ('a,b\n"x\ny\r\nz\rw","""q"""\n', [{"a": "x\ny\r\nz\rw", "b": '"q"'}]),
            ('a,b\n5" disk,2\n', [{"a": '5" disk', "b": "2"}]),
            ("a,b\nx\u2028y,\x0b\0\n", [{"a": "x\u2028y", "b": "\x0b\0"}]),
            ("a;b\n1;2\n", [{"a;b": "1;2"}]),
            ("a\n" + "x" * 1_000_000, [{"a": "x" * 1_000_000}]),
        ],
    )
    def test_a_row_is_an_object(
        self, written: Written, content: str, rows: list[dict[str, str]]
    ) -> None:
        assert read("csv", written(content)) == rows

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "1: there is no header that names the columns"),
            ("\n\r\n", "1: there is no header that names the columns"),
            ("a,,c\n", "1: column 2 of the header has no name"),
            ("\n  ,b\n", "2: column 1 of the header has no name"),
            ('a,b,"a"\n', '1: 2 columns are called "a"'),
            ("a,b\n1,2\n3\n", "3: the row has 1 cells, the header 2"),
            ('a,b\n"1\n1",2\n\n3,4,5\n', "5: the row has 3 cells, the header 2"),
            ('a,b\n1,2\n"3\n3",4,\n', "3: the row has 3 cells, the header 2"),
            ('a,b\n1,2\n3,"4\n5,6\n', "3: this row is not valid CSV: "),
            ('a,b\n1,"2"x\n', "2: this row is not valid CSV: "),
        ],
    )
    def test_what_is_no_table_is_an_error_that_says_where(
        self, written: Written, content: str, message: str
    ) -> None:
        assert refusal("csv", written(content)).startswith(f"f:{message}")

    def test_a_limit_of_its_user_is_never_lowered(self, written: Written) -> None:
        path = written("a\n1\n")
        before = csv.field_size_limit(2**31 - 1)
        try:
            assert read("csv", path) == [{"a": "1"}]
            assert csv.field_size_limit() == 2**31 - 1
        finally:
            csv.field_size_limit(before)


class TestLines:
    @pytest.mark.parametrize(
        ("content", "lines"),
        [
            ("", []),
            ("\n \n\t\r\n\r\n", []),
            ("a\nb", ["a", "b"]),
            ("\ufeff a \r\n\tb\n", [" a ", "\tb"]),
            ("a\u2028b\x0bc\x85d\x0ce\rf\n", ["a\u2028b\x0bc\x85d\x0ce\rf"]),
            ("a\r\r\nb\r", ["a\r", "b\r"]),
            ("a\0b\n\ufeffc\n", ["a\0b", "\ufeffc"]),
        ],
    )
    def test_a_line_is_its_text(
        self, written: Written, content: str, lines: list[str]
    ) -> None:
        assert read("lines", written(content)) == lines


class TestGlob:
    @pytest.fixture(autouse=True)
    def here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "docs").mkdir()
        for name in ("b.md", "a.md", "c.txt"):
            (tmp_path / "docs" / name).touch()

    def test_it_gives_the_paths_that_fit(self) -> None:
        assert read("glob", "docs/*.md") == ["docs/a.md", "docs/b.md"]

    def test_each_reading_looks_anew(self) -> None:
        source = open_source("glob", "docs/*.md")
        assert len(list(source)) == 2
        Path("docs/aa.md").touch()
        assert list(source) == ["docs/a.md", "docs/aa.md", "docs/b.md"]

    @pytest.mark.parametrize("pattern", ["docs/*.pdf", "nowhere/*", "docs/a.md/*"])
    def test_what_nothing_fits_is_a_batch_of_none(self, pattern: str) -> None:
        assert read("glob", pattern) == []

    @pytest.mark.parametrize(
        ("pattern", "message"),
        [
            ("docs/d.md", "cannot read docs/d.md: No such file or directory"),
            ("docs", "cannot read docs: Is a directory"),
            ("docs/", "cannot read docs/: Is a directory"),
            ("d*/", "cannot read 'd*/': a pattern that ends in / fits folders only"),
            ("a\0b", "cannot read 'a\\x00b': a NUL character cannot stand in a path"),
            ("a\0/*", "cannot read 'a\\x00/*': a NUL character cannot stand in a path"),
        ],
    )
    def test_what_can_fit_nothing_is_an_error_before_the_first_item(
        self, pattern: str, message: str
    ) -> None:
        with pytest.raises(SourceError) as raised:
            iter(open_source("glob", pattern))
        assert str(raised.value) == message

    def test_a_folder_that_cannot_be_read_is_an_error(self) -> None:
        Path("x").symlink_to("y")
        Path("y").symlink_to("x")
        message = "cannot read x/: Too many levels of symbolic links"
        assert refusal("glob", "x/*") == message


def test_an_item_is_not_read_before_its_turn(written: Written) -> None:
    path = written("1\n2\nthree\n")
    assert list(islice(open_source("jsonl", path), 2)) == [1, 2]
    assert math.isfinite(next(iter(open_source("jsonl", path))))
