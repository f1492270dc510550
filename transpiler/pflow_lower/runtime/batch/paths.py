"""Paths as a workflow writes them, and the files that match a pattern."""

import errno
import os
import re
from collections.abc import Collection, Iterator
from fnmatch import fnmatch

from pflow_lower.support.atomic import os_error

_MAGIC = re.compile(r"[*?\[]")


def spelled_out(path: str) -> str:
    """Return a path with its `~/` replaced by the home directory, as file nodes do.

    Raises ValueError if the system cannot have such a path.
    """
    if "\0" in path:
        raise ValueError("a NUL character cannot stand in a path")
    os.fsencode(path)
    return os.path.expanduser(path) if path.startswith("~/") else path


def files_that_fit(pattern: str) -> Iterator[str]:
    """Return the paths of the files that fit a pattern, as `sorted` would order them.

    `?`, `*`, `[...]` and `**` mean what they mean to Python's `glob`: a name that
    begins with a dot fits what begins with one. `**` follows no link to a folder,
    which may lead in a circle. Folders are left out, and no path is given
    twice. In memory are the names in the folders that lead to where it is.

    Raises OSError where a folder cannot be read, and where a pattern that is a
    mere path leads to no file: FileNotFoundError, IsADirectoryError. Raises
    ValueError for a pattern that can fit none.
    """
    magic = _MAGIC.search(pattern)
    start = pattern.rfind("/", 0, magic.start()) + 1 if magic else len(pattern)
    root = spelled_out(pattern[:start])
    if magic is None:
        if os.path.isdir(root):
            raise os_error(errno.EISDIR, root)
        os.lstat(root)
        return iter((root,))
    if pattern.endswith("/"):
        raise ValueError("a pattern that ends in / fits folders only")
    parts = [part for part in pattern[start:].split("/") if part]
    return _Pattern(parts).files(root)


class _Pattern:
    """The parts of a pattern, and what fits them.

    A place in the pattern is how many of its parts are behind it. With `**` a
    folder can stand at several places at once; all are followed together, so no
    path is found twice.
    """

    def __init__(self, parts: list[str]) -> None:
        # `**` at the end stands for the files at any depth: a name must follow.
        self._parts = [*parts, "*"] if parts[-1] == "**" else parts
        self._end = len(self._parts)

    def files(self, folder: str) -> Iterator[str]:
        """Return the paths of the files below `folder` that fit, in their order."""
        places = self._from(0)
        trail = [(folder, places, self._names(folder, places))]
        while trail:
            folder, places, names = trail[-1]
            if not names:
                trail.pop()
            elif (name := names.pop()).endswith("/"):
                path = folder + name
                linked = os.path.islink(path[:-1])
                below = self._after(name[:-1], places, linked=linked) - {self._end}
                trail.append((path, below, self._names(path, below)))
            else:
                yield folder + name

    def _names(self, folder: str, places: Collection[int]) -> list[str]:
        """Return the names in a folder that lead on, the last one first.

        That of a folder ends in a slash, as it does in the paths of its files.
        """
        dots = {self._parts[place] for place in places} & {".", ".."}
        names = [f"{name}/" for name in dots]
        try:
            with os.scandir(folder or ".") as entries:
                for entry in entries:
                    is_folder = _is_folder(entry)
                    linked = is_folder and entry.is_symlink()
                    reached = self._after(entry.name, places, linked=linked)
                    if is_folder and reached - {self._end}:
                        names.append(f"{entry.name}/")
                    elif not is_folder and self._end in reached:
                        names.append(entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return []  # the pattern leads to no such folder, or it has gone since
        names.sort(reverse=True)
        return names

    def _after(self, name: str, places: Collection[int], *, linked: bool) -> set[int]:
        """Return the places that a name leads to from those its folder stands at."""
        reached: set[int] = set()
        for place in places:
            part = self._parts[place]
            if name.startswith(".") and not part.startswith("."):
                continue
            if part != "**":
                if fnmatch(name, part):
                    reached |= self._from(place + 1)
            elif not linked:
                reached |= self._from(place)
        return reached

    def _from(self, place: int) -> set[int]:
        """Return a place and those that follow it without a name: `**` may be empty."""
        places = {place}
        while self._parts[place : place + 1] == ["**"]:
            place += 1
            places.add(place)
        return places


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads nowhere, or in a circle
        return False
