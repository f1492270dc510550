"""Random runs on one journal agree with a dict that says what must be in it."""

from concurrent.futures import Future
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from profiles import scaled

from pflow_lower.runtime.journal.journal import BatchJournal, Journal

PATIENCE = 60
"""Seconds after which something that should happen counts as never happening."""

names = st.sampled_from(["a", "b", "\ud800", "\0"])
digests = st.sampled_from(["1", "2"])


class Runs(RuleBasedStateMachine):
    """A journal over several runs, beside a dict that says what must be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.items: dict[tuple[str, str], tuple[str, str, str | None]] = {}
        self.steps: dict[str, tuple[str, str]] = {}
        self.definitions: dict[str, str] = {}
        self.futures: list[Future[None]] = []

    @initialize()
    def open(self) -> None:
        self.journal = Journal.open(Path(self.folder.name, "run.sqlite"))
        self.batches: dict[str, BatchJournal] = {}

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.open()

    @rule(node=names, definition=digests)
    def begin(self, node: str, definition: str) -> None:
        batch = self.journal.batch(node, definition)
        changed = self.definitions.get(node, definition) != definition
        assert batch.changed == changed
        self.batches[node] = batch
        self.definitions[node] = definition

    @precondition(lambda self: self.batches)
    @rule(at=st.randoms(), key=names, digest=digests, result=st.none() | names)
    def finish(self, at: Any, key: str, digest: str, result: str | None) -> None:
        node = at.choice(sorted(self.batches))
        batch = self.batches[node]
        if result is None:
            future = batch.record_failure(0, key, digest, "no", "ValueError")
        else:
            future = batch.record(0, key, digest, result)
        self.futures.append(future)
        self.items[node, key] = (self.definitions[node], digest, result)

    @rule(node=names, digest=digests, outputs=names)
    def step(self, node: str, digest: str, outputs: str) -> None:
        self.futures.append(self.journal.record_step(node, digest, "go", outputs))
        self.steps[node] = (digest, outputs)

    @rule(node=names, digest=digests)
    def find_step(self, node: str, digest: str) -> None:
        self.settle()
        known, outputs = self.steps.get(node, (None, ""))
        expected = ("go", outputs) if known == digest else None
        assert self.journal.step(node, digest) == expected

    @precondition(lambda self: self.batches)
    @rule(at=st.randoms(), key=names, digest=digests)
    def find(self, at: Any, key: str, digest: str) -> None:
        self.settle()
        node = at.choice(sorted(self.batches))
        definition, known, result = self.items.get((node, key), ("", "", None))
        current = definition == self.definitions[node]
        found = self.batches[node].find(key, digest)
        assert found == (result if current and known == digest else None)
        assert self.batches[node].known(key, digest) == (current and known != digest)

    def settle(self) -> None:
        for future in self.futures:
            future.result(PATIENCE)
        self.futures.clear()

    @invariant()
    def nothing_has_failed(self) -> None:
        assert all(f.exception() is None for f in self.futures if f.done())

    def teardown(self) -> None:
        self.journal.close()
        self.settle()
        self.folder.cleanup()


def test_a_journal_is_a_dict_that_stays() -> None:
    run_state_machine_as_test(
        Runs, settings=settings(max_examples=scaled(60), stateful_step_count=30)
    )
