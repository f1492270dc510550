"""One run of a batch: each item from its start to its end."""

import logging
from asyncio import CancelledError
from collections.abc import Callable, MutableMapping
from itertools import count
from typing import Any, Concatenate, ParamSpec

from pflow_lower.runtime.batch.admission import Keys
from pflow_lower.runtime.batch.crew import crew_for
from pflow_lower.runtime.batch.gate import Gate
from pflow_lower.runtime.batch.items import Items
from pflow_lower.runtime.batch.recall import Identity, Recall
from pflow_lower.runtime.batch.retry import retry_after
from pflow_lower.runtime.batch.settings import BatchSettings
from pflow_lower.runtime.context import NO_CONTEXT, current, running_in
from pflow_lower.runtime.errors import ErrorAction, MissingResultError, describe
from pflow_lower.runtime.events.event import (
    Event,
    HeldBack,
    ItemFailed,
    ItemFinished,
    ItemRetried,
    ItemStarted,
    now,
)
from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.journal.values import decode
from pflow_lower.runtime.node import Runner, node_class
from pflow_lower.runtime.scope import Scope
from pflow_lower.support.values import as_text

P = ParamSpec("P")

logger = logging.getLogger("pflow_lower.runtime")

_FAILURES = (Exception, CancelledError, SystemExit)
_YIELD_EVERY = 64
"""After so many items a task lets others run: some nodes never await anything."""

_serial = count(1)


