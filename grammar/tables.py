"""Write the parsing tables of `template.lark`, as `make grammar` does.

Lark takes longer to make its tables from a grammar than to parse the templates of a
small workflow with them. They are kept as a module, which can be read and compared,
not as a pickle.
"""

import hashlib
import io
import pickle
from pathlib import Path

import lark

HERE = Path(__file__).parent
TARGET = HERE.parent / "transpiler" / "pflow_lower" / "template" / "tables.py"

MODULE = '''\
"""The parsing tables of `grammar/template.lark`: run `make grammar` to write them."""

# fmt: off
# ruff: noqa: E501
from typing import Any

LARK = {lark!r}
GRAMMAR = {grammar!r}
TABLES: Any = {tables!r}
'''


def main() -> None:
    """Write the module."""
    grammar = (HERE / "template.lark").read_bytes()
    saved = io.BytesIO()
    parser = lark.Lark(grammar.decode(), parser="lalr", lexer="contextual")
    parser.save(saved)
    text = MODULE.format(
        lark=lark.__version__,
        grammar=hashlib.sha256(grammar).hexdigest(),
        tables=pickle.loads(saved.getvalue()),
    )
    TARGET.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
