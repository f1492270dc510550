import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest
from pocketflow import Node

from pflow_lower.nodes.copy_file import CopyFileNode
from pflow_lower.nodes.delete_file import DeleteFileNode
from pflow_lower.nodes.move_file import MoveFileNode
from pflow_lower.nodes.read_file import ReadFileNode
from pflow_lower.nodes.write_file import WriteFileNode


def run(node_type: type[Node], **params: Any) -> dict[str, Any]:
    node = node_type()
    node.set_params(
        {
            name: str(value) if isinstance(value, Path) else value
            for name, value in params.items()
        }
    )
    shared: dict[str, Any] = {}
    assert node._run(shared) == "default"
    return shared


HOSTILE = "\ufeffa\r\nb\rc\nd\0e\u2028f\x85g\x1b\U0001f600 ${x}"


class TestReadFile:
    def test_gives_the_contents_exactly(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(HOSTILE.encode())
        shared = run(ReadFileNode, file_path=path)
        assert shared == {"content": HOSTILE, "file_path": str(path)}
        assert ReadFileNode.result == "content"

    def test_gives_nothing_for_an_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "f").touch()
        assert run(ReadFileNode, file_path=tmp_path / "f")["content"] == ""

    @pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-8-sig", "UTF8"])
    def test_reads_other_encodings(self, tmp_path: Path, encoding: str) -> None:
        path = tmp_path / "f"
        path.write_bytes("é\r\n".encode(encoding))
        shared = run(ReadFileNode, file_path=path, encoding=encoding)
        assert shared["content"] == "é\r\n"

    def test_bytes_that_are_no_text_are_an_error(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(b"ok \xff")
        with pytest.raises(ValueError, match=r"as utf-8: .* byte 0xff in position 3"):
            run(ReadFileNode, file_path=path)

    def test_a_missing_file_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        with pytest.raises(FileNotFoundError, match=f"No such file .*'{path}'"):
            run(ReadFileNode, file_path=path)

    def test_a_directory_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(IsADirectoryError):
            run(ReadFileNode, file_path=tmp_path)

    def test_a_file_that_refuses_to_be_read_is_an_error(self) -> None:
        with pytest.raises(OSError, match=r"Input/output error|Permission denied"):
            run(ReadFileNode, file_path="/proc/self/mem")

    def test_the_home_directory_may_be_meant(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HOME", str(tmp_path))
        (tmp_path / "f").write_text("x")
        shared = run(ReadFileNode, file_path="~/f")
        assert shared == {"content": "x", "file_path": f"{tmp_path}/f"}

    def test_another_tilde_is_part_of_a_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "~root").write_text("x")
        assert run(ReadFileNode, file_path="~root")["content"] == "x"

    def test_names_that_are_no_text_are_found(self, tmp_path: Path) -> None:
        path = tmp_path / os.fsdecode(b"caf\xe9\xff")
        path.write_text("x")
        assert run(ReadFileNode, file_path=path)["content"] == "x"

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({}, 'param "file_path": expected a path, found nothing'),
            (
                {"file_path": ["a"]},
                'param "file_path": expected a path, found an array',
            ),
            (
                {"file_path": ""},
                'param "file_path": expected a path, found an empty string',
            ),
            (
                {"file_path": "a\0b"},
                'param "file_path": must not contain a NUL character',
            ),
            (
                {"file_path": "a", "encoding": 8},
                'param "encoding": expected a string, found the number 8',
            ),
            (
                {"file_path": "a", "encoding": "utf-9"},
                "param \"encoding\": 'utf-9' is not a text encoding",
            ),
            (
                {"file_path": "a", "encoding": "hex"},
                "param \"encoding\": 'hex' is not a text encoding",
            ),
        ],
    )
    def test_a_param_that_it_cannot_use(
        self, params: dict[str, object], message: str
    ) -> None:
        with pytest.raises((TypeError, ValueError)) as raised:
            run(ReadFileNode, **params)
        assert str(raised.value) == message


