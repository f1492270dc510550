"""Timings as ratios: two ways of doing a thing, by turns, in one run.

The machine is noisy, so a time alone says little. What is compared is the least
time of each: noise only ever adds to it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """How long `ours` took in terms of `theirs`, both in seconds."""

    name: str
    ours: float
    theirs: float
    bound: float

    @property
    def value(self) -> float:
        """The ratio; at most `bound` is what we want."""
        return self.ours / self.theirs

    def __str__(self) -> str:
        verdict = "" if self.value <= self.bound else "  <- MISSED"
        return (
            f"{self.name:58} {self.ours * 1000:10.1f} ms {self.theirs * 1000:10.1f} ms"
            f" {self.value:7.3f} {self.bound:7.2f}{verdict}"
        )


def compare(
    name: str,
    ours: Callable[[], None],
    theirs: Callable[[], None],
    *,
    bound: float,
    rounds: int,
) -> Ratio:
    """Time both, one after the other, so many times over."""
    times = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    least_ours, least_theirs = (min(column) for column in zip(*times, strict=True))
    return Ratio(name, least_ours, least_theirs, bound)


def seconds(work: Callable[[], None]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
