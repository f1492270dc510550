"""What the tests of the planner share: models that say what a test wants them to."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from scripted_models import Install, Scripted, installed


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Give what makes a scripted model known to `llm`, until the test is over."""
    monkeypatch.setenv("LLM_USER_PATH", str(tmp_path / "llm"))
    with ExitStack() as stack:

        def make(*replies: str | Exception, **settings: object) -> Scripted:
            return stack.enter_context(installed(*replies, **settings))

        yield make