class TestWriteFile:
    def test_writes_text_exactly(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        shared = run(WriteFileNode, file_path=path, content=HOSTILE)
        assert shared == {"written": True, "file_path": str(path)}
        assert path.read_bytes() == HOSTILE.encode()
        assert WriteFileNode.result == "written"

    @pytest.mark.parametrize(
        ("content", "written"),
        [
            ({"é": [1, None]}, '{"é": [1, null]}'.encode()),
            (["\u2028"], '["\u2028"]'.encode()),
            (None, b""),
            (True, b"True"),
            (0.0, b"0"),
            (1.5, b"1.5"),
            ("", b""),
            ("no newline is added", b"no newline is added"),
            ("\udcff\udc80", b"\xff\x80"),
            (b"\xff\r\n", b"\xff\r\n"),
        ],
    )
    def test_values_become_text(
        self, tmp_path: Path, content: object, written: bytes
    ) -> None:
        path = tmp_path / "f"
        run(WriteFileNode, file_path=path, content=content)
        assert path.read_bytes() == written

    def test_makes_directories_and_replaces_what_is_there(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "b" / "f"
        for content in ("a long content", "short"):
            run(WriteFileNode, file_path=path, content=content)
            assert path.read_text() == content
        assert [one.name for one in path.parent.iterdir()] == ["f"]

    def test_keeps_mode_and_link(self, tmp_path: Path) -> None:
        (tmp_path / "f").touch(0o600)
        (tmp_path / "link").symlink_to("f")
        run(WriteFileNode, file_path=tmp_path / "link", content="x")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "f").read_text() == "x"
        assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600

    def test_appends(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "f"
        for content in ("a\n", "b\n"):
            run(WriteFileNode, file_path=path, content=content, append=True)
        assert path.read_bytes() == b"a\nb\n"

    def test_appends_of_a_batch_all_arrive(self, tmp_path: Path) -> None:
        path = tmp_path / "f"

        def write(number: int) -> None:
            line = f"{number}" * 9000 + "\n"
            run(WriteFileNode, file_path=path, content=line, append=True)

        threads = [threading.Thread(target=write, args=(one,)) for one in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        lines = sorted(path.read_text().split("\n"))
        assert lines == ["", *(f"{number}" * 9000 for number in range(10))]

    @pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
    def test_a_byte_order_mark_stands_at_the_beginning_only(
        self, tmp_path: Path, encoding: str
    ) -> None:
        path = tmp_path / "f"
        for content in ("é", "è"):
            run(
                WriteFileNode,
                file_path=path,
                content=content,
                append=True,
                encoding=encoding,
            )
        assert path.read_bytes() == "éè".encode(encoding)

    def test_text_that_the_encoding_lacks_leaves_the_old_file(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "f"
        path.write_text("old")
        with pytest.raises(ValueError, match=r'param "content": .*\\u20ac'):
            run(WriteFileNode, file_path=path, content="5 €", encoding="latin-1")
        assert path.read_text() == "old"

    @pytest.mark.parametrize("append", [False, True])
    def test_a_directory_is_an_error(self, tmp_path: Path, append: bool) -> None:
        with pytest.raises(IsADirectoryError):
            run(WriteFileNode, file_path=tmp_path, content="x", append=append)
        with pytest.raises(ValueError, match="is a directory, not a file"):
            run(WriteFileNode, file_path=f"{tmp_path}/a/", content="x", append=append)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("append", [False, True])
    def test_a_place_where_nobody_can_write_is_an_error(self, append: bool) -> None:
        path = "/proc/self/pflow-lower"
        with pytest.raises(OSError, match=path):
            run(WriteFileNode, file_path=path, content="x", append=append)

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"content": "x"}, 'param "file_path": expected a path, found nothing'),
            ({"file_path": "f"}, 'param "content": expected a value, found nothing'),
            (
                {"file_path": "f", "content": "x", "append": "yes"},
                'param "append": expected true or false, found the string "yes"',
            ),
        ],
    )
    def test_a_param_that_it_cannot_use(
        self, params: dict[str, object], message: str
    ) -> None:
        with pytest.raises((TypeError, ValueError)) as raised:
            run(WriteFileNode, **params)
        assert str(raised.value) == message


