"""What a project says about lowering its workflows: `[tool.pflow-lower]`.

    [tool.pflow-lower]
    results = "record"
    strict = true
    ignore = ["PFL501"]
    out-dir = "build"

    [tool.pflow-lower.nodes]
    llm = "mypkg.nodes:Summarize"

It stands in the nearest pyproject.toml above a workflow; folders in it count from
there. The command line wins: `docs/language.md` § 6.
"""

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from pflow_lower.diagnostics import Code, did_you_mean, quote
from pflow_lower.ir.workflow import RESULT_FORMS, ResultForm
from pflow_lower.nodetypes.catalog import ImportReference
from pflow_lower.support.values import type_name

FILE = "pyproject.toml"
TABLE = "tool.pflow-lower"


class ConfigError(Exception):
    """A configuration cannot be used; the message says which, where and why."""


class Config(NamedTuple):
    """What one pyproject.toml says; None where it says nothing."""

    results: ResultForm | None = None
    strict: bool | None = None
    ignore: frozenset[Code] = frozenset()
    out_dir: Path | None = None
    nodes: Mapping[str, ImportReference] = MappingProxyType({})


def find_config(directory: Path) -> Config:
    """Give the configuration for the workflows of a folder.

    Raises ConfigError, which lists everything that is wrong with it, and OSError.
    """
    here = directory.absolute()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return _read(folder / FILE)
    return Config()


@cache
def _read(path: Path) -> Config:
    import tomllib  # late: many workflows have no project around them

    try:
        with path.open("rb") as file:
            document = tomllib.load(file)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: error: {error}") from error
    table = document.get("tool", {}).get("pflow-lower", {})
    problems: list[str] = []
    settings: dict[str, Any] = {}
    if not isinstance(table, dict):
        message = f"[{TABLE}] must be a table, not {type_name(table)}"
        raise ConfigError(f"{path}: error: {message}")
    for key, value in table.items():
        if key not in _READERS:
            hint = did_you_mean(key, _READERS) or f"it has {', '.join(_READERS)}"
            problems.append(f"[{TABLE}] has no key {quote(key)}: {hint}")
            continue
        try:
            settings[key.replace("-", "_")] = _READERS[key](value, path.parent)
        except ValueError as error:
            problems.append(f"[{TABLE}] {key} {error}")
    if problems:
        raise ConfigError("\n".join(f"{path}: error: {each}" for each in problems))
    return Config(**settings)


def _results(value: Any, _: Path) -> ResultForm:
    if isinstance(value, str) and value in RESULT_FORMS:
        return RESULT_FORMS[value]
    shown = quote(value) if isinstance(value, str) else type_name(value)
    raise ValueError(f'must be "value" or "record", not {shown}')


def _flag(value: Any, _: Path) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError(f"must be true or false, not {type_name(value)}")


def _ignore(value: Any, _: Path) -> frozenset[Code]:
    if not isinstance(value, list):
        raise ValueError(f"must be an array of codes, not {type_name(value)}")
    return frozenset(map(ignorable, value))


def ignorable(value: Any) -> Code:
    """Give the code of a warning by its name; raises ValueError for any other."""
    codes = {str(code): code for code in Code if code.startswith("PFL5")}
    if value in codes:
        return codes[value]
    if not isinstance(value, str):
        raise ValueError(f"must hold codes, not {type_name(value)}")
    if value in list(Code):
        raise ValueError(f"cannot hold {value}: an error cannot be ignored")
    hint = did_you_mean(value, codes) or f"there are {', '.join(codes)}"
    raise ValueError(f"holds {quote(value)}, which is no code of a warning: {hint}")


def _out_dir(value: Any, folder: Path) -> Path:
    if isinstance(value, str) and value:
        return folder / value
    raise ValueError(f"must be the path of a folder, not {type_name(value)}")


def _nodes(value: Any, _: Path) -> Mapping[str, ImportReference]:
    if not isinstance(value, dict):
        raise ValueError(f"must be a table, not {type_name(value)}")
    problems: list[str] = []
    nodes: dict[str, ImportReference] = {}
    for name, text in value.items():
        reference = ImportReference.parse(text) if isinstance(text, str) else None
        if reference is None:
            shown = quote(text) if isinstance(text, str) else type_name(text)
            problems.append(f"{quote(name)} must be package.module:Class, not {shown}")
        else:
            nodes[name] = reference
    if problems:
        raise ValueError("; ".join(problems))
    return MappingProxyType(nodes)


_READERS: Mapping[str, Callable[[Any, Path], Any]] = {
    "results": _results,
    "strict": _flag,
    "ignore": _ignore,
    "out-dir": _out_dir,
    "nodes": _nodes,
}
