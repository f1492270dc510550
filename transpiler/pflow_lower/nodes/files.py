"""The node types for files: `read-file`, `write-file`, `copy-file` and so on.

Their params and outputs are those of `docs/language.md` § 7. A path may begin
with `~/`. What cannot be read or written raises OSError, a param that cannot be
used TypeError or ValueError.
"""

import os
from dataclasses import dataclass

from pflow_lower.nodes import params, transfer
from pflow_lower.nodes.base import BuiltinNode, Outputs
from pflow_lower.support import atomic


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    path: str
    encoding: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Writing:
    path: str
    content: bytes
    append: bool
    mark: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class _Journey:
    source: str
    target: str
    overwrite: bool


class ReadFileNode(BuiltinNode):
    """Gives the contents of a text file exactly, line breaks and all."""

    params = {"file_path": "required", "encoding": "optional"}
    outputs = {"content": "string", "file_path": "string"}
    result = "content"
    actions = ("default", "error")

    def read(self) -> _Reading:
        """Read `file_path` and `encoding`."""
        return _Reading(
            path=params.path(self.params, "file_path"),
            encoding=params.encoding(self.params),
        )

    def exec(self, prep_res: _Reading) -> Outputs:
        """Read the file; one that is not in its encoding is a ValueError."""
        path, encoding = prep_res.path, prep_res.encoding
        with open(path, "rb") as file:
            octets = file.read()
        try:
            content = octets.decode(encoding)
        except UnicodeError as exc:
            raise ValueError(f"cannot read {path!r} as {encoding}: {exc}") from exc
        return {"content": content, "file_path": path}


class WriteFileNode(BuiltinNode):
    """Writes text to a file, which never has half of it; makes missing directories.

    Objects and arrays are written as JSON, bytes as they are, other values as
    the text they become inside a string.
    """

    params = {
        "file_path": "required",
        "content": "required",
        "append": "optional",
        "encoding": "optional",
    }
    outputs = {"written": "boolean", "file_path": "string"}
    result = "written"
    actions = ("default", "error")

    def read(self) -> _Writing:
        """Read `file_path`, `content` (null is no text), `append` and `encoding`."""
        path = params.path(self.params, "file_path")
        if path.endswith(os.sep):
            raise ValueError(f'param "file_path": {path!r} is a directory, not a file')
        if "content" not in self.params:
            raise ValueError('param "content": expected a value, found nothing')
        encoding = params.encoding(self.params)
        return _Writing(
            path=path,
            content=params.octets(self.params["content"], "content", encoding),
            append=params.flag(self.params, "append", default=False),
            mark="".encode(encoding),
        )

    def exec(self, prep_res: _Writing) -> Outputs:
        """Write the file."""
        path, content = prep_res.path, prep_res.content
        if not prep_res.append:
            atomic.replace_file(path, content)
        elif os.path.exists(path) and os.path.getsize(path):
            # A byte order mark belongs at the beginning of a file only.
            atomic.append_file(path, content.removeprefix(prep_res.mark))
        else:
            atomic.append_file(path, content)
        return {"written": True, "file_path": path}


class _JourneyNode(BuiltinNode):
    def read(self) -> _Journey:
        """Read `source_path`, `dest_path` and `overwrite`.

        A destination that is a directory, or ends with a slash, stands for the
        file of the source's name in it.
        """
        source = params.path(self.params, "source_path")
        target = params.path(self.params, "dest_path")
        if target.endswith(os.sep) or os.path.isdir(target):
            target = os.path.join(target, os.path.basename(source))
        return _Journey(
            source=source,
            target=target,
            overwrite=params.flag(self.params, "overwrite", default=False),
        )


class CopyFileNode(_JourneyNode):
    """Copies a file with its mode and times; makes missing directories.

    An existing destination is an error unless `overwrite` is true.
    """

    params = {
        "source_path": "required",
        "dest_path": "required",
        "overwrite": "optional",
    }
    outputs = {"copied": "boolean"}
    result = "copied"
    actions = ("default", "error")

    def exec(self, prep_res: _Journey) -> Outputs:
        """Copy the file."""
        transfer.copy_file(
            prep_res.source, prep_res.target, overwrite=prep_res.overwrite
        )
        return {"copied": True}


class MoveFileNode(_JourneyNode):
    """Moves a file, also to another file system; makes missing directories.

    An existing destination is an error unless `overwrite` is true.
    """

    params = {
        "source_path": "required",
        "dest_path": "required",
        "overwrite": "optional",
    }
    outputs = {"moved": "boolean"}
    result = "moved"
    actions = ("default", "error")

    def exec(self, prep_res: _Journey) -> Outputs:
        """Move the file."""
        transfer.move_file(
            prep_res.source, prep_res.target, overwrite=prep_res.overwrite
        )
        return {"moved": True}


class DeleteFileNode(BuiltinNode):
    """Deletes a file or a link; a missing file is an error, so is a directory."""

    params = {"file_path": "required"}
    outputs = {"deleted": "boolean"}
    result = "deleted"
    actions = ("default", "error")

    def read(self) -> str:
        """Read `file_path`."""
        return params.path(self.params, "file_path")

    def exec(self, prep_res: str) -> Outputs:
        """Delete the file."""
        os.unlink(prep_res)
        return {"deleted": True}