@pytest.mark.parametrize(
    ("node_type", "output"), [(CopyFileNode, "copied"), (MoveFileNode, "moved")]
)
class TestCopyAndMove:
    """What is behind these is tested in `test_transfer.py`."""

    def test_writes_its_output(
        self, tmp_path: Path, node_type: type[CopyFileNode], output: str
    ) -> None:
        (tmp_path / "a").write_text("x")
        shared = run(node_type, source_path=tmp_path / "a", dest_path=tmp_path / "b")
        assert shared == {output: True}
        assert node_type.result == output
        assert (tmp_path / "b").read_text() == "x"
        assert (tmp_path / "a").exists() == (output == "copied")

    @pytest.mark.parametrize("slash", ["", "/"])
    def test_a_directory_takes_the_file_in(
        self, tmp_path: Path, node_type: type[CopyFileNode], output: str, slash: str
    ) -> None:
        (tmp_path / "a").write_text("x")
        (tmp_path / "d").mkdir()
        into = f"{tmp_path}/d{slash}"
        run(node_type, source_path=tmp_path / "a", dest_path=into)
        assert (tmp_path / "d" / "a").read_text() == "x"

    def test_a_slash_at_the_end_makes_a_directory(
        self, tmp_path: Path, node_type: type[CopyFileNode], output: str
    ) -> None:
        (tmp_path / "a").write_text("x")
        run(node_type, source_path=tmp_path / "a", dest_path=f"{tmp_path}/new/d/")
        assert (tmp_path / "new" / "d" / "a").read_text() == "x"

    def test_overwrites_only_if_told_to(
        self, tmp_path: Path, node_type: type[CopyFileNode], output: str
    ) -> None:
        source, target = tmp_path / "a", tmp_path / "d" / "a"
        source.write_text("new")
        target.parent.mkdir()
        target.write_text("old")
        for dest_path in (target, target.parent):
            with pytest.raises(FileExistsError, match=str(target)):
                run(node_type, source_path=source, dest_path=dest_path)
        assert target.read_text() == "old"
        run(node_type, source_path=source, dest_path=target, overwrite=True)
        assert target.read_text() == "new"

    def test_a_file_onto_itself_is_an_error(
        self, tmp_path: Path, node_type: type[CopyFileNode], output: str
    ) -> None:
        (tmp_path / "a").write_text("x")
        for dest_path in (tmp_path / "a", tmp_path):
            with pytest.raises(ValueError, match="the same file"):
                run(
                    node_type,
                    source_path=tmp_path / "a",
                    dest_path=dest_path,
                    overwrite=True,
                )
        assert (tmp_path / "a").read_text() == "x"

    def test_a_missing_source_is_an_error(
        self, tmp_path: Path, node_type: type[CopyFileNode], output: str
    ) -> None:
        with pytest.raises(FileNotFoundError, match=f"{tmp_path}/a"):
            run(node_type, source_path=tmp_path / "a", dest_path=tmp_path / "b")

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"dest_path": "b"}, 'param "source_path": expected a path, found nothing'),
            ({"source_path": "a"}, 'param "dest_path": expected a path, found nothing'),
            (
                {"source_path": "a", "dest_path": "b", "overwrite": 1},
                'param "overwrite": expected true or false, found the number 1',
            ),
        ],
    )
    def test_a_param_that_it_cannot_use(
        self,
        node_type: type[CopyFileNode],
        output: str,
        params: dict[str, object],
        message: str,
    ) -> None:
        with pytest.raises((TypeError, ValueError)) as raised:
            run(node_type, **params)
        assert str(raised.value) == message


class TestDeleteFile:
    def test_deletes_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "f").touch()
        assert run(DeleteFileNode, file_path=tmp_path / "f") == {"deleted": True}
        assert list(tmp_path.iterdir()) == []
        assert DeleteFileNode.result == "deleted"

    def test_deletes_a_link_and_not_what_it_leads_to(self, tmp_path: Path) -> None:
        (tmp_path / "f").touch()
        (tmp_path / "link").symlink_to("f")
        run(DeleteFileNode, file_path=tmp_path / "link")
        assert [path.name for path in tmp_path.iterdir()] == ["f"]

    def test_a_missing_file_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError, match=f"{tmp_path}/f"):
            run(DeleteFileNode, file_path=tmp_path / "f")

    def test_a_directory_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "d").mkdir()
        with pytest.raises(OSError, match=f"{tmp_path}/d"):
            run(DeleteFileNode, file_path=tmp_path / "d")
        assert (tmp_path / "d").is_dir()
