"""The public functions and types: `docs/language.md` § 6."""

import gc
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from pflow_lower.diagnostics import Diagnostic
from pflow_lower.document.document import Document, place
from pflow_lower.document.reader import read_bytes, read_object, read_text
from pflow_lower.ir.workflow import RESULT_FORMS, ResultForm
from pflow_lower.nodetypes.catalog import ImportReference
from pflow_lower.pipeline import Artefacts, Options, run_passes
from pflow_lower.source.positions import Source
from pflow_lower.support.atomic import replace_files

if TYPE_CHECKING:
    from pocketflow import AsyncFlow

_NO_NODES: Mapping[str, str] = MappingProxyType({})


class LoweringError(Exception):
    """A workflow has errors; `str` shows all problems that were found.

    Attributes:
        diagnostics: All problems, warnings too, sorted by position.
    """

    def __init__(self, diagnostics: tuple[Diagnostic, ...], rendered: str) -> None:
        super().__init__(rendered)
        self.diagnostics = diagnostics


@dataclass(frozen=True, slots=True)
class Lowered:
    """A lowered workflow: the plain IR and the module (`docs/language.md` § 4).

    Attributes:
        name: The name of the workflow.
        ir: The lowered IR.
        ir_text: The lowered IR as JSON, as `write` writes it.
        module: The generated module, as Python source.
        module_name: The name of the module, an ASCII identifier: `docs_lowered`.
        diagnostics: The warnings, sorted by position.
    """

    name: str
    ir: dict[str, Any]
    ir_text: str = field(repr=False)
    module: str = field(repr=False)
    module_name: str
    diagnostics: tuple[Diagnostic, ...] = ()

    def write(self, directory: str | PathLike[str]) -> tuple[Path, Path]:
        """Write NAME.lowered.json and the module into a folder.

        Neither file is replaced before both are complete.

        Args:
            directory: The folder; it is made if it is missing.

        Returns:
            The paths of the IR and of the module.

        Raises:
            OSError: A file cannot be written.
            ValueError: The workflow is the lowered IR of a workflow of the same name,
                so that its module would import itself.
        """
        check_module_name(self)
        folder = Path(directory)
        folder.mkdir(parents=True, exist_ok=True)
        ir_path, module_path = output_paths(self.name, self.module_name, folder)
        replace_files(
            {ir_path: self.ir_text.encode(), module_path: self.module.encode()}
        )
        return ir_path, module_path

    def load(self) -> ModuleType:
        """Return the module, made in memory and not added to `sys.modules`."""
        module = ModuleType(self.module_name)
        code = compile(self.module, f"<{self.module_name}.py>", "exec")
        exec(code, module.__dict__)
        return module

    def flow(self) -> "AsyncFlow":
        """Return the flow of the module, made in memory."""
        flow: AsyncFlow = self.load().build_flow()
        return flow


def lower(
    ir: Mapping[str, Any] | str,
    *,
    name: str = "workflow",
    results: ResultForm = "value",
    nodes: Mapping[str, str] = _NO_NODES,
) -> Lowered:
    """Lower a workflow.

    Args:
        ir: The workflow as JSON text, or as an object, which is not changed. Only text
            gives diagnostics a line and a column.
        name: The name of the workflow, from which files and the module are named.
        results: What one result of a batch is (`docs/language.md` § 3): `"value"`, the
            primary output, or `"record"`, an object of all outputs and the item.
        nodes: Node types by name, each as "package.module:Class". They add to the
            built-in types or replace them.

    Returns:
        The lowered IR, the module, and the warnings.

    Raises:
        LoweringError: The workflow has errors.
        ValueError: Another argument is not valid.
    """
    options = make_options(name, results, nodes)
    if isinstance(ir, str):
        source = Source(name, ir.removeprefix("\ufeff"))
        document, found = read_text(source)
        return _lowered(_outcome(document, document or source, found, options))
    document, found = read_object(ir)
    return _lowered(_outcome(document, document, found, options))


