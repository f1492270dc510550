"""Where the nodes of a syntax tree stand in a text, counted in characters."""

import ast


class Positions:
    """The positions in one text."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._lines = [0]
        for line in source.split("\n"):
            self._lines.append(self._lines[-1] + len(line) + 1)

    def offset(self, line: int, column: int) -> int:
        """Give the offset of a position whose column counts bytes, as in `ast`."""
        start = self._lines[line - 1]
        text = self._source[start : self._lines[line]]
        if text.isascii():
            return start + column
        return start + len(text.encode()[:column].decode())

    def span(self, node: ast.expr | ast.stmt | ast.alias) -> tuple[int, int]:
        """Give the offsets of the beginning and the end of a node."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = self.offset(node.lineno, node.col_offset)
        return start, self.offset(node.end_lineno, node.end_col_offset)

    def lines(self, node: ast.stmt) -> tuple[int, int]:
        """Give the offsets of the beginning and the end of the lines of a statement."""
        assert node.end_lineno is not None
        return self._lines[node.lineno - 1], self._lines[node.end_lineno]
