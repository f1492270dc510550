"""Spans as the SDK of OpenTelemetry records them."""

import subprocess
import sys
import time
from collections.abc import Iterator
from textwrap import dedent
from typing import Any

import event_samples
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from pflow_lower.runtime import Event
from pflow_lower.runtime.errors import RunError
from pflow_lower.runtime.events.delivery import Events
from pflow_lower.runtime.events.telemetry import Spans

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""

SECOND = 1_000_000_000
BEGIN = 1_767_225_600
"""All times of these tests are this many seconds and some quarters after the epoch."""


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """Give the global tracer provider, which a program otherwise sets only once."""
    provider = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    yield provider
    provider.shutdown()


@pytest.fixture
def exporter(provider: TracerProvider) -> InMemorySpanExporter:
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


def event(kind: str, after: float, index: int | None = None, **fields: Any) -> Event:
    item = {} if index is None else {"index": index}
    return event_samples.event(kind, BEGIN + after, **item, **fields)


def told(*emitted: Event) -> None:
    events = Events([Spans()])
    for each in emitted:
        events.emit(each)
    events.close()


def by_name(exporter: InMemorySpanExporter) -> dict[str, list[ReadableSpan]]:
    found: dict[str, list[ReadableSpan]] = {}
    for span in exporter.get_finished_spans():
        found.setdefault(span.name, []).append(span)
    return found


def times(span: ReadableSpan) -> tuple[float, float]:
    assert span.start_time is not None
    assert span.end_time is not None
    begin = BEGIN * SECOND  # subtracted as an int: as a float it is too coarse
    return (span.start_time - begin) / SECOND, (span.end_time - begin) / SECOND


def test_a_batch_is_a_span_and_its_items_are_its_children(
    exporter: InMemorySpanExporter,
) -> None:
    told(
        event("batch_started", 0, total=2),
        event("item_started", 0.25, 0),
        event("item_started", 0.5, 1),
        event("item_finished", 1.25, 1, attempt=1),
        event("item_finished", 1.5, 0, attempt=3),
        event("batch_finished", 2, count=2, success_count=2, error_count=0),
    )
    found = by_name(exporter)
    (batch,) = found["batch sum"]
    second, first = found["sum"]
    assert batch.parent is None
    assert times(batch) == (0, 2)
    assert batch.attributes == {
        "pflow.node_id": "sum",
        "pflow.total": 2,
        "pflow.count": 2,
        "pflow.success_count": 2,
        "pflow.error_count": 0,
    }
    assert first.parent == second.parent == batch.context
    assert (times(first), times(second)) == ((0.25, 1.5), (0.5, 1.25))
    assert first.attributes == {
        "pflow.node_id": "sum",
        "pflow.index": 0,
        "pflow.journaled": False,
        "pflow.attempts": 3,
    }
    assert all(
        span.status.status_code is StatusCode.UNSET for span in (batch, first, second)
    )


def test_a_failure_is_a_status_with_its_message(exporter: InMemorySpanExporter) -> None:
    told(
        event("batch_started", 0),
        event("item_started", 0.25, 0),
        event("item_failed", 0.5, 0, attempt=2, error="no tea", type="ValueError"),
        event("batch_finished", 1, count=1, error="item 0: no tea", type="BatchError"),
    )
    found = by_name(exporter)
    (batch,), (item,) = found["batch sum"], found["sum"]
    assert item.status.status_code is StatusCode.ERROR
    assert item.status.description == "no tea"
    assert item.attributes == {
        "pflow.node_id": "sum",
        "pflow.index": 0,
        "pflow.journaled": False,
        "pflow.attempts": 2,
        "error.type": "ValueError",
    }
    assert batch.status.status_code is StatusCode.ERROR
    assert batch.status.description == "item 0: no tea"


def test_retries_and_hold_backs_are_events_of_the_spans(
    exporter: InMemorySpanExporter,
) -> None:
    told(
        event("batch_started", 0),
        event("item_started", 0.25, 0),
        event(
            "item_retried", 0.5, 0, attempt=1, wait=1.5, error="busy", type="OSError"
        ),
        event("held_back", 0.75, 1, wait=30.0),
        event("item_finished", 1, 0, attempt=2),
        event("batch_finished", 2),
    )
    found = by_name(exporter)
    (retried,) = found["sum"][0].events
    assert retried.name == "item_retried"
    assert retried.timestamp == BEGIN * SECOND + SECOND // 2
    assert retried.attributes == {
        "pflow.attempt": 1,
        "pflow.wait": 1.5,
        "exception.type": "OSError",
        "exception.message": "busy",
    }
    (held,) = found["batch sum"][0].events
    assert (held.name, held.attributes) == ("held_back", {"pflow.wait": 30.0})


