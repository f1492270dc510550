"""Pack a generated module and what it imports into one archive that Python runs.

Before:  docs_lowered.py        imports pflow_lower.runtime, nodes, pocketflow
After:   docs.pyz               a zip file: `python docs.pyz`
           __main__.py
           docs_lowered.py
           my_nodes.py          modules of the user
           pflow_lower/...      the modules of this package that are imported
           pocketflow/...

Imports are read from the source, so no module of the user is run. `modulefinder` of
the standard library also follows imports that are for type checkers only, and does
not find packages without an `__init__.py`.
"""

import ast
import io
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, PathFinder
from importlib.util import resolve_name
from itertools import accumulate
from pathlib import Path, PurePosixPath
from typing import NamedTuple

_US = "pflow_lower"
_ROOT = Path(__file__).parents[2]
_MAIN = """\
from pflow_lower.runtime import main

from {module} import build_flow

main(build_flow)
"""
_COMPILED = (*EXTENSION_SUFFIXES, *BYTECODE_SUFFIXES)
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The time stamp of every file: the earliest that a zip file can hold."""


class Bundle(NamedTuple):
    """An archive, and what it lacks."""

    archive: bytes
    left_out: Mapping[str, str]
    """The modules named by the workflow that it does not contain, and why."""
    external: tuple[str, ...]
    """The packages that its nodes import and that it does not contain."""


def bundle(module_name: str, module: str, folders: Sequence[str]) -> Bundle:
    """Return the archive of a generated module.

    Modules that the workflow names are looked up in `folders` and on `sys.path`.
    What they import goes in if it is in `folders` too, and is external otherwise.
    """
    contents = _Contents(folders)
    left_out = contents.collect(f"{module_name}.py", module.encode())
    contents.files["__main__.py"] = _MAIN.format(module=module_name).encode()
    external = contents.external.difference(map(_top, left_out))
    return Bundle(_archive(contents.files), left_out, tuple(sorted(external)))


def _archive(files: Mapping[str, bytes]) -> bytes:
    """Return a zip file whose bytes depend on the files alone.

    It is not compressed: what a compressor writes depends on its version. Each folder
    has an entry, by which Python finds packages without an `__init__.py`.
    """
    parents = {path for name in files for path in PurePosixPath(name).parents}
    folders = {f"{path}/": b"" for path in parents if path.name}
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in sorted({**folders, **files}.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system = 3  # Unix, on every system
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return stream.getvalue()


class _Contents:
    """The files of an archive: those of one module and of all that it imports."""

    def __init__(self, folders: Sequence[str]) -> None:
        self.files: dict[str, bytes] = {}
        self.external: set[str] = set()
        self._folders = [*folders]
        self._named = {"pocketflow"}
        self._compiled: set[str] = set()

    def collect(self, first: str, source: bytes) -> dict[str, str]:
        """Add a module and what it imports; return which of that is left out, and why.

        A package goes in as a whole, since it may read data files or import modules
        by name; of this package only the modules that are imported go in.
        """
        modules = {name.rpartition(".")[0] for name in _imports(first, source)}
        self._named |= {name.partition(".")[0] for name in modules}
        self.files[first] = source
        seen = set(sys.stdlib_module_names) | {PurePosixPath(first).stem}
        waiting = [first]
        while waiting:
            importer = waiting.pop()
            for name in _imports(importer, self.files[importer]):
                for unit in _units(name):
                    if unit not in seen:
                        seen.add(unit)
                        waiting += self._add(unit, importer)
        return {
            name: "compiled" if _top(name) in self._compiled else "not found"
            for name in sorted(modules)
            if not self.files.keys() & {*_files_of(name)}
        }

    def _add(self, unit: str, importer: str) -> list[str]:
        """Add a module or a package; return which of its files are Python source."""
        if _top(unit) == _US:
            files = (name for name in _files_of(unit) if (_ROOT / name).is_file())
            found = {name: (_ROOT / name).read_bytes() for name in files}
        else:
            found = self._find(unit)
            # All that the runtime needs is PocketFlow: other packages are optional.
            is_optional = importer.startswith(f"{_US}/runtime/")
            if not found and (unit in self._named or not is_optional):
                self.external.add(unit)
        self.files |= found
        return [name for name in found if name.endswith(".py")]

    def _find(self, name: str) -> dict[str, bytes]:
        """Return the files of a module or a package, if it is all Python source."""
        path = self._folders + (sys.path if name in self._named else [])
        spec = PathFinder.find_spec(name, path)
        if spec is None:
            return {}
        if spec.submodule_search_locations is None:
            files = {f"{name}.py": Path(spec.origin or "")}
        else:
            # A folder without `__init__.py` may contain much that is no module.
            pattern = "*" if spec.origin else "*.py"
            files = {
                f"{name}/{file.relative_to(folder).as_posix()}": file
                for folder in reversed([*spec.submodule_search_locations])
                for file in Path(folder).rglob(pattern)
                if file.parent.name != "__pycache__"
            }
        if any(str(file).endswith(_COMPILED) for file in files.values()):
            self._compiled.add(name)
            return {}
        return {
            name: file.read_bytes() for name, file in files.items() if file.is_file()
        }


def _files_of(module: str) -> tuple[str, str]:
    path = module.replace(".", "/")
    return f"{path}.py", f"{path}/__init__.py"


def _units(name: str) -> Iterator[str]:
    """Yield what goes in together for an import: each module of ours, or a package."""
    if _top(name) == _US:
        yield from accumulate(name.split("."), "{}.{}".format)
    else:
        yield _top(name)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _imports(file: str, source: bytes) -> Iterator[str]:
    """Yield the dotted names that a module imports, but not those for type checkers."""
    package = ".".join(PurePosixPath(file).parent.parts)
    waiting: list[ast.AST] = []
    with suppress(SyntaxError, ValueError):  # a template, say, or for another Python
        waiting.append(ast.parse(source))
    while waiting:
        match waiting.pop():
            case ast.If(
                test=ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING"),
                orelse=orelse,
            ):
                waiting += orelse
            case ast.Import(names):
                yield from (each.name for each in names)
            case ast.ImportFrom(module, names, level):
                with suppress(ImportError):  # more dots than packages
                    base = resolve_name(f"{'.' * level}{module or ''}", package)
                    yield from (f"{base}.{each.name}" for each in names)
            case ast.Call(ast.Name("import_module"), [ast.Constant(str() as name)]):
                yield name
            case node:
                waiting += ast.iter_child_nodes(node)
