"""The gate at which the attempts of a batch wait until one more may start."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

_SPARE = 1.01
"""Others see a start a little later than the gate: this much of the window stays
free, so that the limit holds for what they see."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `requests` attempts start in `per` seconds: `docs/language.md` § 3."""

    requests: int
    per: float

    def __post_init__(self) -> None:
        """Raise ValueError if nothing could ever start, or all at once."""
        if self.requests < 1 or not self.per > 0:
            raise ValueError(f"{self}: requests must be at least 1, per above 0")


class Gate:
    """Lets attempts through: none while the batch is held back, and at most its rate.

    Under a rate limit they start at even distances, and never more than
    `requests` of them in any window of `per` seconds. Any thread may call it.
    """

    def __init__(
        self, limit: RateLimit | None, clock: Callable[[], float] = monotonic
    ) -> None:
        self._clock = clock
        self._lock = Lock()
        self._closed_until = 0.0
        self._window = 0.0 if limit is None else limit.per * _SPARE
        self._distance = 0.0 if limit is None else self._window / limit.requests
        self._late = max(self._distance, self._window / 100)
        self._starts: deque[float] = deque(maxlen=limit.requests if limit else 0)
        self._next_turn = 0.0

    def hold(self, seconds: float) -> bool:
        """Let nothing through for so long; return whether that extends the time."""
        with self._lock:
            until = self._clock() + seconds
            longer = until > self._closed_until
            self._closed_until = max(until, self._closed_until)
            return longer

    async def enter(self, pause: Callable[[float], Awaitable[bool]]) -> bool:
        """Wait until an attempt may start; return False if the batch was stopped.

        `pause` waits so many seconds, and returns whether to go on.
        """
        with self._lock:
            seconds = self._turn(self._clock())
        while True:
            if seconds > 0 and not await pause(seconds):
                return False
            seconds = self._start()
            if seconds <= 0:
                return True

    def _turn(self, now: float) -> float:
        """Take a turn, and return the seconds until it comes.

        Turns lie at even distances. One may lie in the past a little, so that the
        rate is reached although every sleep is longer than it was meant to be.
        """
        turn = max(self._next_turn, now - self._late, self._closed_until)
        self._next_turn = turn + self._distance
        return turn - now

    def _start(self) -> float:
        """Count a start and return 0, or return the seconds after which to ask again.

        What counts is when attempts really start: a late one may be so close to
        those after it that the next turn is too early.
        """
        with self._lock:
            now = self._clock()
            if now < self._closed_until:
                return self._turn(now)
            full = self._starts.maxlen and len(self._starts) == self._starts.maxlen
            if full and now < self._starts[0] + self._window:
                return self._starts[0] + self._window - now
            self._starts.append(now)
            return 0.0
