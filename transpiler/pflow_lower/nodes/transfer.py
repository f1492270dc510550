"""Copying and moving files so that nobody ever sees half of one.

By the rules of `atomic`; and what must not be overwritten is not, whoever else
creates it meanwhile.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO

from pflow_lower.support.atomic import (
    Draft,
    blaming,
    create,
    is_special,
    keep_mode,
    make_parents,
    open_special,
    os_error,
    write_all,
)

_CHUNK = 1 << 20


def copy_file(source: str, target: str, *, overwrite: bool) -> None:
    """Copy contents, mode and times of a file, following links at both ends.

    A target that is no regular file is written to. Raises FileExistsError where
    `target` exists and `overwrite` is false, also when it came into being
    during the copying, ValueError where both are the same file, and OSError.
    """
    _refuse_same(source, target)
    if not overwrite:
        _refuse_existing(target)
    elif is_special(target):
        with FileIO(source) as reading, open_special(target) as stream:
            _pump(reading, stream, target)
        return
    with _drafted(target, follow=overwrite, overwrite=overwrite) as draft:
        _fill(draft, source)


def move_file(source: str, target: str, *, overwrite: bool) -> None:
    """Give a file, or a link, another name, across file systems if need be.

    A link at `target` is replaced, not followed, as `mv` does. Raises
    ValueError and OSError as `copy_file` does; a directory is an error.
    """
    if stat.S_ISDIR(os.lstat(source).st_mode):
        raise os_error(errno.EISDIR, source)
    _refuse_same(source, target)
    if not overwrite:
        _refuse_existing(target)
    elif not os.path.islink(target) and is_special(target):
        raise ValueError(f"not a regular file, so it is not replaced: {target!r}")
    try:
        with blaming(target):
            make_parents(target)
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
            _fill(draft, source)
    os.unlink(source)


@contextmanager
def _drafted(target: str, *, follow: bool, overwrite: bool) -> Iterator[Draft]:
    draft = Draft(target, follow=follow)
    try:
        yield draft
        with blaming(target):
            _rename(draft.path, draft.target, overwrite=overwrite)
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
        create(target, 0o600).close()
        _or_remove(target, partial(os.replace, source, target))
    else:
        _or_remove(target, partial(os.unlink, source))


def _or_remove(path: str, step: Callable[[], None]) -> None:
    try:
        step()
    except BaseException:
        os.unlink(path)
        raise


def _fill(draft: Draft, source: str) -> None:
    with FileIO(source) as reading:
        with blaming(draft.asked):
            writing = draft.create(0o600)
        with writing:
            _pump(reading, writing, draft.asked)
        info = os.fstat(reading.fileno())
    with blaming(draft.asked):
        keep_mode(draft.path, info)
        os.utime(draft.path, ns=(info.st_atime_ns, info.st_mtime_ns))


def _pump(source: FileIO, target: FileIO, asked: str) -> None:
    while chunk := source.read(_CHUNK):
        with blaming(asked):
            write_all(target, chunk)


def _refuse_same(source: str, target: str) -> None:
    if os.path.exists(target) and os.path.samefile(source, target):
        raise ValueError(f"source and destination are the same file: {target!r}")


def _refuse_existing(target: str) -> None:
    if os.path.lexists(target):
        raise os_error(errno.EEXIST, target)
