"""Timings as ratios: two ways of doing a thing, by turns, in one run.

The machine is noisy, so a time alone says little. What is compared is the least
time of each: noise only ever adds to it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ratio:
    """How much `ours` took in terms of `theirs`: seconds, unless the unit says what."""

    name: str
    ours: float
    theirs: float
    bound: float
    unit: str = "s"

    @property
    def value(self) -> float:
        """The ratio; at most `bound` is what we want."""
        return self.ours / self.theirs

    def __str__(self) -> str:
        verdict = "" if self.value <= self.bound else "  <- MISSED"
        amounts = f"{self._amount(self.ours)} {self._amount(self.theirs)}"
        return f"{self.name:58} {amounts} {self.value:7.3f} {self.bound:7.2f}{verdict}"

    def _amount(self, value: float) -> str:
        if self.unit != "s":
            return f"{value:10.1f} {self.unit}"
        # What takes microseconds is the time of one item.
        few = value < 1e-4
        return f"{value * (1e6 if few else 1e3):10.1f} {'µs' if few else 'ms'}"


def compare(  # noqa: PLR0913 - each says what it is by its name
    name: str,
    ours: Callable[[], None],
    theirs: Callable[[], None],
    *,
    bound: float,
    rounds: int,
    per: int = 1,
) -> Ratio:
    """Time both by turns, so many rounds; give the least time, of one of `per`."""
    times = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    least_ours, least_theirs = (min(column) for column in zip(*times, strict=True))
    return Ratio(name, least_ours / per, least_theirs / per, bound)


def seconds(work: Callable[[], None]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
