"""Find the workflow in what a model replied.

Before:  Sure! Here it is:
         ```json
         {"nodes": [{"id": "a", "type": "echo"},]}
         ```
After:   {"nodes": [{"id": "a", "type": "echo"} ]}

Only what cannot change a meaning is mended: a comma too many becomes a space, so
that everything stays where it stood. A reply that was cut off stays cut off.
"""

import re
from collections.abc import Iterator

# A string that is not closed counts as one, or each quote would be looked at again
# from every quote before it.
_MARK = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|[{}]')
_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+"?)|,(?=\s*[}\]])', re.DOTALL)
_WORKFLOW = '"nodes"'


def find_workflow(reply: str) -> str:
    """Give the text of a reply that is most likely the workflow.

    That is the last object that has nodes; or else the beginning of one; or else
    the longest object there is; or else all of it. Half a character, which no file
    can hold, becomes a question mark.
    """
    text = reply.encode(errors="replace").decode()
    whole, cut_off = _objects(text)
    with_nodes = [each for each in whole if _WORKFLOW in each]
    if with_nodes:
        found = with_nodes[-1]
    elif _WORKFLOW in cut_off:
        found = cut_off
    else:
        found = max(whole, key=len, default=text.strip())
    return _COMMA.sub(lambda match: match[1] or " ", found)


def _objects(text: str) -> tuple[list[str], str]:
    """Give the outermost objects of a text, and what follows a brace left open."""
    open_braces: list[int] = []
    spans: list[tuple[int, int]] = []
    for start, is_opening in _braces(text):
        if is_opening:
            open_braces.append(start)
        elif open_braces:
            begin = open_braces.pop()
            while spans and spans[-1][0] > begin:  # what lies within this one
                spans.pop()
            spans.append((begin, start + 1))
    cut_off = text[open_braces[0] :] if open_braces else ""
    return [text[begin:end] for begin, end in spans], cut_off


def _braces(text: str) -> Iterator[tuple[int, bool]]:
    """Give the braces that stand in no string, and whether each opens an object."""
    for mark in _MARK.finditer(text):
        if mark[0] in "{}":
            yield mark.start(), mark[0] == "{"
