"""Profiles of Hypothesis: `dev` for `make test`, `ci` for `make test-all`.

`dev` tries a tenth of the examples. `ci` tries all of them, the same ones at every
run. No test fails by the clock, so there is no deadline. Under CI, `dev` has the
same examples at every run as well: a failure there is one that anyone can repeat.
"""

import os
from collections.abc import Sequence
from typing import TypeVar

from hypothesis import settings

_T = TypeVar("_T")

_ALL = 100


def register_profiles() -> None:
    """Register both profiles, and load `dev`; `--hypothesis-profile` loads `ci`."""
    settings.register_profile(
        "dev", deadline=None, max_examples=_ALL // 10, derandomize="CI" in os.environ
    )
    settings.register_profile(
        "ci", deadline=None, max_examples=_ALL, derandomize=True, print_blob=True
    )
    settings.load_profile("dev")


def scaled(count: int) -> int:
    """Return `count` in the profile `ci`, and a tenth of it in `dev`.

    For numbers of examples other than the usual one, and for the sizes of tests
    that do one thing very often.
    """
    return max(1, count * settings().max_examples // _ALL)


def share(values: Sequence[_T], start: int = 0) -> Sequence[_T]:
    """Return all values in the profile `ci`, and every tenth in `dev`.

    Tests that start at different numbers try all of them between them.
    """
    step = _ALL // settings().max_examples
    return values[start % step :: step]
