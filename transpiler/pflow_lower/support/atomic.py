"""Writes whole files: no reader ever sees half of one.

The bytes go into a draft beside the target, which is then renamed to it in one step.
If anything fails before that, the target is unchanged and the draft is removed. The
transpiler and the file nodes (`docs/language.md` § 7) use it.

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
"""Opening these anew would truncate the file that they are redirected to."""


def replace_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a single file, as `replace_files` does."""
    replace_files({Path(path): data})


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write all files, and rename none of the drafts before all are written.

    Missing directories are created. A symbolic link is followed: the file that it
    leads to is replaced. What is not a regular file (a terminal, a pipe,
    `/dev/stdout`) cannot be replaced and is written to, after all others.
    Raises OSError that names the given path, never that of a draft.
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
    """Append to the file at `path` in one write, so that writers do not mix.

    Missing directories are created. Raises OSError.
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
    """A new file beside the one that it is to replace."""

    __slots__ = ("asked", "path", "target")

    def __init__(self, asked: str, *, follow: bool = True) -> None:
        self.asked = asked
        self.target = os.path.realpath(asked) if follow else asked
        # A short name, since the target's may be as long as names can be.
        name = f".pflow-{os.urandom(8).hex()}.tmp"
        self.path = os.path.join(os.path.dirname(self.target), name)

    def write(self, data: bytes) -> None:
        """Write it, with mode and owner of the file that it is to replace."""
        with blaming(self.asked):
            existing = _stat(self.target)
            with self.create(0o600 if existing else 0o666) as file:
                write_all(file, data)
            if existing:
                with suppress(PermissionError, AttributeError):  # Windows has no chown
                    os.chown(self.path, existing.st_uid, existing.st_gid)
                keep_mode(self.path, existing)

    def publish(self) -> None:
        """Rename it to its target."""
        with blaming(self.asked):
            os.replace(self.path, self.target)

    def discard(self) -> None:
        """Remove it, unless it was published."""
        with suppress(OSError):
            os.unlink(self.path)

    def create(self, mode: int) -> FileIO:
        """Create it for writing; the umask applies to `mode`."""
        make_parents(self.path)
        return create(self.path, mode)


def create(path: str, mode: int) -> FileIO:
    """Create a file that must not exist yet; the umask applies to `mode`."""
    return FileIO(path, "x", opener=partial(os.open, mode=mode))


def write_all(file: FileIO, data: bytes) -> None:
    """Write all of `data`, in one write if the system allows it."""
    rest = memoryview(data)
    while rest:  # a disk that fills up ends one write early and fails the next
        rest = rest[file.write(rest) :]


def keep_mode(path: str, like: os.stat_result) -> None:
    """Set the permissions of a file to those of another."""
    mode = like.st_mode & 0o777
    if os.stat(path).st_mode & 0o777 != mode:  # some file systems have only one mode
        os.chmod(path, mode)


def is_special(path: str) -> bool:
    """Return whether `path` cannot be replaced, only written to.

    Raises IsADirectoryError if it is a directory.
    """
    info = _stat(path)
    if info and stat.S_ISDIR(info.st_mode):
        raise os_error(errno.EISDIR, path)
    return path in _STREAMS or (info is not None and not stat.S_ISREG(info.st_mode))


def open_special(path: str) -> FileIO:
    """Open a special file for writing."""
    return FileIO(_STREAMS.get(path, path), "w", closefd=path not in _STREAMS)


def make_parents(path: str) -> None:
    """Create the missing directories of `path`."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)


def os_error(code: int, path: str) -> OSError:
    """Return the OSError that the system would raise."""
    return OSError(code, os.strerror(code), path)


@contextmanager
def blaming(path: str) -> Iterator[None]:
    """Make an error name the path that the user knows instead of a draft's."""
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
