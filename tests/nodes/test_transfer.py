import errno
import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pflow_lower.nodes.support.transfer import copy_file, move_file

DRAFTS = ".pflow-*.tmp"


def drafts(directory: Path) -> list[Path]:
    return list(directory.rglob(DRAFTS))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def other_file_system(tmp_path: Path) -> Iterator[Path]:
    """Make a directory on another file system than `tmp_path`."""
    shared_memory = Path("/dev/shm")
    if (
        not shared_memory.is_dir()
        or shared_memory.stat().st_dev == tmp_path.stat().st_dev
    ):
        pytest.skip("there is no second file system")
    directory = shared_memory / f"pflow-test-{os.urandom(8).hex()}"
    directory.mkdir()
    yield directory
    shutil.rmtree(directory)


class TestCopyFile:
    def test_copies_contents_mode_and_times(self, tmp_path: Path) -> None:
        source, target = tmp_path / "a", tmp_path / "b" / "c"
        source.write_bytes(b"x" * 3_000_000)
        source.chmod(0o750)
        os.utime(source, (1_000_000, 1_000_000))
        copy_file(str(source), str(target), overwrite=False)
        assert target.read_bytes() == source.read_bytes()
        assert mode(target) == 0o750
        assert target.stat().st_mtime == 1_000_000
        assert drafts(tmp_path) == []

    def test_an_existing_target_stays_unless_it_is_overwritten(
        self, tmp_path: Path
    ) -> None:
        source, target = tmp_path / "a", tmp_path / "b"
        source.write_bytes(b"new")
        target.write_bytes(b"old")
        with pytest.raises(FileExistsError) as raised:
            copy_file(str(source), str(target), overwrite=False)
        assert raised.value.filename == str(target)
        assert target.read_bytes() == b"old"
        copy_file(str(source), str(target), overwrite=True)
        assert target.read_bytes() == b"new"

    def test_a_link_to_nothing_exists(self, tmp_path: Path) -> None:
        source, target = tmp_path / "a", tmp_path / "b"
        source.write_bytes(b"new")
        target.symlink_to("nowhere")
        with pytest.raises(FileExistsError):
            copy_file(str(source), str(target), overwrite=False)

    def test_links_are_followed_at_both_ends(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"new")
        (tmp_path / "b").write_bytes(b"old")
        (tmp_path / "to-a").symlink_to("a")
        (tmp_path / "to-b").symlink_to("b")
        copy_file(str(tmp_path / "to-a"), str(tmp_path / "to-b"), overwrite=True)
        assert (tmp_path / "to-b").is_symlink()
        assert not (tmp_path / "b").is_symlink()
        assert (tmp_path / "b").read_bytes() == b"new"

    def test_a_missing_source_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        source, target = tmp_path / "a", tmp_path / "b"
        with pytest.raises(FileNotFoundError) as raised:
            copy_file(str(source), str(target), overwrite=True)
        assert raised.value.filename == str(source)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("overwrite", [False, True])
    def test_a_directory_cannot_be_copied(
        self, tmp_path: Path, overwrite: bool
    ) -> None:
        (tmp_path / "a").mkdir()
        with pytest.raises(IsADirectoryError):
            copy_file(str(tmp_path / "a"), str(tmp_path / "b"), overwrite=overwrite)
        assert [path.name for path in tmp_path.iterdir()] == ["a"]

    def test_a_file_onto_itself_is_an_error(self, tmp_path: Path) -> None:
        source, link = tmp_path / "a", tmp_path / "b"
        source.write_bytes(b"x")
        link.symlink_to("a")
        with pytest.raises(ValueError, match="the same file"):
            copy_file(str(source), str(link), overwrite=True)
        assert source.read_bytes() == b"x"

    def test_a_device_is_written_to(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"x")
        copy_file(str(tmp_path / "a"), "/dev/null", overwrite=True)
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)

    def test_a_file_without_a_size_is_copied(self, tmp_path: Path) -> None:
        copy_file("/proc/version", str(tmp_path / "a"), overwrite=False)
        assert (tmp_path / "a").read_bytes() == Path("/proc/version").read_bytes()

    @pytest.mark.parametrize("hard_links", [True, False])
    def test_of_many_copies_at_once_one_gets_the_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
    ) -> None:
        if not hard_links:
            monkeypatch.setattr(os, "link", no_hard_links)
        target = tmp_path / "target"
        start = threading.Barrier(8)
        won: list[int] = []
        lost: list[int] = []

        def copy(number: int) -> None:
            source = tmp_path / f"source{number}"
            source.write_bytes(b"%d" % number * 100_000)
            start.wait()
            try:
                copy_file(str(source), str(target), overwrite=False)
                won.append(number)
            except FileExistsError:
                lost.append(number)

        threads = [threading.Thread(target=copy, args=(number,)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1
        assert len(lost) == 7
        assert target.read_bytes() == b"%d" % won[0] * 100_000
        assert drafts(tmp_path) == []


class TestMoveFile:
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_moves(self, tmp_path: Path, overwrite: bool) -> None:
        source, target = tmp_path / "a", tmp_path / "b" / "c"
        source.write_bytes(b"x")
        inode = source.stat().st_ino
        move_file(str(source), str(target), overwrite=overwrite)
        assert not source.exists()
        assert target.stat().st_ino == inode

    @pytest.mark.parametrize("hard_links", [True, False])
    def test_an_existing_target_stays_unless_it_is_overwritten(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard_links: bool
    ) -> None:
        if not hard_links:
            monkeypatch.setattr(os, "link", no_hard_links)
        source, target = tmp_path / "a", tmp_path / "b"
        source.write_bytes(b"new")
        target.write_bytes(b"old")
        with pytest.raises(FileExistsError) as raised:
            move_file(str(source), str(target), overwrite=False)
        assert raised.value.filename == str(target)
        assert (source.read_bytes(), target.read_bytes()) == (b"new", b"old")
        move_file(str(source), str(target), overwrite=True)
        assert not source.exists()
        assert target.read_bytes() == b"new"

    def test_without_hard_links_it_moves_all_the_same(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "link", no_hard_links)
        (tmp_path / "a").write_bytes(b"x")
        move_file(str(tmp_path / "a"), str(tmp_path / "b"), overwrite=False)
        assert not (tmp_path / "a").exists()
        assert (tmp_path / "b").read_bytes() == b"x"

    def test_a_target_that_comes_into_being_meanwhile_stays(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, target = tmp_path / "a", tmp_path / "b"
        source.write_bytes(b"new")
        link = os.link

        def late(old: str, new: str, *, follow_symlinks: bool) -> None:
            target.write_bytes(b"theirs")
            link(old, new, follow_symlinks=follow_symlinks)

        monkeypatch.setattr(os, "link", late)
        with pytest.raises(FileExistsError):
            move_file(str(source), str(target), overwrite=False)
        assert target.read_bytes() == b"theirs"
        assert source.read_bytes() == b"new"

    def test_a_source_that_cannot_be_removed_leaves_no_second_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        source, target = tmp_path / "a", tmp_path / "b"
        source.write_bytes(b"x")
        unlink = os.unlink

        def guarded(path: str) -> None:
            if path == str(source):
                raise PermissionError(errno.EPERM, "Operation not permitted", path)
            unlink(path)

        monkeypatch.setattr(os, "unlink", guarded)
        with pytest.raises(PermissionError):
            move_file(str(source), str(target), overwrite=False)
        assert source.exists()
        assert not target.exists()

    def test_a_link_is_moved_itself(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("nowhere")
        move_file(str(tmp_path / "link"), str(tmp_path / "b"), overwrite=False)
        assert os.readlink(tmp_path / "b") == "nowhere"
        assert not (tmp_path / "link").is_symlink()

    def test_a_missing_source_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        with pytest.raises(FileNotFoundError) as raised:
            move_file(str(tmp_path / "a"), str(tmp_path / "b"), overwrite=True)
        assert raised.value.filename == str(tmp_path / "a")

    def test_a_directory_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "a").mkdir()
        with pytest.raises(IsADirectoryError):
            move_file(str(tmp_path / "a"), str(tmp_path / "b"), overwrite=False)

    def test_a_file_onto_itself_is_an_error(self, tmp_path: Path) -> None:
        source, same = tmp_path / "a", tmp_path / "b"
        source.write_bytes(b"x")
        os.link(source, same)
        with pytest.raises(ValueError, match="the same file"):
            move_file(str(source), str(same), overwrite=True)
        assert source.exists()

    def test_a_device_is_never_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "a").write_bytes(b"x")
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(ValueError, match="not a regular file"):
            move_file(str(tmp_path / "a"), str(tmp_path / "pipe"), overwrite=True)
        assert (tmp_path / "a").exists()


class TestMoveFileAcross:
    @pytest.mark.parametrize("overwrite", [False, True])
    def test_moves_with_mode_and_times(
        self, tmp_path: Path, other_file_system: Path, overwrite: bool
    ) -> None:
        source, target = other_file_system / "a", tmp_path / "b"
        source.write_bytes(b"x" * 2_000_000)
        source.chmod(0o640)
        os.utime(source, (1_000_000, 1_000_000))
        move_file(str(source), str(target), overwrite=overwrite)
        assert not source.exists()
        assert target.read_bytes() == b"x" * 2_000_000
        assert mode(target) == 0o640
        assert target.stat().st_mtime == 1_000_000
        assert drafts(tmp_path) == []

    def test_an_existing_target_stays(
        self, tmp_path: Path, other_file_system: Path
    ) -> None:
        source, target = other_file_system / "a", tmp_path / "b"
        source.write_bytes(b"new")
        target.write_bytes(b"old")
        with pytest.raises(FileExistsError):
            move_file(str(source), str(target), overwrite=False)
        assert (source.read_bytes(), target.read_bytes()) == (b"new", b"old")

    def test_a_link_at_the_target_is_replaced(
        self, tmp_path: Path, other_file_system: Path
    ) -> None:
        source, target = other_file_system / "a", tmp_path / "b"
        source.write_bytes(b"new")
        (tmp_path / "c").write_bytes(b"old")
        target.symlink_to("c")
        move_file(str(source), str(target), overwrite=True)
        assert not target.is_symlink()
        assert (tmp_path / "c").read_bytes() == b"old"

    def test_a_link_is_moved_itself(
        self, tmp_path: Path, other_file_system: Path
    ) -> None:
        (other_file_system / "link").symlink_to("nowhere")
        move_file(str(other_file_system / "link"), str(tmp_path / "b"), overwrite=False)
        assert os.readlink(tmp_path / "b") == "nowhere"

    def test_a_pipe_stays_where_it_is(
        self, tmp_path: Path, other_file_system: Path
    ) -> None:
        os.mkfifo(other_file_system / "pipe")
        with pytest.raises(ValueError, match="cannot leave its file system"):
            move_file(
                str(other_file_system / "pipe"), str(tmp_path / "b"), overwrite=False
            )
        assert list(tmp_path.iterdir()) == []


def no_hard_links(old: str, new: str, *, follow_symlinks: bool) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted", old, None, new)
