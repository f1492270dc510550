"""Read the text of a template into its parts.

Text:      Merge $<sum.results> as $${x} in ${style ?? "prose"}
Template:  Text("Merge "), Reference(sum.results), Text(" as ${x} in "),
           Reference(style, "prose")

The grammar is `grammar/template.lark`; `docs/language.md` § 2 describes it. Parsing
takes linear time: the text after a `$<` that begins no reference is read once more,
but references nest at most `MAX_NESTING` deep.
"""

import json
import math
import pickle
import re
from dataclasses import dataclass
from functools import cache, lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pflow_lower.template.tree import (
    LiteralOperand,
    Operand,
    PathOperand,
    Reference,
    Segment,
    Template,
    Text,
)

if TYPE_CHECKING:
    from lark import Lark, Token, Tree

MAX_NESTING = 10
"""How deep references may nest, as computed indexes."""

MAX_INDEX_DIGITS = 18
"""The most digits of an index."""

MAX_QUOTED = 20
"""The most characters of a template quoted on each side of "not" in a message."""

MAX_REMEMBERED = 1000
"""The most references that are cached, and the most characters of one of them."""

_MARK = re.compile(r"\$\$?[{<]")
_NAME = re.compile(r"[A-Za-z_]")
_FOUND = re.compile(
    rf"[ \t]{{0,{MAX_QUOTED}}}(?:-?\w{{1,{MAX_QUOTED}}}|\?\?|\|\||.)|.", re.DOTALL
)
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Problem:
    """A mistake in the characters from `start` to `stop` of a template.

    `malformed` is an error; `nearly` is plain text that looks like a reference.
    """

    kind: Literal["malformed", "nearly"]
    start: int
    stop: int
    message: str


class _Malformed(Exception):  # noqa: N818 - control flow inside this module only
    def __init__(self, stop: int, message: str) -> None:
        super().__init__(message)
        self.stop = stop


def may_hold_reference(text: str) -> bool:
    """Return whether a text needs to be parsed as a template."""
    return "$" in text and _MARK.search(text) is not None


def parse_template(text: str) -> tuple[Template, tuple[Problem, ...]]:
    """Read a text as a template.

    Returns the template and its problems, in order. If one of them is malformed, the
    template is incomplete and must not be used.
    """
    parts: list[Text | Reference] = []
    problems: list[Problem] = []
    plain: list[str] = []
    done = nearly_until = 0

    def flush() -> None:
        if any(plain):
            parts.append(Text("".join(plain)))
        plain.clear()

    while mark := _MARK.search(text, done):
        plain.append(text[done : mark.start()])
        start, done = mark.span()
        match mark.group():
            case "$${":
                plain.append("${")
            case "$$<":
                found = _reference_at(text, start + 1)
                plain.append("$<" if isinstance(found, Reference) else "$$<")
            case opener:
                found = _reference_at(text, start)
                if isinstance(found, Reference):
                    flush()
                    parts.append(found)
                    done = found.stop
                elif opener == "${":
                    problems.append(Problem("malformed", start, found.stop, str(found)))
                    done = max(done, found.stop - 1)
                else:
                    plain.append(opener)
                    if _NAME.match(text, done) and start >= nearly_until:
                        nearly_until = found.stop
                        problem = Problem("nearly", start, found.stop, str(found))
                        problems.append(problem)
    plain.append(text[done:])
    flush()
    return Template(text, tuple(parts)), tuple(problems)


def _reference_at(text: str, start: int) -> "Reference | _Malformed":
    """Return the reference that begins at `start`, or the error."""
    closing = "}" if text[start + 1] == "{" else ">"
    stop = text.find(closing, start, start + MAX_REMEMBERED) + 1
    if stop:
        found = _reference_of(text[start:stop])
        if isinstance(found, Reference):
            return _moved(found, start)
    return _parse(text, start)


@lru_cache(MAX_REMEMBERED)
def _reference_of(text: str) -> "Reference | _Malformed":
    """Parse the text of one reference; many are written more than once."""
    return _parse(text, 0)


def _moved(reference: Reference, by: int) -> Reference:
    operands = (
        _moved_path(each, by) if isinstance(each, PathOperand) else each
        for each in reference.operands
    )
    return Reference(tuple(operands), by, reference.stop + by)


def _moved_path(path: PathOperand, by: int) -> PathOperand:
    segments = tuple(
        _moved_path(each, by) if isinstance(each, PathOperand) else each
        for each in path.segments
    )
    return PathOperand(path.name, segments, path.start + by, path.stop + by)


