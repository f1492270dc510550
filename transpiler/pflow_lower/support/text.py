"""Text for messages: short, on one line, and safe to print on a terminal."""

import json


def shorten(text: str, width: int) -> str:
    """Return the text, cut to `width` characters, the last one then an ellipsis."""
    return text if len(text) <= width else f"{text[: width - 1]}…"


def printable(text: str) -> str:
    """Return the text with U+FFFD in place of each character that cannot be shown.

    A terminal would obey some of these characters. The length stays the same.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text
    )


def one_line(text: str, width: int) -> str:
    """Return the text on one printable line of at most `width` characters.

    Each run of whitespace becomes one space.
    """
    return printable(shorten(" ".join(text.split()), width))


def quote(text: str, width: int) -> str:
    """Return the text, cut to `width` characters, as a JSON string on one line.

    It is ASCII if one of its characters is not printable.
    """
    short = shorten(text, width)
    return json.dumps(short, ensure_ascii=not short.isprintable())


def to_utf8(text: str) -> bytes:
    r"""Return the text as UTF-8, each lone surrogate in it as an escape (`\udc80`).

    Inside a JSON string that escape stands for the same surrogate.
    """
    return text.encode("utf-8", "backslashreplace")
