"""Copy and move files so that no other process ever sees half of one.

By the rules of `atomic`. A file that must not be overwritten is not, even if another
process creates it meanwhile.
"""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from io import FileIO

from pflow_lower.nodes.support import params
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


def read_transfer(given: params.Params) -> tuple[str, str, bool]:
    """Read `source_path`, `dest_path` and `overwrite`.

    A destination that is a directory, or ends with a slash, means the file with the
    source's name in it.
    """
    source = params.path(given, "source_path")
    target = params.path(given, "dest_path")
    if target.endswith(os.sep) or os.path.isdir(target):
        target = os.path.join(target, os.path.basename(source))
    return source, target, params.flag(given, "overwrite", default=False)


def copy_file(source: str, target: str, *, overwrite: bool) -> None:
    """Copy the contents, mode and times of a file, following links at both ends.

    A target that is not a regular file is written to. Raises OSError, FileExistsError
    if `overwrite` is false and `target` exists when the copy is complete, and
    ValueError if both are the same file.
    """
    _refuse(source, target, overwrite=overwrite)
    if overwrite and is_special(target):
        with FileIO(source) as reading, open_special(target) as stream:
            _pump(reading, stream, target)
        return
    with _drafted(target, follow=overwrite, overwrite=overwrite) as draft:
        _fill(draft, source)


def move_file(source: str, target: str, *, overwrite: bool) -> None:
    """Rename a file or a link, across file systems if necessary.

    A link at `target` is replaced, not followed, as `mv` does. Raises the errors of
    `copy_file`; a directory is an error.
    """
    if stat.S_ISDIR(os.lstat(source).st_mode):
        raise os_error(errno.EISDIR, source)
    _refuse(source, target, overwrite=overwrite)
    if overwrite and not os.path.islink(target) and is_special(target):
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
        # No hard links here: creating an empty file reserves the name.
        create(target, 0o600).close()
        finish = partial(os.replace, source, target)
    else:
        finish = partial(os.unlink, source)
    try:
        finish()
    except BaseException:
        os.unlink(target)
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


def _refuse(source: str, target: str, *, overwrite: bool) -> None:
    if os.path.exists(target) and os.path.samefile(source, target):
        raise ValueError(f"source and destination are the same file: {target!r}")
    if not overwrite and os.path.lexists(target):
        raise os_error(errno.EEXIST, target)