def lower_file(
    path: str | PathLike[str],
    *,
    name: str | None = None,
    results: ResultForm = "value",
    nodes: Mapping[str, str] = _NO_NODES,
) -> Lowered:
    """Lower the workflow in a file, as `lower` does.

    Args:
        path: The file, in UTF-8.
        name: The name of the workflow; None means the stem of the file.
        results: As for `lower`.
        nodes: As for `lower`.

    Returns:
        The lowered IR, the module, and the warnings.

    Raises:
        LoweringError: The workflow has errors.
        OSError: The file cannot be read.
        ValueError: Another argument is not valid.
    """
    options = make_options(name or Path(path).stem, results, nodes)
    options = options._replace(folders=(str(Path(path).parent),))
    return _lowered(lower_bytes(str(path), Path(path).read_bytes(), options))


def check_module_name(lowered: Lowered) -> None:
    """Raise ValueError if the module would import itself.

    That is so for the lowered IR of a workflow under the name of the workflow.
    """
    if f"\nfrom {lowered.module_name} import " in lowered.module:
        raise ValueError(
            f"the module {lowered.module_name} would import itself: "
            "lower the workflow under another name"
        )


class Outcome(NamedTuple):
    """The result of lowering a workflow; `lowered` is None if it has errors.

    The diagnostics are about `origin`: the document, or text that is not valid JSON.
    `name` is what they call it.
    """

    name: str
    origin: Document | Source | None
    diagnostics: tuple[Diagnostic, ...]
    artefacts: Artefacts | None
    lowered: Lowered | None


def lower_bytes(shown: str, raw: bytes, options: Options) -> Outcome:
    """Lower the contents of a file, which is called `shown` in diagnostics."""
    source, document, found = read_bytes(shown, raw)
    outcome = _outcome(document, document or source, found, options)
    return outcome._replace(name=shown)


def make_options(name: str, results: str, nodes: Mapping[str, str]) -> Options:
    """Return the options of a lowering; raise ValueError if one is not valid."""
    if not name or name in (".", "..") or any(mark in name for mark in "/\\\0"):
        raise ValueError(f"{name!r} is not a valid file name")
    if results not in RESULT_FORMS:
        raise ValueError(f'results must be "value" or "record", not {results!r}')
    references: dict[str, ImportReference] = {}
    for node_type, text in nodes.items():
        reference = ImportReference.parse(text)
        if reference is None:
            raise ValueError(
                f"nodes[{node_type!r}] must be package.module:Class, not {text!r}"
            )
        references[node_type] = reference
    return Options(name=name, results=RESULT_FORMS[results], nodes=references)


def output_paths(name: str, module_name: str, directory: Path) -> tuple[Path, Path]:
    """Return the paths of the two artefacts of workflow `name` in a folder."""
    return directory / f"{name}.lowered.json", directory / f"{module_name}.py"


def _outcome(
    document: Document | None,
    origin: Document | Source | None,
    found: tuple[Diagnostic, ...],
    options: Options,
) -> Outcome:
    """Run the passes on a document, and put their results into the final form."""
    artefacts = lowered = None
    if document is not None:
        # The passes make no cycles, but many objects that live long: to search them
        # again and again would take a fifth of the time of a large workflow.
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            artefacts, reported = run_passes(document.value, options)
        finally:
            if was_enabled:
                gc.enable()
        found += reported
    placed = place(found, origin)
    if artefacts is not None:
        lowered = Lowered(
            name=options.name,
            ir=artefacts.ir,
            ir_text=json.dumps(artefacts.ir, ensure_ascii=False, indent=2) + "\n",
            module=artefacts.module,
            module_name=artefacts.module_name,
            diagnostics=placed,
        )
    return Outcome(options.name, origin, placed, artefacts, lowered)


def _lowered(outcome: Outcome) -> Lowered:
    if outcome.lowered is None:
        # Late: most workflows have no errors.
        from pflow_lower.display.render import render

        text = render(outcome.diagnostics, outcome.origin, outcome.name)
        raise LoweringError(outcome.diagnostics, text)
    return outcome.lowered