class BatchRun:
    """One run of a batch; `failure` is that of the batch, not of an item."""

    def __init__(
        self,
        step: BatchSettings,
        shared: MutableMapping[str, Any],
        items: Items,
        total: int | None,
        recall: Recall | None,
    ) -> None:
        runner = Runner(node_class(step.node_type))
        events = current().events
        most = max(step.max_concurrent, 1)
        primary = getattr(runner.node_type, "result", None)
        self.items = items
        self.failure: Exception | None = None
        self.unseen_keys: Keys | None = None  # of items that can be read only once
        self._step = step
        self._shared = shared
        self._params_for = step.params_for
        self._workers = most if total is None else min(most, total)
        self._crew = crew_for(runner, items, step)
        self._call = self._crew.call
        self._primary = primary if isinstance(primary, str) else None
        self._gives_records = step.results == "record"
        self._recall = recall
        self._emit = events.emit if events else None
        self._is_alone = self._recall is None and self._emit is None
        self._parsed: dict[str, Any] = {}
        self._gate = Gate(step.rate_limit)
        self._is_gated = step.rate_limit is not None
        self._is_watched = self._is_gated or self._emit is not None
        self._number = next(_serial)

    async def go(self) -> None:
        """Run the items; return when all that were started have ended."""
        await self._crew.run(self._workers, self._work)

    def tell(
        self,
        kind: Callable[Concatenate[str, float, int, P], Event],
        *what: P.args,
        **more: P.kwargs,
    ) -> None:
        """Emit an event, if there is a listener."""
        if self._emit is not None:
            self._emit(kind(self._step.node_id, now(), self._number, *what, **more))

    async def _work(self) -> None:
        """Run items, one after the other, until there are no more."""
        alias, bindings = self._step.alias, dict[str, Any]()
        scope = Scope(self._shared, bindings, self._parsed)
        items = self.items
        with running_in(NO_CONTEXT):
            while True:
                taken = await self._crew.take() if items.is_async else items.take()
                if taken is None:
                    return
                index, item = taken
                bindings[alias], bindings["__index__"] = item, index
                if self.unseen_keys is not None:
                    self.unseen_keys.add(index, item)
                if self._recall is None:
                    await self._run_item(index, item, scope)
                else:
                    await self._run_or_recall(self._recall, index, item, scope)
                if index % _YIELD_EVERY == 0:
                    await self._crew.yield_control()

    async def _run_or_recall(
        self, recall: Recall, index: int, item: Any, scope: Scope
    ) -> None:
        """Run an item, unless the journal knows its result."""
        try:
            params = self._params_for(scope)
            key = as_text(self._step.key_for(scope))
            identity = recall.identify(index, key, params)
        except JournalError:
            raise
        except Exception:  # the attempt will fail for the same reason, and say so
            await self._run_item(index, item, scope)
            return
        found = recall.find(identity)
        if found is None:
            await self._run_item(index, item, scope, params, identity)
            return
        self.items.succeed(index, decode(found))
        self.tell(ItemFinished, index, None, journaled=True)

    async def _run_item(
        self,
        index: int,
        item: Any,
        scope: Scope,
        params: dict[str, Any] | None = None,
        identity: Identity | None = None,
    ) -> None:
        """Run an item until an attempt succeeds, or was the last one."""
        attempt = 1
        while True:
            try:
                if params is None:
                    params = self._params_for(scope)
                if self._is_watched and not await self._may_start(index, attempt):
                    return
                action, outputs = await self._call(params, self._shared)
                result = self._result(item, action, outputs)
            except _FAILURES as error:
                if self._crew.is_cancelled(error):
                    raise
                if not self._step.retry.tries_again(error, attempt):
                    await self._fail(index, item, error, attempt, identity)
                    return
                if not await self._waits_for_retry(index, error, attempt):
                    return
                attempt += 1
                params = None  # the node may have changed those that it was given
            else:
                if self._is_alone:
                    self.items.succeed(index, result)
                else:
                    await self._succeed(index, result, attempt, identity)
                return

    async def _succeed(
        self, index: int, result: Any, attempt: int, identity: Identity | None
    ) -> None:
        """Keep the result of an item, in the journal first."""
        if identity is not None and self._recall is not None:
            await self._crew.settled(self._recall.succeeded(identity, result))
        self.items.succeed(index, result)
        if self._emit is not None:
            self.tell(ItemFinished, index, attempt)

    async def _fail(
        self,
        index: int,
        item: Any,
        error: BaseException,
        attempt: int,
        identity: Identity | None,
    ) -> None:
        """Keep the failure of an item; it may be the one that stops the batch."""
        self._hold_back(index, error)
        message, kind = describe(error), type(error).__name__
        if identity is not None and self._recall is not None:
            await self._crew.settled(self._recall.failed(identity, message, kind))
        self.items.fail(index, item, error)
        self.tell(ItemFailed, index, attempt, message, kind)
        if self.items.stopped:
            self._crew.stop_others()

    async def _waits_for_retry(
        self, index: int, error: BaseException, attempt: int
    ) -> bool:
        """Wait for the next attempt; return False if the batch was stopped."""
        self._hold_back(index, error)
        wait = self._step.retry.seconds(attempt)
        message, kind = describe(error), type(error).__name__
        self.tell(ItemRetried, index, attempt, message, kind, wait)
        return await self._crew.pause(wait)

    def _hold_back(self, index: int, error: BaseException) -> None:
        """Start nothing for a while if a server has asked for that."""
        seconds = retry_after(error)
        if seconds is not None and self._gate.hold(seconds):
            self._is_gated = self._is_watched = True
            self.tell(HeldBack, index, seconds)

    async def _may_start(self, index: int, attempt: int) -> bool:
        """Wait at the gate; return False if the batch was stopped."""
        if self._is_gated and not await self._gate.enter(self._crew.pause):
            return False
        if attempt == 1:
            self.tell(ItemStarted, index, attempt)
        return True

    def _result(self, item: Any, action: str, outputs: dict[str, Any]) -> Any:
        """Return one result of the batch: `docs/language.md` § 3."""
        if action == "error":
            raise ErrorAction(outputs.get("error"), outputs)
        if self._gives_records:
            return {**outputs, "item": item}
        if self._primary is None:
            return outputs if len(outputs) != 1 else next(iter(outputs.values()))
        if self._primary in outputs:
            return outputs[self._primary]
        written = ", ".join(map(str, outputs)) or "nothing"
        message = f'the node wrote no output "{self._primary}", only {written}'
        raise MissingResultError(message)
