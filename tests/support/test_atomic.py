import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from pflow_lower.support.atomic import append_file, replace_file, replace_files

DRAFTS = ".pflow-*.tmp"


def drafts(directory: Path) -> list[Path]:
    return list(directory.rglob(DRAFTS))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestReplaceFile:
    def test_writes_bytes_as_they_are(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        data = bytes(range(256)) + b"\r\n\n\r"
        replace_file(path, data)
        assert path.read_bytes() == data
        assert drafts(tmp_path) == []

    def test_takes_a_string_for_a_path(self, tmp_path: Path) -> None:
        replace_file(str(tmp_path / "f"), b"x")
        assert (tmp_path / "f").read_bytes() == b"x"

    def test_takes_a_path_without_a_directory(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        replace_file("f", b"x")
        assert (tmp_path / "f").read_bytes() == b"x"

    def test_writes_an_empty_file(self, tmp_path: Path) -> None:
        replace_file(tmp_path / "f", b"")
        assert (tmp_path / "f").read_bytes() == b""

    def test_makes_missing_directories(self, tmp_path: Path) -> None:
        replace_file(tmp_path / "a" / "b" / "f", b"x")
        assert (tmp_path / "a" / "b" / "f").read_bytes() == b"x"

    def test_takes_a_name_as_long_as_names_can_be(self, tmp_path: Path) -> None:
        path = tmp_path / ("n" * 255)
        replace_file(path, b"x")
        assert path.read_bytes() == b"x"

    def test_a_new_file_has_the_mode_that_the_umask_leaves(
        self, tmp_path: Path
    ) -> None:
        before = os.umask(0o027)
        try:
            replace_file(tmp_path / "f", b"x")
        finally:
            os.umask(before)
        assert mode(tmp_path / "f") == 0o640

    @pytest.mark.parametrize("bits", [0o600, 0o755, 0o444])
    def test_an_existing_file_keeps_its_mode(self, tmp_path: Path, bits: int) -> None:
        path = tmp_path / "f"
        path.write_bytes(b"old")
        path.chmod(bits)
        replace_file(path, b"new")
        assert path.read_bytes() == b"new"
        assert mode(path) == bits

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
    def test_an_existing_file_keeps_its_owner(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        path.write_bytes(b"old")
        os.chown(path, 1234, 2345)
        replace_file(path, b"new")
        assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)

    def test_a_link_is_followed(self, tmp_path: Path) -> None:
        (tmp_path / "there").mkdir()
        target, link = tmp_path / "there" / "f", tmp_path / "link"
        target.write_bytes(b"old")
        link.symlink_to("there/f")
        replace_file(link, b"new")
        assert link.is_symlink()
        assert target.read_bytes() == b"new"
        assert not target.is_symlink()

    def test_a_link_to_nothing_is_followed_too(self, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to("there/f")
        replace_file(tmp_path / "link", b"new")
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "there" / "f").read_bytes() == b"new"

    def test_a_loop_of_links_is_an_error(self, tmp_path: Path) -> None:
        (tmp_path / "a").symlink_to("b")
        (tmp_path / "b").symlink_to("a")
        with pytest.raises(OSError, match="symbolic links") as raised:
            replace_file(tmp_path / "a", b"x")
        assert raised.value.errno == errno.ELOOP

    def test_a_directory_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        with pytest.raises(IsADirectoryError) as raised:
            replace_file(tmp_path, b"x")
        assert raised.value.filename == str(tmp_path)

    def test_a_file_for_a_directory_is_an_error_that_names_the_target(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "f").write_bytes(b"x")
        path = tmp_path / "f" / "g"
        with pytest.raises(NotADirectoryError) as raised:
            replace_file(path, b"x")
        assert raised.value.filename == str(path)
        assert (tmp_path / "f").read_bytes() == b"x"

    def test_a_place_where_nobody_can_write_is_an_error_that_names_the_target(
        self,
    ) -> None:
        path = Path("/proc/self/pflow-lower")
        with pytest.raises(OSError, match="/proc/self/pflow-lower") as raised:
            replace_file(path, b"x")
        assert raised.value.filename == str(path)

    def test_a_reader_never_sees_half_of_it(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        texts = [letter * 500_000 for letter in (b"a", b"b")]
        replace_file(path, texts[0])
        done = threading.Event()
        seen: set[bytes] = set()

        def read() -> None:
            while not done.is_set():
                seen.add(path.read_bytes())

        reader = threading.Thread(target=read)
        reader.start()
        try:
            for number in range(200):
                replace_file(path, texts[number % 2])
        finally:
            done.set()
            reader.join()
        assert seen <= set(texts)
        assert drafts(tmp_path) == []

    def test_writers_at_once_leave_what_one_of_them_wrote(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        texts = [bytes([65 + number]) * 100_000 for number in range(8)]
        threads = [
            threading.Thread(target=replace_file, args=(path, text)) for text in texts
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert path.read_bytes() in texts
        assert drafts(tmp_path) == []

    def test_a_write_that_fails_half_way_leaves_the_old_file_and_no_draft(
        self, tmp_path: Path
    ) -> None:
        path = tmp_path / "f"
        path.write_bytes(b"old")
        program = (
            "import resource, sys\n"
            "from pflow_lower.support.atomic import replace_file\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
            "replace_file(sys.argv[1], b'x' * 5000)\n"
        )
        command = [sys.executable, "-c", program, str(path)]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        assert f"OSError: [Errno 27] File too large: '{path}'" in ended.stderr
        assert path.read_bytes() == b"old"
        assert drafts(tmp_path) == []

    def test_an_interrupt_leaves_the_old_file_and_no_draft(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = tmp_path / "f"
        path.write_bytes(b"old")

        def interrupted(source: str, target: str) -> None:
            assert os.path.exists(source)
            raise KeyboardInterrupt

        monkeypatch.setattr(os, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            replace_file(path, b"new")
        assert path.read_bytes() == b"old"
        assert drafts(tmp_path) == []


class TestSpecialFiles:
    def test_a_pipe_is_written_to(self, tmp_path: Path) -> None:
        path = tmp_path / "pipe"
        os.mkfifo(path)
        read: list[bytes] = []
        reader = threading.Thread(target=lambda: read.append(path.read_bytes()))
        reader.start()
        replace_file(path, b"x" * 200_000)
        reader.join()
        assert read == [b"x" * 200_000]
        assert stat.S_ISFIFO(path.stat().st_mode)

    def test_a_device_stays_one(self) -> None:
        replace_file("/dev/null", b"x")
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)

    def test_a_device_that_is_full_is_an_error_that_names_it(self) -> None:
        with pytest.raises(OSError, match="No space left on device: '/dev/full'"):
            replace_file("/dev/full", b"x")

    @pytest.mark.parametrize("append", [False, True])
    def test_stdout_is_written_to_where_it_is_redirected(
        self, tmp_path: Path, append: bool
    ) -> None:
        program = (
            "import os\n"
            "from pflow_lower.support.atomic import append_file, replace_file\n"
            "os.write(1, b'one ')\n"
            f"{'append_file' if append else 'replace_file'}('/dev/stdout', b'two ')\n"
            "os.write(1, b'three')\n"
        )
        with open(tmp_path / "out", "wb") as out:
            subprocess.run([sys.executable, "-c", program], stdout=out, check=True)
        assert (tmp_path / "out").read_bytes() == b"one two three"

    def test_specials_are_written_when_all_files_are(self, tmp_path: Path) -> None:
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        with pytest.raises(IsADirectoryError):
            # Would hang if the pipe, which nobody reads, was opened first.
            replace_files({pipe: b"x", tmp_path: b"y"})
        assert drafts(tmp_path) == []


class TestReplaceFiles:
    def test_writes_all(self, tmp_path: Path) -> None:
        replace_files({tmp_path / "a": b"1", tmp_path / "b" / "c": b"2"})
        assert (tmp_path / "a").read_bytes() == b"1"
        assert (tmp_path / "b" / "c").read_bytes() == b"2"
        assert drafts(tmp_path) == []

    def test_one_that_cannot_be_written_leaves_all_as_they_were(
        self, tmp_path: Path
    ) -> None:
        first, second = tmp_path / "a", tmp_path / "a" / "b"
        first.write_bytes(b"old")
        with pytest.raises(NotADirectoryError):
            replace_files({first: b"new", tmp_path / "c": b"new", second: b"new"})
        assert first.read_bytes() == b"old"
        assert sorted(tmp_path.iterdir()) == [first]

    def test_a_rename_that_fails_leaves_no_draft(self, tmp_path: Path) -> None:
        # A directory only stands in the way by the time of the rename.
        first, second = tmp_path / "a", tmp_path / "b"
        real = os.replace

        def replace(source: str, target: str) -> None:
            real(source, target)
            second.mkdir()

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", replace)
            with pytest.raises(IsADirectoryError) as raised:
                replace_files({first: b"1", second: b"2"})
        assert raised.value.filename == str(second)
        assert first.read_bytes() == b"1"
        assert drafts(tmp_path) == []


class TestAppendFile:
    def test_adds_to_the_end(self, tmp_path: Path) -> None:
        path = tmp_path / "a" / "f"
        append_file(str(path), b"one\n")
        append_file(str(path), b"two\n")
        assert path.read_bytes() == b"one\ntwo\n"

    def test_appends_at_once_do_not_mix(self, tmp_path: Path) -> None:
        path = tmp_path / "f"
        lines = [bytes([65 + number]) * 50_000 + b"\n" for number in range(8)]

        def write(line: bytes) -> None:
            for _ in range(10):
                append_file(str(path), line)

        threads = [threading.Thread(target=write, args=(line,)) for line in lines]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        written = path.read_bytes().splitlines(keepends=True)
        assert sorted(written) == sorted(lines * 10)

    def test_a_directory_is_an_error_that_names_it(self, tmp_path: Path) -> None:
        with pytest.raises(IsADirectoryError) as raised:
            append_file(str(tmp_path), b"x")
        assert raised.value.filename == str(tmp_path)
