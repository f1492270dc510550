"""`spans`: the batches of a run and their items as OpenTelemetry spans."""

from typing import TYPE_CHECKING, NamedTuple

from pflow_lower.runtime.errors import RunError
from pflow_lower.runtime.events.event import (
    BatchFinished,
    BatchStarted,
    Event,
    HeldBack,
    ItemFailed,
    ItemFinished,
    ItemRetried,
    ItemStarted,
    now,
)
from pflow_lower.support.text import to_utf8

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span
    from opentelemetry.util.types import AttributeValue

_FLUSH_MILLISECONDS = 5000


class Spans:
    """A listener that makes a span of each batch, and a child span of each item.

    A batch's span is called `batch NODE`, those of its items `NODE`; it is itself a
    child of the span in which the run was started, if there is one. Retries and
    hold-backs are events of the spans. An item that was
    not over when its batch was ends with it, and has `pflow.unfinished`.

    The tracer provider of the program says where the spans go; without one nothing is
    recorded. The environment configures a provider, its exporter and all else with

        pip install opentelemetry-distro opentelemetry-exporter-otlp
        opentelemetry-instrument python docs_lowered.py --otel

    or, in Python, by `opentelemetry.trace.set_tracer_provider` before the run.

    Raises RunError if the extra is not installed.
    """

    def __init__(self) -> None:
        try:
            from opentelemetry import trace
        except ImportError as error:
            raise RunError(
                "spans need an extra: pip install 'pflow-lower[otel]'"
            ) from error
        self._tracer = trace.get_tracer("pflow_lower")
        self._batches: dict[tuple[str, int], _Batch] = {}

    def __call__(self, event: Event) -> None:
        """Begin, change or end the span that an event is about."""
        key = event.node_id, event.batch
        if isinstance(event, BatchStarted):
            self._end(key, event.time)
            self._batches[key] = self._batch(event)
        elif (batch := self._batches.get(key)) is not None:
            self._change(batch, event)

    def close(self) -> None:
        """End the spans of what did not finish, and have all spans exported.

        An interrupted program may end without another chance for that.
        """
        from opentelemetry.trace import get_tracer_provider

        time = now()
        for key in list(self._batches):
            self._end(key, time)
        if flush := getattr(get_tracer_provider(), "force_flush", None):
            flush(_FLUSH_MILLISECONDS)

    def _change(self, batch: "_Batch", event: Event) -> None:
        match event:
            case ItemStarted():
                if event.index not in batch.items:
                    batch.items[event.index] = self._item(batch, event)
            case ItemFinished() | ItemFailed():
                # An item of the journal did not start.
                span = batch.items.pop(event.index, None) or self._item(batch, event)
                if event.attempt is not None:
                    span.set_attribute("pflow.attempts", event.attempt)
                if isinstance(event, ItemFailed):
                    _fail(span, event.error, event.type)
                span.end(_nanoseconds(event.time))
            case ItemRetried() | HeldBack():
                _add_event(batch.items.get(event.index, batch.span), event)
            case BatchFinished():
                batch.span.set_attribute("pflow.count", event.count)
                batch.span.set_attribute("pflow.success_count", event.success_count)
                batch.span.set_attribute("pflow.error_count", event.error_count)
                if event.error is not None:
                    _fail(batch.span, event.error, event.type)
                self._end((event.node_id, event.batch), event.time)

    def _batch(self, event: BatchStarted) -> "_Batch":
        from opentelemetry.trace import set_span_in_context

        attributes: dict[str, AttributeValue] = {"pflow.node_id": event.node_id}
        if event.total is not None:
            attributes["pflow.total"] = event.total
        span = self._tracer.start_span(
            f"batch {event.node_id}",
            attributes=attributes,
            start_time=_nanoseconds(event.time),
        )
        return _Batch(span, set_span_in_context(span), {})

    def _item(
        self, batch: "_Batch", event: ItemStarted | ItemFinished | ItemFailed
    ) -> "Span":
        return self._tracer.start_span(
            event.node_id,
            context=batch.context,
            attributes={
                "pflow.node_id": event.node_id,
                "pflow.journaled": isinstance(event, ItemFinished) and event.journaled,
                "pflow.index": event.index,
            },
            start_time=_nanoseconds(event.time),
        )

    def _end(self, key: tuple[str, int], time: float) -> None:
        """End what is open of a batch, if anything is."""
        if (batch := self._batches.pop(key, None)) is not None:
            for span in batch.items.values():
                span.set_attribute("pflow.unfinished", True)
                span.end(_nanoseconds(time))
            batch.span.end(_nanoseconds(time))


class _Batch(NamedTuple):
    """The span of a batch, and those of its items that are open, by their index."""

    span: "Span"
    context: "Context"
    items: "dict[int, Span]"


def _fail(span: "Span", error: str, kind: str | None) -> None:
    from opentelemetry.trace import StatusCode

    span.set_status(StatusCode.ERROR, _text(error))
    if kind is not None:
        span.set_attribute("error.type", kind)


def _add_event(span: "Span", event: ItemRetried | HeldBack) -> None:
    """Record a retry or a hold-back."""
    told: dict[str, AttributeValue] = {"pflow.wait": event.wait}
    if isinstance(event, ItemRetried):
        told["pflow.attempt"] = event.attempt
        told["exception.type"] = event.type
        told["exception.message"] = _text(event.error)
    span.add_event(event.kind, told, _nanoseconds(event.time))


def _text(message: str) -> str:
    """Escape lone surrogates, which exporters cannot send."""
    return to_utf8(message).decode()


def _nanoseconds(time: float) -> int:
    # A float is not more precise than microseconds since the epoch.
    return round(time * 1_000_000) * 1000
