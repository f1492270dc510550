"""A damaged journal gives what was written, or an error: never something else."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from profiles import scaled

from pflow_lower.runtime.journal.errors import JournalError
from pflow_lower.runtime.journal.journal import Journal

ITEMS = 150


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a journal that is not damaged."""
    path = tmp_path_factory.mktemp("journal") / "run.sqlite"
    with Journal.open(path) as journal:
        batch = journal.batch("sum", "d")
        for index in range(ITEMS):
            batch.record(index, str(index), digest_of(index), result_of(index))
    return path


def digest_of(index: int) -> str:
    return f"{index:032}"


def result_of(index: int) -> str:
    return f'"{index:0500}"'


def complaint(content: bytes) -> str:
    """Open a journal of these bytes and read all of it; say what it is refused with.

    Whatever is found before that must be what was written.
    """
    with TemporaryDirectory() as folder:
        path = Path(folder) / "run.sqlite"
        path.write_bytes(content)
        try:
            journal = Journal.open(path)
        except JournalError as error:
            message = str(error).removeprefix(f'the journal "{path}" ')
            return message if path.read_bytes() == content else "changed"
        with journal:
            try:
                batch = journal.batch("sum", "d")
                for index in range(ITEMS):
                    found = batch.find(str(index), digest_of(index))
                    assert found in (None, result_of(index))
            except JournalError as error:
                return str(error).removeprefix(f'the journal "{path}" ')
        return ""


KNOWN = ("is damaged: ", "is not a journal but ", "is a database, ", "was ")
"""Bytes of the header also say what kind of file it is, and of which version."""


places = st.floats(0, 1, exclude_max=True)
"""Where in a file something happens, as a part of its length."""


@settings(max_examples=scaled(300))
@given(at=places, length=st.sampled_from([1, 1, 16, 4096]), mask=st.integers(1, 255))
def test_flipped_bytes(whole: Path, at: float, length: int, mask: int) -> None:
    changed = bytearray(whole.read_bytes())
    start = int(at * len(changed))
    for index in range(start, min(start + length, len(changed))):
        changed[index] ^= mask
    message = complaint(bytes(changed))
    assert not message or message.startswith(KNOWN)


@given(at=places)
def test_a_file_that_is_cut_off(whole: Path, at: float) -> None:
    content = whole.read_bytes()
    end = max(1, int(at * len(content)))
    message = complaint(content[:end])
    assert message.startswith("is damaged: " if end >= 100 else "is not a journal but ")


def test_a_page_of_zeros_is_found_when_the_file_is_opened(whole: Path) -> None:
    content = whole.read_bytes()
    changed = content[: 3 * 4096] + bytes(4096) + content[4 * 4096 :]
    assert complaint(changed).startswith("is damaged: ")


def test_a_changed_result_is_found_when_it_is_read(tmp_path: Path, whole: Path) -> None:
    content = whole.read_bytes()
    changed = content.replace(result_of(7).encode(), result_of(70).encode())
    (path := tmp_path / "run.sqlite").write_bytes(changed)
    with Journal.open(path) as journal:
        batch = journal.batch("sum", "d")
        assert batch.find("8", digest_of(8)) == result_of(8)
        with pytest.raises(JournalError) as raised:
            batch.find("7", digest_of(7))
    assert str(raised.value) == (
        f'the journal "{path}" is damaged: use another journal, or recover its '
        "contents with the command .recover of sqlite3 (the row of 'sum', '7')"
    )
