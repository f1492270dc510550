"""Which files a journal may be, and which are refused and stay as they are."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.journal.journal import Journal


def fill(path: Path) -> None:
    with Journal.open(path) as journal:
        journal.record_step("ls", "1", "default", "{}")


def refusal(path: Path | str) -> str:
    """Give the message with which a journal is refused."""
    with pytest.raises(JournalError) as raised:
        Journal.open(path)
    return str(raised.value)


@contextmanager
def refused(path: Path) -> Iterator[None]:
    """Check that a file which is refused stays as it is, and alone."""
    before, info = path.read_bytes(), path.stat()
    beside = set(path.parent.iterdir())
    yield
    assert path.read_bytes() == before
    assert path.stat().st_mtime_ns == info.st_mtime_ns
    assert set(path.parent.iterdir()) == beside


class TestWhatItMayBe:
    @pytest.mark.parametrize("name", ["run.sqlite", "a b?c#d%20", "é\n", ":memory:"])
    def test_a_new_file(self, tmp_path: Path, name: str) -> None:
        fill(tmp_path / name)
        assert list(tmp_path.iterdir()) == [tmp_path / name]

    def test_a_name_without_a_utf8_form(self, tmp_path: Path) -> None:
        path = os.fsdecode(os.fsencode(tmp_path) + b"/\xff")
        for _ in range(2):
            with Journal.open(path) as journal:
                journal.batch("sum", "d")
        assert os.listdir(os.fsencode(tmp_path)) == [b"\xff"]

    def test_an_empty_file(self, tmp_path: Path) -> None:
        (path := tmp_path / "run.sqlite").touch()
        fill(path)
        with Journal.open(path) as journal:
            assert journal.step("ls", "1")

    def test_a_link_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        (link := tmp_path / "link").symlink_to("there/run.sqlite")
        fill(link)
        assert link.is_symlink()
        with Journal.open(tmp_path / "there" / "run.sqlite") as journal:
            assert journal.step("ls", "1")
            assert "is in use by another run" in refusal(link)

    def test_a_text_and_a_path_without_a_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        Journal.open("run.sqlite").close()
        monkeypatch.chdir("/")
        with Journal.open(tmp_path / "run.sqlite"):
            pass

    def test_it_stays_where_it_was_opened(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        with Journal.open("run.sqlite") as journal:
            monkeypatch.chdir("/")
            journal.batch("sum", "d").record(0, "a", "1", "0").result()
        assert os.listdir(tmp_path) == ["run.sqlite"]

    def test_the_header_says_that_it_is_ours(self, tmp_path: Path) -> None:
        fill(path := tmp_path / "run.sqlite")
        header = path.read_bytes()[:100]
        assert header[68:72] == b"pflj"
        assert int.from_bytes(header[60:64]) == 1


class TestWhatItMayNotBe:
    def test_without_a_folder(self, tmp_path: Path) -> None:
        path = tmp_path / "no" / "run.sqlite"
        assert refusal(path) == (
            f'the journal "{path}" cannot be created: there is no folder '
            f'"{path.parent}"'
        )
        assert not path.parent.exists()

    def test_a_folder(self, tmp_path: Path) -> None:
        message = f'the journal "{tmp_path}" cannot be opened: it is a folder'
        assert refusal(tmp_path) == message
        assert "it is a folder" in refusal("")

    def test_what_is_no_regular_file(self, tmp_path: Path) -> None:
        os.mkfifo(path := tmp_path / "run.sqlite")
        assert refusal(path).endswith("cannot be opened: it is not a regular file")
        assert refusal("/dev/null").endswith("it is not a regular file")

    def test_below_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "f").touch()
        assert refusal(path := tmp_path / "f" / "g") == (
            f'the journal "{path}" cannot be opened: check its path, and that its '
            "folder is writable (Not a directory)"
        )

    def test_a_path_with_a_nul(self) -> None:
        assert "cannot be opened: " in refusal("a\0b")

    @pytest.mark.parametrize(
        "content",
        [b"x", b"{}\n" * 1000, b"SQLite format 3\0", b"SQLite format 2\0" + bytes(84)],
        ids=["short", "long", "cut off", "another version"],
    )
    def test_another_file(self, tmp_path: Path, content: bytes) -> None:
        (path := tmp_path / "run.sqlite").write_bytes(content)
        with refused(path):
            assert refusal(path) == (
                f'the journal "{path}" is not a journal but another file: '
                "use another path"
            )

    @pytest.mark.parametrize("mode", ["delete", "wal"])
    def test_another_database(self, tmp_path: Path, mode: str) -> None:
        path = tmp_path / "run.sqlite"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute(f"PRAGMA journal_mode = {mode}")
            connection.execute("CREATE TABLE items (key)")
            connection.commit()
            with refused(path):
                assert refusal(path).endswith(
                    "is a database, but not a journal: use another path"
                )
        with refused(path):
            refusal(path)

    def test_of_a_newer_version(self, tmp_path: Path) -> None:
        fill(path := tmp_path / "run.sqlite")
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version = 2")
        with refused(path):
            assert refusal(path) == (
                f'the journal "{path}" was written by a newer pflow-lower (its '
                "version is 2, this one knows 1): upgrade, or use another path"
            )

    @pytest.mark.parametrize("there", [False, True], ids=["new", "there"])
    def test_in_a_read_only_folder(self, there: bool) -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "run.sqlite"
            if there:
                fill(path)
                path.chmod(0o666)
            os.chmod(folder, 0o555)
            with not_as_root():
                message = refusal(path)
            assert message == (
                f'the journal "{path}" cannot be opened: check its path, and that its '
                "folder is writable (Permission denied)"
            )
            assert os.listdir(folder) == ["run.sqlite"] * there

    def test_a_read_only_file(self) -> None:
        with TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            fill(path := Path(folder) / "run.sqlite")
            path.chmod(0o444)
            with not_as_root(), refused(path):
                message = refusal(path)
            assert message.startswith(
                f'the journal "{path}" cannot be written: check the permissions of '
                "the file and of its folder"
            )


@contextmanager
def not_as_root() -> Iterator[None]:
    """Be somebody whom permissions stop, as most users are."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
