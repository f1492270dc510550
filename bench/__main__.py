"""Print every measurement: `make bench`, or `make bench ARGS=starting`.

`make bench-peer` adds PEER, the Python of a venv with pflow-cli.
"""

import os
import sys

from bench import bulk, peer, starting, use_cases, waiting

SUBJECTS = {
    "waiting": waiting.ratios,
    "bulk": bulk.ratios,
    "starting": starting.ratios,
    "use_cases": use_cases.ratios,
}
if "PEER" in os.environ:
    SUBJECTS = {"peer": lambda: peer.ratios(os.environ["PEER"])}


def main() -> None:
    """Measure, and print a line each."""
    print(f"{'':58} {'ours':>13} {'theirs':>13} {'ratio':>7} {'bound':>7}")
    for subject in sys.argv[1:] or SUBJECTS:
        for ratio in SUBJECTS[subject]():
            print(ratio, flush=True)


if __name__ == "__main__":
    main()
