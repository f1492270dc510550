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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from io import FileIO
from pathlib import Path

_STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}
"""Opening these anew would cut off the file that they are redirected to."""

_CHUNK = 1 << 20


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
    drafts: list[_Draft] = []
    specials: list[tuple[str, bytes]] = []
    try:
        for path, data in contents.items():
            if _is_special(asked := os.fspath(path)):
                specials.append((asked, data))
            else:
                drafts.append(draft := _Draft(asked))
                draft.write(data)
        for draft in drafts:
            draft.publish(overwrite=True)
    finally:
        for draft in drafts:
            draft.discard()
    for asked, data in specials:
        with _blaming(asked), _open_special(asked) as stream:
            _write(stream, data)


def append_file(path: str, data: bytes) -> None:
    """Add `data` to the end of the file at `path`, in one write.

    One write, so that what several writers append does not mix. Missing
    directories are made. Raises OSError.
    """
    with _blaming(path):
        if path in _STREAMS:
            stream = _open_special(path)
        else:
            _make_parents(path)
            stream = FileIO(path, "ab")
        with stream:
            _write(stream, data)


def copy_file(source: str, target: str, *, overwrite: bool) -> None:
    """Copy contents, mode and times of a file, following links at both ends.

    A target that is no regular file is written to. Raises FileExistsError where
    `target` exists and `overwrite` is false, also when it came into being
    during the copying, ValueError where both are the same file, and OSError.
    """
    _refuse_same(source, target)
    if not overwrite:
        _refuse_existing(target)
    elif _is_special(target):
        with FileIO(source) as reading, _open_special(target) as stream:
            _pump(reading, stream, target)
        return
    with _drafted(target, follow=overwrite, overwrite=overwrite) as draft:
        draft.copy(source)


def move_file(source: str, target: str, *, overwrite: bool) -> None:
    """Give a file, or a link, another name, across file systems if need be.

    A link at `target` is replaced, not followed, as `mv` does. Raises
    ValueError and OSError as `copy_file` does; a directory is an error.
    """
    if stat.S_ISDIR(os.lstat(source).st_mode):
        raise _error(errno.EISDIR, source)
    _refuse_same(source, target)
    if not overwrite:
        _refuse_existing(target)
    elif not os.path.islink(target) and _is_special(target):
        raise ValueError(f"not a regular file, so it is not replaced: {target!r}")
    try:
        with _blaming(target):
            _make_parents(target)
            _rename(source, target, overwrite=overwrite)
    except OSError as exc:
        if exc.errno != errno.EXDEV:
            raise
        _move_across(source, target, overwrite=overwrite)


def _move_across(source: str, target: str, *, overwrite: bool) -> None:
    mode = os.lstat(source).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISLNK(mode)):
        raise ValueError(
            f"not a regular file, so it cannot leave its file system: {source!r}"
        )
    with _drafted(target, follow=False, overwrite=overwrite) as draft:
        if stat.S_ISLNK(mode):
            os.symlink(os.readlink(source), draft.path)
        else:
            draft.copy(source)
    os.unlink(source)


class _Draft:
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
        with _blaming(self.asked):
            existing = _stat(self.target)
            with self._create(0o600 if existing else 0o666) as file:
                _write(file, data)
            if existing:
                with suppress(PermissionError, AttributeError):  # Windows has no chown
                    os.chown(self.path, existing.st_uid, existing.st_gid)
                _set_mode(self.path, existing)

    def copy(self, source: str) -> None:
        """Fill it with contents, mode and times of `source`."""
        with FileIO(source) as reading:
            with _blaming(self.asked):
                writing = self._create(0o600)
            with writing:
                _pump(reading, writing, self.asked)
            info = os.fstat(reading.fileno())
        with _blaming(self.asked):
            _set_mode(self.path, info)
            os.utime(self.path, ns=(info.st_atime_ns, info.st_mtime_ns))

    def publish(self, *, overwrite: bool) -> None:
        """Give it the name it is for."""
        with _blaming(self.asked):
            _rename(self.path, self.target, overwrite=overwrite)

    def discard(self) -> None:
        """Remove it, if it still has its own name."""
        with suppress(OSError):
            os.unlink(self.path)

    def _create(self, mode: int) -> FileIO:
        _make_parents(self.path)
        return _create(self.path, mode)


@contextmanager
def _drafted(target: str, *, follow: bool, overwrite: bool) -> Iterator[_Draft]:
    draft = _Draft(target, follow=follow)
    try:
        yield draft
        draft.publish(overwrite=overwrite)
    finally:
        draft.discard()


def _rename(source: str, target: str, *, overwrite: bool) -> None:
    if overwrite:
        os.replace(source, target)
        return
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as exc:
        if exc.errno in (errno.EXDEV, errno.EEXIST, errno.ENOENT):
            raise
        # No hard links here, so the name goes to whoever creates an empty file.
        _create(target, 0o600).close()
        _or_remove(target, partial(os.replace, source, target))
    else:
        _or_remove(target, partial(os.unlink, source))


def _or_remove(path: str, step: Callable[[], None]) -> None:
    try:
        step()
    except BaseException:
        os.unlink(path)
        raise


def _create(path: str, mode: int) -> FileIO:
    """Open a file that must not exist yet; the umask has its say about `mode`."""
    return FileIO(path, "x", opener=partial(os.open, mode=mode))


def _write(file: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:  # a disk that fills up ends one write early and fails the next
        rest = rest[file.write(rest) :]


def _pump(source: FileIO, target: FileIO, asked: str) -> None:
    while chunk := source.read(_CHUNK):
        with _blaming(asked):
            _write(target, chunk)


def _set_mode(path: str, like: os.stat_result) -> None:
    mode = like.st_mode & 0o777
    if os.stat(path).st_mode & 0o777 != mode:  # some file systems have but one mode
        os.chmod(path, mode)


def _stat(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _is_special(path: str) -> bool:
    """Tell whether `path` cannot be replaced, only written to.

    Raises IsADirectoryError if it can be neither.
    """
    info = _stat(path)
    if info and stat.S_ISDIR(info.st_mode):
        raise _error(errno.EISDIR, path)
    return path in _STREAMS or (info is not None and not stat.S_ISREG(info.st_mode))


def _open_special(path: str) -> FileIO:
    return FileIO(_STREAMS.get(path, path), "w", closefd=path not in _STREAMS)


def _make_parents(path: str) -> None:
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)


def _refuse_same(source: str, target: str) -> None:
    if os.path.exists(target) and os.path.samefile(source, target):
        raise ValueError(f"source and destination are the same file: {target!r}")


def _refuse_existing(target: str) -> None:
    if os.path.lexists(target):
        raise _error(errno.EEXIST, target)


def _error(code: int, path: str) -> OSError:
    return OSError(code, os.strerror(code), path)


@contextmanager
def _blaming(path: str) -> Iterator[None]:
    """Let an error name the path that the user knows instead of a draft's."""
    try:
        yield
    except OSError as exc:
        if exc.errno is None:
            raise
        raise OSError(exc.errno, exc.strerror, path) from exc
