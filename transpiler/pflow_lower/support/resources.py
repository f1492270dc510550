"""Resources that are opened once for a run, shared, and closed at its end.

The runtime knows when a run begins and ends, and the nodes know what to share: a pool
of connections, for one.

The runtime:    async with sharing(): ...
A node:         async with borrowed(Client) as client: ...
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
)
from contextvars import ContextVar
from typing import Any, TypeVar

_logger = logging.getLogger("pflow_lower")

T = TypeVar("T")
Opener = Callable[[], AbstractAsyncContextManager[T]]


@asynccontextmanager
async def sharing() -> AsyncIterator[None]:
    """Share what is borrowed inside, and close it at the end, the latest first.

    Nested in another one on the same event loop, it leaves that to the outer one. An
    error while closing is logged, so that no result is lost.
    """
    if _current_pool() is not None:
        yield
        return
    pool = _Pool()
    token = _pool.set(pool)
    try:
        yield
    finally:
        _pool.reset(token)
        await pool.close()


@asynccontextmanager
async def borrowed(opener: Opener[T]) -> AsyncIterator[T]:
    """Yield what `opener` opens: the same for all callers within `sharing`.

    Outside of it, or on another event loop, each caller gets its own, which is
    closed after use. `opener` is called without arguments, returns an asynchronous
    context manager, and is identified by its identity.
    """
    pool = _current_pool()
    if pool is None:
        async with opener() as own:
            yield own
    else:
        yield await pool.get(opener)


class _Pool:
    """The shared resources of one run."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.closed = False
        self._opening = asyncio.Lock()
        self._opened: dict[Opener[Any], Any] = {}
        self._stack = AsyncExitStack()

    async def get(self, opener: Opener[T]) -> T:
        if opener not in self._opened:
            async with self._opening:  # others may ask for the same one meanwhile
                if opener not in self._opened:
                    opened = await self._stack.enter_async_context(opener())
                    self._opened[opener] = opened
        shared: T = self._opened[opener]
        return shared

    async def close(self) -> None:
        self.closed = True
        try:
            await self._stack.aclose()
        except Exception:
            _logger.warning("closing a shared resource failed", exc_info=True)


_pool: ContextVar[_Pool | None] = ContextVar("_pool", default=None)


def _current_pool() -> _Pool | None:
    """Return the pool of this run, if it has one for this event loop."""
    pool = _pool.get()
    if pool is None or pool.closed or pool.loop is not asyncio.get_running_loop():
        return None
    return pool
