"""Which files fit a pattern: as many as Python's `glob` finds, once each, in order."""

import glob
import os
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pflow_lower.runtime.batch.paths import files_that_fit, spelled_out

NAMES = st.sampled_from(["a", "b", "a.b", "a-b", ".a", "ab", "[", "A", "a\n"])
PARTS = st.sampled_from(
    [
        "*",
        "**",
        "a",
        "a*",
        "*b",
        "?",
        "[ab]",
        "[!a]",
        ".*",
        ".a",
        ".",
        "[[]",
        "***",
    ]
)
TREES = st.lists(st.lists(NAMES, min_size=1, max_size=4).map("/".join), max_size=12)
PATTERNS = st.lists(PARTS, min_size=1, max_size=4).map("/".join)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def make(*paths: str) -> None:
    for path in paths:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        Path(path).touch()


def fit(pattern: str) -> list[str]:
    return list(files_that_fit(pattern))


def has_magic(pattern: str) -> bool:
    return any(sign in pattern for sign in "*?[")


@given(TREES, PATTERNS.filter(has_magic), st.sampled_from(["", "./", "ROOT/"]))
def test_they_are_those_that_glob_finds(
    tree: list[str], pattern: str, root: str
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for path in tree:
            try:
                make(path)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):
                continue  # a file of an earlier path has the name of a folder here
        whole = root.replace("ROOT", folder) + pattern
        found = glob.glob(whole, recursive=True)
        expected = sorted({path for path in found if os.path.isfile(path)})
        assert fit(whole) == expected


def test_a_path_with_several_ways_to_fit_is_given_once() -> None:
    make("a/a/a/f", "a/f")
    assert fit("**/a/**/f") == ["a/a/a/f", "a/f"]


def test_the_folder_above_is_a_folder_like_others() -> None:
    make("a/f", "b/g", "h")
    assert fit("*/../h") == ["a/../h", "b/../h"]
    assert fit("*/../?") == ["a/../h", "b/../h"]
    assert fit("a/../*") == ["a/../h"]


def test_a_file_is_no_folder() -> None:
    make("a", "b/c")
    assert fit("*/**") == ["b/c"]
    assert fit("a/**") == []


def test_names_are_given_as_they_are() -> None:
    names = [b"a\nb", b" ", b"\xff\xfe", "é".encode(), b"$(x)", b"*"]
    for name in names:
        os.close(os.open(name, os.O_CREAT))
    assert sorted(map(os.fsencode, fit("*"))) == sorted(names)
    assert fit("[*]") == ["*"]


def test_the_order_is_that_of_the_paths() -> None:
    make("a/z", "a.txt", "a-b/c", "a/b/c", "b", "A")
    assert fit("**") == ["A", "a-b/c", "a.txt", "a/b/c", "a/z", "b"]


def test_what_is_hidden_fits_what_is_hidden() -> None:
    make(".a/b", "a/.b", "a/b", ".c")
    assert fit("**") == ["a/b"]
    assert fit("*/.*") == ["a/.b"]
    assert fit(".*/*") == [".a/b"]
    assert fit(".*") == [".c"]


def test_links_to_folders_are_followed_where_a_part_stands_for_them() -> None:
    make("real/f")
    os.symlink("real", "link")
    assert fit("*/f") == ["link/f", "real/f"]
    assert fit("link/*") == ["link/f"]
    assert fit("**/f") == ["real/f"]
    assert fit("**/*/f") == ["link/f", "real/f"]


def test_a_link_that_leads_round_in_a_circle_ends() -> None:
    make("a/f")
    os.symlink("..", "a/up")
    assert fit("**") == ["a/f"]
    assert fit("*/*/a/f") == ["a/up/a/f"]


def test_links_to_files_and_to_nothing_fit() -> None:
    make("f")
    os.symlink("f", "to-file")
    os.symlink("nothing", "to-nothing")
    os.symlink("itself", "itself")
    assert fit("*") == ["f", "itself", "to-file", "to-nothing"]
    assert fit("to-nothing") == ["to-nothing"]


def test_pipes_fit() -> None:
    os.mkfifo("pipe")
    assert fit("p*") == ["pipe"]


def test_a_mere_path_is_itself() -> None:
    make("a/f")
    assert fit("a/f") == ["a/f"]
    assert fit(os.path.abspath("a/f")) == [os.path.abspath("a/f")]
    assert fit("./a//f") == ["./a//f"]


def test_a_folder_that_cannot_be_listed_is_an_error() -> None:
    # Deeper than a path can be long.
    for _ in range(20):
        os.mkdir("d" * 250)
        os.chdir("d" * 250)
    os.chdir("/".join([".."] * 20))
    with pytest.raises(OSError, match="File name too long"):
        fit("**")


def test_a_folder_may_go_while_it_is_looked_through() -> None:
    make("a/f", "b/f")
    files = files_that_fit("*/f")
    assert next(files) == "a/f"
    os.remove("b/f")
    os.rmdir("b")
    assert list(files) == []


def test_folders_are_looked_into_one_after_the_other() -> None:
    for folder in range(40):
        make(f"{folder}/x")
        for number in range(500):
            os.symlink("x", f"{folder}/a-name-of-some-length-{number}")
    tracemalloc.start()
    try:
        count = sum(1 for _ in files_that_fit("**"))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 40 * 501
    assert peak < 500_000


def test_a_deep_tree_needs_no_deep_stack() -> None:
    for depth in (500, 1000, 1500):
        path = "/".join(["d"] * depth)
        os.makedirs(path)
    make(f"{path}/f")
    try:
        assert fit("**/f") == [f"{path}/f"]
    finally:
        os.remove(f"{path}/f")
        os.removedirs(path)


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("f", "f"),
        ("~/f", "/home/me/f"),
        ("~", "~"),
        ("~backup", "~backup"),
        ("a/~/f", "a/~/f"),
        ("\udcff", "\udcff"),
    ],
)
def test_only_a_leading_home_is_spelled_out(
    path: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert spelled_out(path) == meant


def test_home_may_have_signs_of_a_pattern_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make("[x]/f")
    monkeypatch.setenv("HOME", str(tmp_path / "[x]"))
    assert fit("~/*") == [str(tmp_path / "[x]" / "f")]


@pytest.mark.parametrize("path", ["a\0", "\ud800"])
def test_what_no_path_can_be_is_an_error(path: str) -> None:
    with pytest.raises(ValueError, match=r"NUL|surrogates"):
        spelled_out(path)
