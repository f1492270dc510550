"""Where the attempts of a batch wait until one more may start."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from threading import Lock
from time import monotonic

_SPARE = 1.01
"""A start is seen by others a little later than it was let through: so much of the
window stays free that the ceiling holds for what they see, too."""


@dataclass(frozen=True, slots=True)
class RateLimit:
    """At most `requests` attempts start in any `per` seconds."""

    requests: int
    per: float


class Gate:
    """Lets attempts through: none while the batch is held back, no more than its rate.

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
        self._starts: deque[float] = deque(maxlen=limit.requests if limit else 0)
        self._due = 0.0

    def hold(self, seconds: float) -> bool:
        """Let nothing through for so long; tell whether that is longer than before."""
        with self._lock:
            until = self._clock() + seconds
            longer = until > self._closed_until
            self._closed_until = max(until, self._closed_until)
            return longer

    def delay(self) -> float:
        """Let an attempt through and give 0, or give the seconds to ask again after."""
        with self._lock:
            now = self._clock()
            due = max(self._closed_until, self._due)
            if self._starts.maxlen and len(self._starts) == self._starts.maxlen:
                due = max(due, self._starts[0] + self._window)
            if now < due:
                return due - now
            self._starts.append(now)
            # Who comes late does not put off all who come after, as long as it
            # is less than one start: so the rate is reached, but never in a rush.
            self._due = max(self._due, now - self._distance) + self._distance
            return 0.0

    async def enter(self, pause: Callable[[float], Awaitable[bool]]) -> bool:
        """Wait until an attempt may start; False where the batch was stopped instead.

        `pause` waits so many seconds, and tells whether to go on.
        """
        while (seconds := self.delay()) > 0:
            if not await pause(seconds):
                return False
        return True
