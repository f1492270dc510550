"""Compare what lowering would write with the files that exist."""

import os
from io import StringIO
from pathlib import Path

from pflow_lower.api import Lowered
from pflow_lower.cli.jobs import Job
from pflow_lower.cli.streams import say, write_stdout
from pflow_lower.support.statuses import ExitStatus


def compare(lowered: Lowered, job: Job, *, check: bool, diff: bool) -> int:
    """Report each file that is missing or different; return the exit status."""
    status = ExitStatus.OK
    wanted = (lowered.ir_text, lowered.module)
    for path, new in zip(job.paths, wanted, strict=True):
        old = path.read_bytes() if path.exists() else None
        if old == new.encode():
            continue
        status = ExitStatus.FAILED
        if check:
            what = "is missing" if old is None else "is out of date"
            say(f"{path}: {what}; lower {job.shown} again")
        if diff:
            write_stdout(_diff(path, old, new))
    return status


def _diff(path: Path, old: bytes | None, new: str) -> str:
    from difflib import unified_diff  # late: only a difference needs it

    before = "" if old is None else old.decode(errors="replace")
    name = os.devnull if old is None else str(path)
    return "".join(unified_diff(_lines(before), _lines(new), name, str(path)))


def _lines(text: str) -> list[str]:
    # str.splitlines would also split at U+2028, which any string may contain.
    return StringIO(text, newline="\n").readlines()
