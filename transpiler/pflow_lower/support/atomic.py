"""Writing files so that nobody ever sees half of one.

The bytes go into a draft beside the target, which then takes the target's name
in one step. Whatever goes wrong before that, the target is as it was and the
draft is gone. Used by the transpiler for what it writes, and by the file nodes
(`docs/language.md` § 7).

A replaced file is a new file under the old name: mode and, where permitted,
owner are kept, hard links to it are not. There is no fsync: this guards against
readers, exceptions and kills, not against a loss of power.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from io import FileIO
from pathlib import Path

_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
"""Opening these anew would cut off the file that they are redirected to."""


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Make `data` the contents of the file at `path`, which need not exist yet.

    `replace_files` says more; this is for a single file.
    """
    replace_files({Path(path): data})


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write all files, and give none of them its name before all are written.

    Missing directories are made. A symbolic link is followed: the file that it
    leads to is replaced. What is no regular file (a terminal, a pipe,
    `/dev/stdout`) cannot be replaced and is written to, after all others.
    Raises OSError that names the path that was asked for, never that of a draft.
    """
    drafts: list[Draft] = []
    specials: list[tuple[str, bytes]] = []
    try:
        for path, data in contents.items():
            if is_special(asked := os.fspath(path)):
                specials.append((asked, data))
            else:
                drafts.append(draft := Draft(asked))
                draft.write(data)
        for draft in drafts:
            draft.publish()
    finally:
        for draft in drafts:
            draft.discard()
    for asked, data in specials:
        with blaming(asked), open_special(asked) as stream:
            write_all(stream, data)


def append_file(path: str, data: bytes) -> None:
    """Add `data` to the end of the file at `path`, in one write.

    One write, so that what several writers append does not mix. Missing
    directories are made. Raises OSError.
    """
    with blaming(path):
        if path in _STREAMS:
            stream = open_special(path)
        else:
            make_parents(path)
            stream = FileIO(path, "ab")
        with stream:
            write_all(stream, data)


class Draft:
    """A file in the making, beside the one whose name it is to take."""

    __slots__ = ("asked", "path", "target")

    def __init__(self, asked: str, *, follow: bool = True) -> None:
        self.asked = asked
        self.target = os.path.realpath(asked) if follow else asked
        # A short name, since the target's may be as long as names can be.
        name = f".pflow-{os.urandom(8).hex()}.tmp"
        self.path = os.path.join(os.path.dirname(self.target), name)

    def write(self, data: bytes) -> None:
        """Fill it, with mode and owner of the file that it is to replace."""
        with blaming(self.asked):
            existing = _stat(self.target)
            with self.create(0o600 if existing else 0o666) as file:
                write_all(file, data)
            if existing:
                with suppress(PermissionError, AttributeError):  # Windows has no chown
                    os.chown(self.path, existing.st_uid, existing.st_gid)
                keep_mode(self.path, existing)

    def publish(self) -> None:
        """Give it the name it is for."""
        with blaming(self.asked):
            os.replace(self.path, self.target)

    def discard(self) -> None:
        """Remove it, if it still has its own name."""
        with suppress(OSError):
            os.unlink(self.path)

    def create(self, mode: int) -> FileIO:
        """Open it to be filled; the umask has its say about `mode`."""
        make_parents(self.path)
        return create(self.path, mode)


def create(path: str, mode: int) -> FileIO:
    """Open a file that must not exist yet; the umask has its say about `mode`."""
    return FileIO(path, "x", opener=partial(os.open, mode=mode))


def write_all(file: FileIO, data: bytes) -> None:
    """Write all of `data`, in one go unless the system has it otherwise."""
    rest = memoryview(data)
    while rest:  # a disk that fills up ends one write early and fails the next
        rest = rest[file.write(rest) :]


def keep_mode(path: str, like: os.stat_result) -> None:
    """Give a file the permissions that another has."""
    mode = like.st_mode & 0o777
    if os.stat(path).st_mode & 0o777 != mode:  # some file systems have but one mode
        os.chmod(path, mode)


def is_special(path: str) -> bool:
    """Tell whether `path` cannot be replaced, only written to.

    Raises IsADirectoryError if it can be neither.
    """
    info = _stat(path)
    if info and stat.S_ISDIR(info.st_mode):
        raise os_error(errno.EISDIR, path)
    return path in _STREAMS or (info is not None and not stat.S_ISREG(info.st_mode))


def open_special(path: str) -> FileIO:
    """Open what `is_special` to write to it."""
    return FileIO(_STREAMS.get(path, path), "w", closefd=path not in _STREAMS)


def make_parents(path: str) -> None:
    """Make the directories that lead to `path`, where they are missing."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)


def os_error(code: int, path: str) -> OSError:
    """Make the OSError that the system would raise."""
    return OSError(code, os.strerror(code), path)


@contextmanager
def blaming(path: str) -> Iterator[None]:
    """Let an error name the path that the user knows instead of a draft's."""
    try:
        yield
    except OSError as exc:
        if exc.errno is None:
            raise
        raise OSError(exc.errno, exc.strerror, path) from exc


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None
