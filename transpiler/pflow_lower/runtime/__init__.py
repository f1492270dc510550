"""What generated modules import: steps, batches, flows, scopes.

It knows nothing of the transpiler; at import it needs PocketFlow and the standard
library alone.
"""

from pflow_lower.runtime.batch.admission import ItemsError
from pflow_lower.runtime.batch.gate import RateLimit
from pflow_lower.runtime.batch.retry import Retry
from pflow_lower.runtime.batch.step import BatchStep
from pflow_lower.runtime.errors import (
    BatchError,
    BatchTimeoutError,
    ErrorAction,
    InputError,
    InvalidIndexError,
    MissingReferenceError,
    MissingResultError,
    RunError,
    StepError,
    UnknownNodeTypeError,
)
from pflow_lower.runtime.events.event import (
    BatchFinished,
    BatchStarted,
    Event,
    HeldBack,
    ItemFailed,
    ItemFinished,
    ItemRetried,
    ItemStarted,
)
from pflow_lower.runtime.flow import WorkflowFlow, run_flow
from pflow_lower.runtime.inputs import Input
from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.program.main import main
from pflow_lower.runtime.scope import Scope, concat, decoded
from pflow_lower.runtime.step import Step

__all__ = [
    "BatchError",
    "BatchFinished",
    "BatchStarted",
    "BatchStep",
    "BatchTimeoutError",
    "ErrorAction",
    "Event",
    "HeldBack",
    "Input",
    "InputError",
    "InvalidIndexError",
    "ItemFailed",
    "ItemFinished",
    "ItemRetried",
    "ItemStarted",
    "ItemsError",
    "JournalError",
    "MissingReferenceError",
    "MissingResultError",
    "RateLimit",
    "Retry",
    "RunError",
    "Scope",
    "Step",
    "StepError",
    "UnknownNodeTypeError",
    "WorkflowFlow",
    "concat",
    "decoded",
    "main",
    "run_flow",
]