def test_an_item_of_the_journal_takes_no_time(exporter: InMemorySpanExporter) -> None:
    told(
        event("batch_started", 0),
        event("item_finished", 0.25, 0, journaled=True),
        event("batch_finished", 1),
    )
    (item,) = by_name(exporter)["sum"]
    assert times(item) == (0.25, 0.25)
    assert item.attributes is not None
    assert item.attributes["pflow.journaled"] is True


def test_what_is_open_ends_with_its_batch(exporter: InMemorySpanExporter) -> None:
    told(
        event("batch_started", 0),
        event("item_started", 0.25, 0),
        event("batch_finished", 1),
        event("item_finished", 2, 0),
    )
    found = by_name(exporter)
    (item,) = found["sum"]
    assert times(item) == (0.25, 1)
    assert item.attributes is not None
    assert item.attributes["pflow.unfinished"] is True
    assert len(found["batch sum"]) == 1


def test_what_is_open_ends_with_the_run(exporter: InMemorySpanExporter) -> None:
    told(event("batch_started", 0), event("item_started", 0.25, 0))
    found = by_name(exporter)
    (batch,), (item,) = found["batch sum"], found["sum"]
    assert batch.end_time == item.end_time
    # A second ago by a clock that nobody sets, so long after BEGIN.
    assert item.end_time is not None
    assert abs(item.end_time / SECOND - time.time()) < 86_400


def test_a_batch_belongs_to_the_span_in_which_it_runs(
    exporter: InMemorySpanExporter,
) -> None:
    tracer = trace.get_tracer("a test")
    with tracer.start_as_current_span("outer") as outer:
        told(event("batch_started", 0), event("batch_finished", 1))
    (batch,) = by_name(exporter)["batch sum"]
    assert batch.parent == outer.get_span_context()


def test_batches_of_one_node_at_the_same_time_are_told_apart(
    exporter: InMemorySpanExporter,
) -> None:
    told(
        event("batch_started", 0, batch=1),
        event("batch_started", 0.25, batch=2),
        event("item_started", 0.5, 0, batch=1),
        event("item_started", 0.5, 0, batch=2),
        event("item_finished", 1, 0, batch=2),
        event("item_finished", 2, 0, batch=1),
        event("batch_finished", 3, batch=1),
        event("batch_finished", 4, batch=2),
    )
    found = by_name(exporter)
    first, second = found["batch sum"]
    later, earlier = found["sum"]
    assert (later.parent, earlier.parent) == (second.context, first.context)
    assert (times(later), times(earlier)) == ((0.5, 1), (0.5, 2))
    assert (times(first), times(second)) == ((0, 3), (0.25, 4))


def test_spans_are_exported_before_the_run_is_over(provider: TracerProvider) -> None:
    exporter = InMemorySpanExporter()
    # Left to itself it would export in an hour.
    provider.add_span_processor(
        BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000)
    )
    told(event("batch_started", 0), event("batch_finished", 1))
    assert len(exporter.get_finished_spans()) == 1


def test_a_message_can_be_sent_whatever_it_holds(
    exporter: InMemorySpanExporter,
) -> None:
    told(
        event("batch_started", 0),
        event("item_started", 0.25, 0),
        event("item_retried", 0.5, 0, error="no \udcff"),
        event("item_failed", 0.5, 0, error="no \udcff"),
    )
    (item,) = by_name(exporter)["sum"]
    assert item.status.description == "no \\udcff"
    attributes = item.events[0].attributes
    assert attributes is not None
    assert attributes["exception.message"] == "no \\udcff"


def test_without_a_provider_nothing_happens() -> None:
    code = """
        from pflow_lower.runtime import BatchFinished, BatchStarted, HeldBack
        from pflow_lower.runtime import ItemFailed, ItemRetried, ItemStarted
        from pflow_lower.runtime.events.delivery import Events
        from pflow_lower.runtime.events.telemetry import Spans

        events = Events([Spans()])
        events.emit(BatchStarted("sum", 1.0, 1, total=1))
        events.emit(ItemStarted("sum", 2.0, 1, 0, 1))
        events.emit(ItemRetried("sum", 3.0, 1, 0, 1, "no", "OSError", wait=0.5))
        events.emit(HeldBack("sum", 3.5, 1, 0, wait=1.0))
        events.emit(ItemFailed("sum", 4.0, 1, 0, 2, "no", "OSError"))
        events.emit(BatchFinished("sum", 5.0, 1, None, None, 1, 0, 1))
        events.close()
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", dedent(code)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    assert done.stderr == ""


def test_without_the_api_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(RunError) as raised:
        Spans()
    assert str(raised.value) == "spans need an extra: pip install 'pflow-lower[otel]'"
