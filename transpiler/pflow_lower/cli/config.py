"""Read the configuration of a project: the table `[tool.pflow-lower]`.

    [tool.pflow-lower]
    results = "record"
    strict = true
    ignore = ["PFL501"]
    out-dir = "build"

    [tool.pflow-lower.nodes]
    llm = "mypkg.nodes:Summarize"

It is in the nearest pyproject.toml above a workflow, and folders in it are relative to
that file. The command line wins: `docs/language.md` § 6.
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
    """A configuration is not valid; the message says which file, which key and why."""


class Config(NamedTuple):
    """What one pyproject.toml sets; None for what it does not set."""

    results: ResultForm | None = None
    strict: bool | None = None
    ignore: frozenset[Code] = frozenset()
    out_dir: Path | None = None
    nodes: Mapping[str, ImportReference] = MappingProxyType({})


def find_config(directory: Path) -> Config:
    """Return the configuration for the workflows of a folder.

    Raises ConfigError, which lists all problems, and OSError.
    """
    here = directory.absolute()
    for folder in (here, *here.parents):
        if (folder / FILE).is_file():
            return _read(folder / FILE)
    return Config()


@cache
def _read(path: Path) -> Config:
    import tomllib  # late: many workflows are in no project

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
            hint = did_you_mean(key, _READERS) or f"the keys are {', '.join(_READERS)}"
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
    """Return the code of a warning by its name; raise ValueError for other names."""
    codes = {str(code): code for code in Code if code.startswith("PFL5")}
    if value in codes:
        return codes[value]
    if not isinstance(value, str):
        raise ValueError(f"must contain codes, not {type_name(value)}")
    if value in list(Code):
        raise ValueError(f"cannot contain {value}: an error cannot be ignored")
    hint = did_you_mean(value, codes) or f"the codes are {', '.join(codes)}"
    raise ValueError(
        f"contains {quote(value)}, which is not the code of a warning: {hint}"
    )


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
