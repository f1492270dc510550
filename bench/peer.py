"""A batch of ours against the same one of pflow-cli: `make bench-peer`.

Both run a synchronous node that does nothing, with one template, on ten threads,
each in a process of its own and by turns.
"""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.bulk import NoOp, batch
from bench.measure import Ratio, seconds

ITEMS = 20_000
ROUNDS = 9


def ratios(python: str) -> Iterator[Ratio]:
    """Give the ratio; `python` is that of the venv with pflow-cli."""
    here = Path(__file__).parent
    ours = [sys.executable, "-m", "bench.peer", str(ITEMS)]
    theirs = [python, str(here / "peer_batch.py"), str(ITEMS)]
    times = [(per_item(ours), per_item(theirs)) for _ in range(ROUNDS)]
    least_ours, least_theirs = (min(column) for column in zip(*times, strict=True))
    title = f"{ITEMS:,} sync no-ops, against pflow-cli 0.16.0"
    yield Ratio(title, least_ours, least_theirs, 0.20)


def per_item(command: list[str]) -> float:
    """Run a program that prints the seconds that an item takes."""
    ran = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(ran.stdout.splitlines()[-1])


if __name__ == "__main__":
    count = int(sys.argv[1])
    print(seconds(batch(NoOp, count)) / count)
