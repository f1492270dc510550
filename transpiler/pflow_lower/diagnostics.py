"""Diagnostics: what is wrong with a workflow, where, and what to do about it.

A code is stable: people put it into their configuration. To add one, add it to `Code`,
to `display/explanations.toml` (then generate `docs/diagnostics.md`), and a workflow to
`fixtures/invalid`; tests check that the three agree.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from heapq import nsmallest

from pflow_lower.source.positions import Location, Path
from pflow_lower.support import text as text_module

MAX_QUOTED = 60
"""The number of characters of a user's text that a message shows."""

MAX_LISTED = 10
"""The number of names that a hint lists."""

MAX_COMPARED = 100
"""The number of names that a word is compared with; comparing is slow."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]+")


class Severity(StrEnum):
    """The severity: an error stops the lowering, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Code(StrEnum):
    """The code of each kind of diagnostic."""

    INVALID_JSON = "PFL001"
    DUPLICATE_KEY = "PFL002"
    NOT_A_NUMBER = "PFL003"
    NUMBER_TOO_LARGE = "PFL004"
    NESTED_TOO_DEEP = "PFL005"
    LONE_SURROGATE = "PFL006"
    NOT_UTF_8 = "PFL007"
    NOT_JSON = "PFL008"

    UNKNOWN_KEY = "PFL101"
    MISSING_KEY = "PFL102"
    WRONG_TYPE = "PFL103"
    NOT_A_CHOICE = "PFL104"
    OUT_OF_RANGE = "PFL105"
    WRONG_FORM = "PFL106"
    EMPTY = "PFL107"
    UNSUPPORTED_VERSION = "PFL108"
    UNSUPPORTED_VALUE = "PFL109"
    WRONG_DEFAULT = "PFL110"

    DUPLICATE_ID = "PFL201"
    UNKNOWN_EDGE_NODE = "PFL202"
    CYCLE = "PFL203"
    DUPLICATE_EDGE = "PFL204"
    UNREACHABLE_NODE = "PFL205"
    ID_IS_INPUT = "PFL206"
    UNKNOWN_START_NODE = "PFL207"
    MALFORMED_TYPE = "PFL208"
    MISSING_PARAM = "PFL209"
    TWO_STDIN_INPUTS = "PFL210"

    UNKNOWN_NAME = "PFL301"
    MALFORMED_TEMPLATE = "PFL302"
    NOT_RUN_YET = "PFL303"
    UNKNOWN_OUTPUT = "PFL304"
    ALIAS_OUTSIDE_BATCH = "PFL305"
    IMPOSSIBLE_PATH = "PFL306"

    ITEMS_NOT_A_REFERENCE = "PFL401"
    ALIAS_HIDES_NAME = "PFL402"
    RESERVED_ALIAS = "PFL403"
    ITEMS_NOT_A_LIST = "PFL404"
    NOT_ONE_SOURCE = "PFL405"
    NOT_A_PATH = "PFL406"
    TOO_MANY_ITEMS = "PFL407"
    KEY_OF_ALL_ITEMS = "PFL408"
    TWO_ITEMS_OF_ONE_KEY = "PFL409"
    RESULTS_FILE_TAKEN = "PFL410"
    TWO_RETRIES = "PFL411"
    TOLERANCE_WITHOUT_CONTINUE = "PFL412"

    UNUSED_ALIAS = "PFL501"
    CAP_WITHOUT_PARALLEL = "PFL502"
    UNKNOWN_TYPE = "PFL503"
    UNKNOWN_PARAM = "PFL504"
    MAYBE_NOT_GIVEN = "PFL505"
    OUTPUT_WITHOUT_SOURCE = "PFL506"
    NEARLY_A_TEMPLATE = "PFL507"
    MAYBE_NULL = "PFL508"
    ITEM_IN_COMMAND = "PFL509"
    MAYBE_NOT_RUN = "PFL510"

    @property
    def severity(self) -> Severity:
        """The severity of the code, unless a pass says otherwise."""
        return Severity.WARNING if self.startswith("PFL5") else Severity.ERROR


@dataclass(frozen=True, slots=True)
class Related:
    """A second place that helps to understand a mistake, with a message about it.

    Attributes:
        message: What is there.
        line: As that of the diagnostic.
        column: As that of the diagnostic.
    """

    location: Location = field(repr=False)
    message: str
    line: int | None = None
    column: int | None = None

    @property
    def path(self) -> Path:
        """The keys and indexes that lead to the place."""
        return self.location.path


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnostic:
    """One mistake in one workflow: `docs/language.md` § 6.

    Attributes:
        code: The kind of mistake.
        severity: Whether it stops the lowering.
        message: What is wrong.
        hint: What to do about it, or an empty string.
        line: The line, from 1; None if the workflow was given as an object.
        column: The column in characters, from 1, or None.
        related: Other places that the mistake involves.
    """

    code: Code
    severity: Severity
    message: str
    hint: str = ""
    location: Location = field(default=Location(), repr=False)
    line: int | None = None
    column: int | None = None
    related: tuple[Related, ...] = ()

    @property
    def path(self) -> Path:
        """The keys and indexes that lead to the wrong value."""
        return self.location.path


def report(  # noqa: PLR0913 - what a diagnostic says, in the order it is said
    code: Code,
    location: Location,
    message: str,
    hint: str = "",
    severity: Severity | None = None,
    *,
    related: tuple[Related, ...] = (),
) -> Diagnostic:
    """Return the diagnostic that a pass reports; line and column are added later."""
    return Diagnostic(
        code=code,
        severity=severity or code.severity,
        message=message,
        hint=hint,
        location=location,
        related=related,
    )


def quote(text: str) -> str:
    """Quote a user's text for a message: on one line, and not too long."""
    return text_module.quote(text, MAX_QUOTED)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a hint that names the word of `known` nearest to `word`, or ''."""
    from difflib import get_close_matches  # late: only a hint needs it

    if len(word) > MAX_QUOTED:
        return ""
    # Case does not matter: "ID" is near to "id".
    folded: dict[str, str] = {}
    for each in known:
        if len(each) <= MAX_QUOTED:
            folded.setdefault(each.casefold(), each)
    word = word.casefold()
    alike = nsmallest(
        MAX_COMPARED, folded, lambda each: (each != word, abs(len(each) - len(word)))
    )
    near = get_close_matches(word, alike, n=1)
    return f"did you mean {quote(folded[near[0]])}?" if near else ""


def suggest(word: str, known: Iterable[str], otherwise: str) -> str:
    """Return a hint with the nearest of `known` or, if none is near, all of them."""
    known = list(known)
    if not known:
        return ""
    names = [each if _PLAIN.fullmatch(each) else quote(each) for each in known]
    names[MAX_LISTED:] = ["…"] if len(names) > MAX_LISTED else []
    return did_you_mean(word, known) or f"{otherwise} {', '.join(names)}"


def has_errors(diagnostics: Iterable[Diagnostic]) -> bool:
    """Return whether any of them stops the lowering."""
    return any(one.severity is Severity.ERROR for one in diagnostics)