def _parse(text: str, start: int) -> "Reference | _Malformed":
    from lark import TextSlice
    from lark.exceptions import UnexpectedInput

    # lark leaves the methods used here untyped.
    parser: Any = _parser().parse_interactive(TextSlice(text, start, len(text)))
    position = len(text)
    depth = 0
    try:
        for token in parser.iter_parse():
            if token.type.startswith("_OPEN"):
                depth += 1
                if depth > MAX_NESTING:
                    message = f"references may nest {MAX_NESTING} deep, not deeper"
                    return _Malformed(token.end_pos, message)
            elif token.type.startswith("_CLOSE"):
                depth -= 1
                if depth == 0:
                    parser.feed_token(token)
                    tree = parser.feed_eof(token)
                    return _reference(tree, start, token.end_pos)
    except UnexpectedInput as error:
        blame: Any = error  # lark declares its position as None
        position = blame.pos_in_stream
    except _Malformed as error:
        return error.with_traceback(None)  # which would keep the parser alive
    return _unexpected(parser.accepts(), text, start, position)


def _reference(tree: "Tree[Token]", start: int, stop: int) -> Reference:
    (operands,) = tree.children
    assert not isinstance(operands, str)
    return Reference(tuple(_operand(child) for child in operands.children), start, stop)


def _operand(tree: "Token | Tree[Token]") -> Operand:
    assert not isinstance(tree, str)
    if tree.data == "path":
        return _path(tree)
    (token,) = tree.children
    assert isinstance(token, str)
    return _literal(token)


def _path(tree: "Tree[Token]") -> PathOperand:
    name, *rest = tree.children
    last = tree.children[-1]
    assert isinstance(name, str)
    assert isinstance(last, str)
    segments: list[Segment] = []
    for child in rest:
        if not isinstance(child, str):
            segments.append(_path(child))
        elif child.type == "NAME":
            segments.append(str(child))
        elif child.type == "INT":
            segments.append(_index(child))
    return PathOperand(
        str(name), tuple(segments), name.start_pos or 0, last.end_pos or 0
    )


def _index(token: "Token") -> int:
    digits = token.lstrip("0") or "0"
    if len(digits) > MAX_INDEX_DIGITS:
        raise _Malformed(token.end_pos or 0, "no array has an index that large")
    return int(digits)


def _literal(token: "Token") -> LiteralOperand:
    if token.type == "EMPTY_ARRAY":
        return LiteralOperand(())
    if token.type == "EMPTY_OBJECT":
        return LiteralOperand((), is_object=True)
    try:
        value = json.loads(token)
    except ValueError:  # an int of more digits than Python reads
        value = math.inf
    if isinstance(value, float) and math.isinf(value):
        raise _Malformed(token.end_pos or 0, "the number is too large")
    if isinstance(value, str) and _SURROGATE.search(value):
        raise _Malformed(
            token.end_pos or 0, "the string contains an unpaired surrogate"
        )
    return LiteralOperand(value)


_WORDS = {
    "NAME": "a name",
    "INT": "an index",
    "STRING": "a JSON literal",
    "_CLOSE_BRACE": "`}`",
    "_CLOSE_ANGLE": "`>`",
    "RIGHT_BRACKET": "`]`",
    "_DOT": "`.`",
    "_LEFT_BRACKET": "`[`",
    "_COALESCE": "`??`",
    "_OPEN_BRACE": "a reference",
}


def _unexpected(accepted: set[str], text: str, start: int, position: int) -> _Malformed:
    """Return the error that other tokens were expected at `position`."""
    *most, last = [word for terminal, word in _WORDS.items() if terminal in accepted]
    expected = f"{', '.join(most)} or {last}" if most else last
    before = text[max(start, position - MAX_QUOTED) : position]
    cut = "…" if position - MAX_QUOTED > start else ""
    after = _quoted(cut + before)
    what = _FOUND.match(text, position)
    found = _quoted(what[0]) if what else "the end of the text"
    return _Malformed(
        min(position + 1, len(text)), f"expected {expected} after {after}, not {found}"
    )


def _quoted(text: str) -> str:
    return f"`{text}`" if text.isprintable() else ascii(text)


@cache
def _parser() -> "Lark":
    import lark

    from pflow_lower.template.tables import LARK, TABLES

    if lark.__version__ == LARK:
        return lark.Lark.load(BytesIO(pickle.dumps(TABLES)))
    return lark.Lark(grammar_text(), parser="lalr", lexer="contextual")


def grammar_text() -> str:
    """Return the grammar: inside the package in a wheel, at the top of a checkout."""
    here = Path(__file__).parents[1]
    for folder in (here / "grammar", here.parents[1] / "grammar"):
        grammar = folder / "template.lark"
        if grammar.exists():
            return grammar.read_text("utf-8")
    raise FileNotFoundError("pflow_lower/grammar/template.lark is not installed")
