"""Find the workflow in what a model replied.

Before:  Sure! Here it is:
         ```json
         {"nodes": [{"id": "a", "type": "echo"},]}
         ```
After:   {"nodes": [{"id": "a", "type": "echo"} ]}

Only a trailing comma is corrected, since that cannot change the meaning. It becomes a
space, so that positions stay the same. A reply that is cut off stays cut off.
"""

import re

# A string that is not closed counts as a string: otherwise the time would grow with
# the square of the number of quotes.
_MARK = re.compile(r'"(?:[^"\\\n]|\\.)*+"?|[{}]')
_COMMA = re.compile(r'("(?:[^"\\]|\\.)*+"?)|,(?=\s*[}\]])', re.DOTALL)
_WORKFLOW = '"nodes"'


def find_workflow(reply: str) -> str:
    """Return the part of a reply that is most likely the workflow.

    That is the last object with nodes, else the beginning of one, else the longest
    object, else the whole reply. Lone surrogates become question marks, since UTF-8
    cannot encode them.
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
    """Return the outermost objects of a text, and what follows an unclosed brace."""
    open_braces: list[int] = []
    spans: list[tuple[int, int]] = []
    for mark in _MARK.finditer(text):
        if mark[0] == "{":
            open_braces.append(mark.start())
        elif mark[0] == "}" and open_braces:
            begin = open_braces.pop()
            while spans and spans[-1][0] > begin:  # the objects inside of this one
                spans.pop()
            spans.append((begin, mark.end()))
    cut_off = text[open_braces[0] :] if open_braces else ""
    return [text[begin:end] for begin, end in spans], cut_off
